//! What is made of the outcomes.

use super::*;

#[test]
fn arguments_that_mean_nothing_are_refused() {
    let quick = Options::read(&["--quick"]).unwrap();
    assert_eq!(quick.packages(), ["throughline-core"]);
    assert_eq!(Options::read(&[]).unwrap().packages(), PACKAGES);
    let file = "crates/throughline/src/accept/decide.rs";
    let narrow = Options::read(&["--file", file, "--jobs", "2", "--shard", "0/4"]).unwrap();
    assert_eq!(narrow.packages(), ["throughline"]);
    for bad in [
        &["--file", "xtask/src/main.rs"][..],
        &["--file"],
        &["--package", "throughline-cli"],
        &["core"],
    ] {
        assert!(Options::read(bad).is_err(), "{bad:?}");
    }
}

/// An outcome for a place in this file.
fn outcome(change: &str, summary: &str) -> Value {
    let place = json!({"line": 1, "column": 5});
    let file = "xtask/src/mutants/mod.rs";
    let name = format!("{file}:1:5: {change}");
    let mutant = json!({"file": file, "name": name, "span": {"start": place}});
    json!({"scenario": {"Mutant": mutant}, "summary": summary})
}

fn reviewed(change: &str) -> Reviewed {
    let file = "xtask/src/mutants/mod.rs";
    let at = "//! ‸`cargo xtask mutants`: proof that the tests bite.";
    let list = json!([{"file": file, "change": change, "at": at, "reason": "is equal"}]);
    Reviewed::parse(&list.to_string()).unwrap()
}

#[test]
fn a_missed_mutant_needs_a_review_and_a_caught_one_must_have_none() {
    let report = json!({"end_time": "now", "outcomes": [
        {"scenario": "Baseline", "summary": "Success"},
        outcome("a", "CaughtMutant"),
        outcome("b", "MissedMutant"),
        outcome("c", "Unviable"),
        outcome("d", "Timeout"),
    ]});
    let problems = |change| judge("p", &report, &reviewed(change)).unwrap().1;
    let (row, found) = judge("p", &report, &reviewed("b")).unwrap();
    assert_eq!((row.caught, row.missed, row.reviewed), (1, 0, 1));
    assert_eq!((row.unviable, row.timeouts, row.tested()), (1, 1, 4));
    assert!(found.is_empty(), "{found:?}");
    assert!(problems("x")[0].starts_with("missed: xtask/src/mutants/mod.rs:1:5: b"));
    assert!(problems("a")[0].contains("has a mutant that is caught"));
    let broken = json!({"end_time": "now", "outcomes": [
        {"scenario": "Baseline", "summary": "Failure"},
    ]});
    assert_eq!(judge("p", &broken, &reviewed("b")).unwrap().1.len(), 1);
}

#[test]
fn a_run_that_broke_off_proves_nothing() {
    let report = json!({"end_time": null, "outcomes": [outcome("a", "CaughtMutant")]});
    let (_, found) = judge("p", &report, &reviewed("x")).unwrap();
    assert_eq!(found, ["cargo-mutants did not come to the end of `p`"]);
}

#[test]
fn what_the_tests_beside_the_code_miss_is_for_all_tests_to_judge() {
    let noticed = json!({"end_time": "now", "outcomes": [
        outcome("a", "CaughtMutant"),
        outcome("b", "MissedMutant"),
        outcome("c", "Timeout"),
        outcome("d", "MissedMutant"),
    ]});
    let rest = json!({"end_time": "now", "outcomes": [
        outcome("b", "CaughtMutant"),
        outcome("c", "Timeout"),
        outcome("d", "MissedMutant"),
    ]});
    let (row, found) = judge("p", &merged(&noticed, &rest), &reviewed("x")).unwrap();
    assert_eq!((row.caught, row.timeouts, row.missed), (2, 1, 1));
    assert!(found[0].contains("1:5: d"), "{found:?}");
    // Both have to come to their end.
    let broken = json!({"end_time": null, "outcomes": []});
    for (one, other) in [(&noticed, &broken), (&broken, &rest)] {
        let (_, found) = judge("p", &merged(one, other), &reviewed("x")).unwrap();
        assert!(found[0].contains("did not come to the end"), "{found:?}");
    }
}

#[test]
fn a_review_of_code_that_has_changed_is_stale() {
    let known = |change| {
        let outcome = outcome(change, "");
        Mutant::of(outcome.pointer("/scenario/Mutant").unwrap()).unwrap()
    };
    assert!(
        reviewed("a")
            .stale(&BTreeSet::from([known("a")]))
            .is_empty()
    );
    assert_eq!(reviewed("a").stale(&BTreeSet::from([known("b")])).len(), 1);
}

#[test]
fn every_review_has_a_reason() {
    let entry = json!([{"file": "f", "change": "c", "at": "a", "reason": ""}]);
    assert!(Reviewed::parse(&entry.to_string()).is_err());
    assert!(Reviewed::read().is_ok());
}
