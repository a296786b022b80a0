//! The built binary, as a person or a script runs it.

// Always on here; it tells clippy that the helpers between tests are tests too.
#![cfg(test)]

mod demo;
mod differential;
mod edge;
mod edge_tls;
mod hold;
mod inspect;
mod probe;
mod secrets;
mod verify;

#[path = "../../../../tests/python/interpreter.rs"]
mod python;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn throughline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the binary to its end, with this on standard input.
fn run(args: &[&str], input: &[u8]) -> Output {
    let mut command = throughline();
    command.args(args);
    feed(command, input)
}

/// Runs any command in the same way.
fn feed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Beside the reading, as neither pipe holds everything. A command that does not read on is
    // judged by what it says.
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}
