//! Development tasks, started as `cargo xtask TASK`.

mod bench;
mod fuzz;
mod lint;
mod mutants;
mod prepare;
mod run;
mod test;
mod tools;

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
  cargo xtask mutants [--quick] [--package NAME] [--file FILE]… [--shard K/N] [--jobs N] [--iterate]
                                      whether the tests notice small changes of the code: hours
                                      for all of it, --quick takes one file, --iterate goes on
                                      where the last run ended
  cargo xtask fuzz [--seconds N] [--seed N] [--only TARGET]… [--keep]
                                      lets each fuzzer run for a while (60 s) and fails on a finding;
                                      --keep minimises what was reached into the repository's corpus
  cargo xtask help                    this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test"] => test::run(),
        ["lint", rest @ ..] => lint::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        ["mutants", rest @ ..] => mutants::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
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
