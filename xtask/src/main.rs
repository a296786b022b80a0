//! Development tasks, started as `cargo xtask TASK`.

mod bench;
mod lint;
mod run;
mod test;

use std::process::ExitCode;

/// Anything that keeps a task from being done.
type Error = Box<dyn std::error::Error>;

const HELP: &str = "\
Tasks of this repository.

  cargo xtask test                    every test: workspace, doctests, examples
  cargo xtask lint [--only CHECK]…    formatting, clippy, docs, and the invariants of the design
  cargo xtask bench [--json] [--quick] [--only ROW]
                                      what a hop costs beside its peers, with the budgets;
                                      --json prints the figures as the last line,
                                      --quick only shows that it works,
                                      --only runs one row for ten seconds, for a profiler
  cargo xtask help                    this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test"] => test::run(),
        ["lint", rest @ ..] => lint::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(true)
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
