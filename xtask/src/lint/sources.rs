//! What the sources must not say. These are textual checks: they read lines, not syntax.

use super::Findings;
use super::tree::Tree;
use crate::Error;

/// Words that stand for async, I/O, threads, ambient state or a clock.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
];

/// Invariant 1: `throughline-core` decides over plain values. Its tests may read files.
pub(super) fn core_is_pure(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let mut seen = 0;
    for (path, text) in tree.sources() {
        if !path.starts_with("crates/throughline-core/src/") || is_test_file(path) {
            continue;
        }
        seen += 1;
        for (number, line) in code(without_tests(text)) {
            for word in IMPURE.iter().filter(|word| has_word(line, word)) {
                findings.problem(format!("{path}:{number} has `{word}`"));
            }
            // `use std::{fs, net}` would slip by the words above.
            if line.contains(concat!("use std::", "{")) {
                findings.problem(format!(
                    "{path}:{number} groups imports of std, expected one line each"
                ));
            }
        }
    }
    findings.demand(
        seen > 10,
        "no sources of the core were found; the check is blind",
    );
    Ok(findings)
}

/// Invariant 2: only the verifying seam and the decision assert anything.
pub(super) fn proofs_have_one_home(tree: &Tree) -> Result<Findings, Error> {
    const PROOF: &str = "crates/throughline-core/src/context/proof.rs";
    const HOP: &str = "crates/throughline-core/src/hop/";
    let mut findings = Findings::default();
    for (path, text) in tree.sources() {
        let spared = [HOP, "tests/must_not_compile/", "xtask/"];
        if path == PROOF || spared.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        for (number, line) in code(text) {
            if line.contains("::assertion") || line.contains("fn assertion") {
                findings.problem(format!("{path}:{number} makes a proof"));
            }
        }
    }
    let made = code(tree.file(PROOF)?).filter(|(_, line)| line.contains("fn assertion("));
    findings.demand(
        made.count() >= 4,
        format!("`{PROOF}` defines fewer than four proofs; the check is blind"),
    );
    Ok(findings)
}

/// What must not be written, and why. Cut in two, so that this file does not hold it.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("#[", "allow("), "write `#[expect(…, reason = …)]`"),
    (
        concat!("#![", "allow("),
        "write `#![expect(…, reason = …)]`",
    ),
    (concat!("to", "do!("), "finish it"),
    (concat!("unimple", "mented!("), "finish it"),
];

/// Invariant 4: a context belongs to a request or a delivery, never to a thread.
const AMBIENT: &str = concat!("thread_", "local!");

/// Words that are forbidden everywhere, and one that is forbidden outside of tests.
pub(super) fn forbidden_words(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for (path, text) in tree.sources() {
        if !is_test_file(path) {
            for (number, _) in code(without_tests(text)).filter(|(_, line)| line.contains(AMBIENT))
            {
                findings.problem(format!("{path}:{number} keeps something for a thread"));
            }
        }
        for (number, line) in code(text) {
            for (word, instead) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
                findings.problem(format!("{path}:{number} has `{word}`: {instead}"));
            }
        }
    }
    Ok(findings)
}

/// Paths and hosts of the machine the project happens to be built on.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!(".lib", "rary"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("py", "pi.org"),
    concat!("pythonhosted", ".org"),
    concat!("registry.", "npmjs"),
    concat!("deb.", "debian.org"),
];

/// Nothing names the machine. Cargo's own lock file says where packages come from.
pub(super) fn machine_is_unnamed(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for (path, text) in tree.files().filter(|(path, _)| *path != "Cargo.lock") {
        for (number, line) in (1..).zip(text.lines()) {
            for word in MACHINE.iter().filter(|word| line.contains(*word)) {
                findings.problem(format!("{path}:{number} names `{word}`"));
            }
        }
    }
    Ok(findings)
}

/// Past this many lines a file is more than one promise.
const LONG: usize = 700;

/// A note, not a problem: tables of tests may be long.
pub(super) fn long_files(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for (path, text) in tree.sources() {
        let lines = text.lines().count();
        if lines > LONG {
            findings.note(format!("{path} has {lines} lines, expected at most {LONG}"));
        }
    }
    Ok(findings)
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
}

/// A file up to the tests at its end.
fn without_tests(text: &str) -> &str {
    let tests = text.find("\n#[cfg(test)]\nmod tests {");
    tests.and_then(|at| text.get(..at)).unwrap_or(text)
}

/// The lines of a file without their comments, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(|line| {
        // Not the `//` of a URL, which stands in a string.
        let comment = line
            .match_indices("//")
            .find(|(at, _)| !line.get(..*at).unwrap_or_default().ends_with(':'));
        comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line)
    }))
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line.get(..at), line.get(at + word.len()..));
        !before.is_some_and(|before| before.ends_with(is_part))
            && !after.is_some_and(|after| after.starts_with(is_part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_and_comments_do_not_count() {
        assert!(has_word("pub async fn read()", "async"));
        assert!(has_word("use std::fs;", "std::fs"));
        assert!(!has_word("let asynchronous = 1;", "async"));
        assert!(!has_word("struct InstantOf;", "Instant"));
        let lines: Vec<_> =
            code("let a = 1; // async\n/// SystemTime\nlet url = \"https://x\"; let b;").collect();
        assert_eq!(
            lines,
            [
                (1, "let a = 1; "),
                (2, ""),
                (3, "let url = \"https://x\"; let b;")
            ]
        );
    }
}
