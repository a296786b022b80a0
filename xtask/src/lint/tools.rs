//! The tools everybody uses.

use std::collections::BTreeSet;

use super::Findings;
use super::tree::Tree;
use crate::Error;
use crate::run::{cargo, root, status};

pub(super) fn fmt(_: &Tree) -> Result<Findings, Error> {
    demand(&["fmt", "--all", "--check"], "run `cargo fmt --all`")
}

pub(super) fn clippy(_: &Tree) -> Result<Findings, Error> {
    demand(
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        "see the warnings above",
    )
}

/// Every published crate alone, with each set of at most two of its features, and with all. Alone,
/// as the workspace turns features of its dependencies on; few features, so plain cargo will do.
pub(super) fn clippy_with_other_features(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for package in tree.members().filter(|package| package.is_published()) {
        let name = package.name();
        for features in powerset(&package.features()) {
            let mut arguments = vec!["clippy", "--package", name, "--no-default-features"];
            arguments.extend(["--features", &features, "--", "-D", "warnings"]);
            let advice = format!("see the warnings of `{name}` with `{features}` above");
            findings
                .problems
                .extend(demand(&arguments, &advice)?.problems);
        }
    }
    Ok(findings)
}

/// None, each, each two, and all, as cargo takes them.
fn powerset(features: &[&str]) -> BTreeSet<String> {
    let mut sets: BTreeSet<String> = [String::new(), features.join(",")].into();
    for (n, one) in features.iter().enumerate() {
        sets.insert((*one).to_owned());
        sets.extend(
            features
                .iter()
                .skip(n + 1)
                .map(|two| format!("{one},{two}")),
        );
    }
    sets
}

/// Links in documentation: of what users see, and of what we do. Two runs, as the first alone can
/// tell that public text links to something private, and the second alone reads private text. The
/// binary is named apart, as its name is the library's.
pub(super) fn doc(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let mut command = cargo(["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    findings.demand(status(&mut command)?, "see the warnings above");
    // Links only: what clap shows of a comment is no Markdown. And nothing is written.
    let private = "-D rustdoc::broken-intra-doc-links --document-private-items \
                   -Z unstable-options --check";
    let checked = |arguments: &[&str], advice: &str| -> Result<Findings, Error> {
        let mut findings = Findings::default();
        let mut command = cargo(arguments.iter().copied());
        command
            .env("RUSTDOCFLAGS", private)
            .env("RUSTDOC", root().join("xtask/rustdoc-json"))
            .env("CARGO_TARGET_DIR", tree.target());
        findings.demand(status(&mut command)?, advice);
        Ok(findings)
    };
    for found in [
        checked(
            &[
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ],
            "see the warnings in private documentation above",
        )?,
        checked(
            &[
                "rustdoc",
                "--package",
                "throughline-cli",
                "--bin",
                "throughline",
            ],
            "see the warnings in the documentation of the binary above",
        )?,
    ] {
        findings.problems.extend(found.problems);
    }
    Ok(findings)
}

fn demand(arguments: &[&str], advice: &str) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let held = status(&mut cargo(arguments.iter().copied()))?;
    findings.demand(held, advice);
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::powerset;

    #[test]
    fn a_powerset_has_nothing_each_two_and_all() {
        let sets: Vec<String> = powerset(&["a", "b", "c"]).into_iter().collect();
        assert_eq!(
            sets,
            ["", "a", "a,b", "a,b,c", "a,c", "b", "b,c", "c"].map(String::from)
        );
        assert_eq!(powerset(&[]).len(), 1);
    }
}
