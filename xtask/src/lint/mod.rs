//! `cargo xtask lint`: form, and the invariants of the design as code.
//!
//! A check returns what it found; all of them run before the verdict, the cheap ones first. What
//! is not here because a test does it: the table of reasons is current (`throughline-core`), what
//! must not compile does not (`tests/`).

mod deny;
mod failures;
mod links;
mod manifests;
mod minimal;
mod public_api;
mod sources;
mod tools;
mod tree;
mod undebugged;

use self::tree::Tree;
use crate::Error;

/// What a check found.
#[derive(Default)]
struct Findings {
    /// Each fails the lint.
    problems: Vec<String>,
    /// These do not.
    notes: Vec<String>,
}

impl Findings {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// `text` is a problem unless `held`.
    fn demand(&mut self, held: bool, text: impl Into<String>) {
        if !held {
            self.problem(text);
        }
    }
}

type Check = fn(&Tree) -> Result<Findings, Error>;

/// Name and check, in the order in which they run.
const CHECKS: &[(&str, Check)] = &[
    ("star", manifests::star),
    ("core-pure-dependencies", manifests::core_is_pure),
    ("lints-inherited", manifests::lints_are_inherited),
    ("msrv", manifests::msrv),
    ("core-pure-sources", sources::core_is_pure),
    ("proof-constructors", sources::proofs_have_one_home),
    ("forbidden-words", sources::forbidden_words),
    ("machine-unnamed", sources::machine_is_unnamed),
    ("long-files", sources::long_files),
    ("failures", failures::each_has_a_test),
    ("secrets-undebugged", undebugged::secrets),
    ("links", links::lead_somewhere),
    ("fmt", tools::fmt),
    ("deny", deny::deny),
    ("clippy", tools::clippy),
    ("clippy-features", tools::clippy_with_other_features),
    ("minimal-versions", minimal::versions_suffice),
    ("doc", tools::doc),
    ("public-api", public_api::names_no_unstable_type),
    ("public-api-recorded", public_api::is_recorded),
    ("semver", public_api::judged),
];

/// Runs all checks, or those that `--only` names.
pub(crate) fn run(arguments: &[&str]) -> Result<bool, Error> {
    let only = only(arguments)?;
    let tree = Tree::read()?;
    let mut failed = Vec::new();
    let mut summary = Vec::new();
    for (name, check) in CHECKS {
        if !only.is_empty() && !only.contains(name) {
            continue;
        }
        let findings = check(&tree).unwrap_or_else(|error| Findings {
            problems: vec![format!("the check could not be made: {error}")],
            ..Findings::default()
        });
        let verdict = if findings.problems.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        summary.push(format!("{name}: {verdict}"));
        summary.extend(
            findings
                .notes
                .iter()
                .map(|note| format!("    note: {note}")),
        );
        summary.extend(
            findings
                .problems
                .iter()
                .map(|problem| format!("    {problem}")),
        );
        if !findings.problems.is_empty() {
            failed.push(*name);
        }
    }
    println!("\n=== summary of `cargo xtask lint`");
    println!("{}", summary.join("\n"));
    if failed.is_empty() {
        println!("\nlint: all checks hold");
    } else {
        println!("\nlint: {} failed: {}", failed.len(), failed.join(", "));
    }
    Ok(failed.is_empty())
}

fn only<'a>(arguments: &[&'a str]) -> Result<Vec<&'a str>, Error> {
    let mut only = Vec::new();
    for pair in arguments.chunks(2) {
        let known = |name: &str| CHECKS.iter().any(|(known, _)| *known == name);
        match pair {
            ["--only", name] if known(name) => only.push(*name),
            ["--only", name] => return Err(format!("there is no check `{name}`").into()),
            other => return Err(format!("unknown arguments `{}`", other.join(" ")).into()),
        }
    }
    Ok(only)
}
