//! The `throughline` binary: a demo of the whole system, and tools that look at tokens.

mod cli;
mod demo;
mod inspect;
mod verify;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
