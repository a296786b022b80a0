//! What comes in, under which licence, from where, and whether it is known to be broken.
//!
//! The tool is cargo-deny itself, which `.cargo/deny.toml` is written for. It is no dependency of
//! this workspace: it would double the lock file.

use std::process::Stdio;

use super::Findings;
use super::tree::Tree;
use crate::Error;
use crate::run::status;
use crate::tools::Tool;

const VERSION: &str = "0.20.2";

pub(super) fn deny(_: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let tool = Tool::find("deny", VERSION)?;
    let mut check = tool.command();
    check.args(["check", "--hide-inclusion-graph"]);
    check.args(["bans", "licenses", "sources"]);
    findings.demand(status(&mut check)?, "see the report above");

    // The list of advisories is a git repository, and fetched anew where it can be: an old list
    // would vouch for what is broken since. What was published since the last run may fail a tree
    // that did not change; that is what the list is for.
    let fetched = tool
        .command()
        .args(["fetch", "db"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if fetched.is_ok_and(|status| status.success()) {
        let mut check = tool.command();
        check.args(["check", "--hide-inclusion-graph", "--disable-fetch"]);
        check.arg("advisories");
        findings.demand(status(&mut check)?, "see the advisories above");
    } else {
        findings.note("advisories: not checked, the database cannot be reached");
    }
    Ok(findings)
}
