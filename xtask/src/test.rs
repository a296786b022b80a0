//! `cargo xtask test`: everything that a user or CI needs to trust the tree.

use crate::Error;
use crate::prepare::prepare;
use crate::run::{cargo, has_subcommand, status_and_lines};

/// Runs every test. What is missing on the machine is installed, or asked for, first.
pub(crate) fn run() -> Result<bool, Error> {
    prepare()?;
    let mut runs = Vec::new();

    // The examples are members of the workspace, so their tests are among these.
    if has_subcommand("nextest") {
        runs.push(Run::of("tests", &["nextest", "run", "--workspace"])?);
    } else {
        println!("cargo-nextest is not installed; `cargo test` runs the tests instead");
        let all = [
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--no-fail-fast",
        ];
        runs.push(Run::of("tests", &all)?);
    }
    runs.push(Run::of(
        "doctests",
        &["test", "--workspace", "--doc", "--no-fail-fast"],
    )?);

    println!("\n=== summary of `cargo xtask test`");
    for run in &runs {
        println!(
            "{}: {}",
            run.name,
            if run.succeeded { "ok" } else { "FAILED" }
        );
        for line in run.closing.iter().filter(|line| !says_nothing(line)) {
            println!("    {line}");
        }
    }
    let count = |word| {
        runs.iter()
            .flat_map(|run| &run.closing)
            .map(|line| number_before(line, word))
            .sum::<u64>()
    };
    // A run that failed without a failed test did not even start: it counts as one.
    let lost = |run: &&Run| {
        let counted = run.closing.iter().map(|line| number_before(line, "failed"));
        !run.succeeded && counted.sum::<u64>() == 0
    };
    let passed = count("passed");
    let failed = count("failed") + runs.iter().filter(lost).count() as u64;
    println!("\ntotal: {passed} passed, {failed} failed");
    // A runner that ran nothing proved nothing.
    Ok(passed > 0 && runs.iter().all(|run| run.succeeded))
}

struct Run {
    name: &'static str,
    succeeded: bool,
    /// The closing lines of the runner.
    closing: Vec<String>,
}

impl Run {
    fn of(name: &'static str, arguments: &[&str]) -> Result<Self, Error> {
        let mut command = cargo(arguments.iter().copied());
        let (succeeded, closing) = status_and_lines(&mut command, is_closing)?;
        Ok(Self {
            name,
            succeeded,
            closing,
        })
    }
}

fn is_closing(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Summary [") || line.starts_with("test result: ")
}

/// The closing line of a crate without tests.
fn says_nothing(line: &str) -> bool {
    line.starts_with("test result: ok. 0 passed; 0 failed; 0 ignored")
}

/// The number in front of `word`, as in `12 passed`.
fn number_before(line: &str, word: &str) -> u64 {
    let mut before = 0;
    for piece in line
        .split([' ', ',', ';'])
        .filter(|piece| !piece.is_empty())
    {
        if piece == word {
            return before;
        }
        before = piece.parse().unwrap_or(0);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_both_runners_are_counted() {
        let nextest =
            "     Summary [   0.512s] 124 tests run: 122 passed (1 slow), 2 failed, 3 skipped";
        let cargo =
            "test result: FAILED. 7 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        for (line, passed, failed) in [(nextest, 122, 2), (cargo, 7, 1)] {
            assert!(is_closing(line));
            assert_eq!(number_before(line, "passed"), passed, "{line}");
            assert_eq!(number_before(line, "failed"), failed, "{line}");
        }
        assert!(!is_closing("test a::test_result ... ok"));
        assert!(says_nothing(
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured"
        ));
    }
}
