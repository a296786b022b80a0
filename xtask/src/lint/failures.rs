//! Every failure that a room of ours answers for has a test that says so.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Findings;
use super::tree::Tree;
use crate::Error;

/// Holds one file for each room that is built.
const CATALOGUES: &str = "tests/vectors/failures/";

/// In front of a test: the failures it shows to be answered, separated by commas.
const MARK: &str = concat!("// fail", "ure:");

pub(super) fn each_has_a_test(tree: &Tree) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let marked: BTreeSet<&str> = tree.sources().flat_map(|(_, text)| marks(text)).collect();
    let mut known = BTreeSet::new();
    let catalogues = tree
        .files()
        .filter(|(path, _)| path.starts_with(CATALOGUES) && path.ends_with(".json"));
    for (_, catalogue) in catalogues {
        let failures: Value = serde_json::from_str(catalogue)?;
        for failure in failures.as_array().ok_or("a catalogue is no list")? {
            let text = |key| failure.get(key).and_then(Value::as_str).unwrap_or_default();
            let id = text("id").to_owned();
            findings.demand(
                marked.contains(&*id),
                format!("no test is marked `{MARK} {id}` ({})", text("title")),
            );
            known.insert(id);
        }
    }
    findings.demand(!known.is_empty(), "no failure is known; the check is blind");
    // Failures of other rooms may be answered here too.
    for id in marked.into_iter().filter(|id| !known.contains(*id)) {
        findings.note(format!(
            "a test is marked with `{id}`, which no catalogue here holds"
        ));
    }
    Ok(findings)
}

fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix(MARK))
        .flat_map(|ids| ids.split([',', ' ']))
        .filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_may_hold_several_ids() {
        let text = format!("    {MARK} H3, B5\n#[test]\n// other: H4\n{MARK} X10");
        assert_eq!(marks(&text).collect::<Vec<_>>(), ["H3", "B5", "X10"]);
    }
}
