//! The tools everybody uses.

use super::Findings;
use super::tree::Tree;
use crate::Error;
use crate::run::{cargo, has_subcommand, status};

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

/// Crates that have features, without them; and the core alone, as the workspace turns features of
/// its dependencies on.
pub(super) fn clippy_with_fewer_features(_: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for package in ["throughline-core", "throughline-jose", "throughline"] {
        let arguments = [
            "clippy",
            "--package",
            package,
            "--no-default-features",
            "--",
            "-D",
            "warnings",
        ];
        let found = demand(
            &arguments,
            &format!("see the warnings of `{package}` above"),
        )?;
        findings.problems.extend(found.problems);
    }
    Ok(findings)
}

pub(super) fn doc(_: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let mut command = cargo(["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    findings.demand(status(&mut command)?, "see the warnings above");
    Ok(findings)
}

/// Licences, advisories and sources. Building the tool takes longer than all else here, so it is
/// used where it is installed.
pub(super) fn deny(_: &Tree) -> Result<Findings, Error> {
    if has_subcommand("deny") {
        return demand(
            &["deny", "check", "bans", "licenses", "sources"],
            "see the report above",
        );
    }
    let mut findings = Findings::default();
    findings.note("cargo-deny is not installed; licences and sources were not checked");
    Ok(findings)
}

fn demand(arguments: &[&str], advice: &str) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let held = status(&mut cargo(arguments.iter().copied()))?;
    findings.demand(held, advice);
    Ok(findings)
}
