//! The public API of each library is written down, so that a change of it shows in a review.
//!
//! What a difference means for the version is a reviewer's to say until there is a release: tools
//! that judge it compare with what was published. [`judged`] runs one from then on.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{document, libraries};
use crate::Error;
use crate::lint::Findings;
use crate::lint::tree::Tree;
use crate::run::{root, status};
use crate::tools::Tool;

/// One file for each library.
const FOLDER: &str = "tests/public-api/";

/// The format of rustdoc's JSON that the `public-api` in the lock file reads.
const FORMAT: u64 = 57;

/// Reads the same format, among others.
const SEMVER_CHECKS: &str = "0.51.0";

/// How many lines of a difference are shown.
const SHOWN: usize = 12;

pub(in crate::lint) fn is_recorded(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut known = BTreeSet::new();
    for package in libraries(tree) {
        let name = package.name();
        let file = format!("{FOLDER}{name}.txt");
        let api = api(name, tree.target())?;
        if update {
            std::fs::create_dir_all(root().join(FOLDER))?;
            std::fs::write(root().join(&file), &api)?;
        } else {
            let recorded = tree.file(&file).unwrap_or_default();
            let difference = difference(recorded, &api);
            findings.demand(
                difference.is_empty(),
                format!(
                    "`{name}` has another public API than `{file}` says; review it, and run with \
                     UPDATE_SNAPSHOTS=1:\n        {}",
                    difference.join("\n        ")
                ),
            );
        }
        known.insert(file);
    }
    for (path, _) in tree.files().filter(|(path, _)| path.starts_with(FOLDER)) {
        findings.demand(
            known.contains(path),
            format!("`{path}` is of no library that is here"),
        );
    }
    Ok(findings)
}

/// One line for each public item, sorted. Without what the compiler and blanket impls add.
fn api(package: &str, target: &Path) -> Result<String, Error> {
    let (path, document) = document(package, target)?;
    let format = document.get("format_version").and_then(Value::as_u64);
    if format != Some(FORMAT) {
        return Err(format!(
            "this rustdoc writes format {format:?} and `public-api` reads {FORMAT}: change both in \
             the root manifest and here"
        )
        .into());
    }
    let api = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    Ok(api.to_string())
}

/// The lines that are gone and those that are new; nothing where both are the same.
fn difference(before: &str, after: &str) -> Vec<String> {
    let lines = |text| str::lines(text).collect::<BTreeSet<_>>();
    let (old, new) = (lines(before), lines(after));
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    let added = new.difference(&old).map(|line| format!("+ {line}"));
    let mut all: Vec<String> = gone.chain(added).collect();
    if all.is_empty() && before != after {
        all.push("the lines are the same, in another number or order".to_owned());
    }
    if all.len() > SHOWN {
        let more = all.len() - SHOWN;
        all.truncate(SHOWN);
        all.push(format!("and {more} more"));
    }
    all
}

/// Whether the version says what the changes since the last release mean.
pub(in crate::lint) fn judged(_: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let tag = Command::new("git")
        .args(["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"])
        .current_dir(root())
        .output()?;
    let tag = String::from_utf8_lossy(&tag.stdout).trim().to_owned();
    if tag.is_empty() {
        findings.note("there is no release to compare with; `public-api-recorded` stands in");
        return Ok(findings);
    }
    let mut command = Tool::find("semver-checks", SEMVER_CHECKS)?.command();
    command.args(["--workspace", "--baseline-rev", &tag]);
    findings.demand(status(&mut command)?, "see the report above");
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn what_is_gone_and_what_is_new_is_shown() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), [""; 0]);
        assert_eq!(difference("a\nb\n", "a\nc\n"), ["- b", "+ c"]);
        assert_eq!(difference("a\nb\n", "b\na\n").len(), 1);
        let many: String = (0..100).map(|n| format!("{n}\n")).collect();
        let shown = difference("", &many);
        assert_eq!(shown.last().unwrap(), "and 88 more");
    }
}
