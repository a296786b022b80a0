//! The `throughline` binary: a demo of the whole system, tools that look at tokens, and a probe of
//! running services.

mod cli;
mod demo;
mod edge;
mod inspect;
mod probe;
mod verify;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
