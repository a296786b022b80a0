use std::collections::HashSet;

use serde_json::Value;

use crate::{code, run, stderr, stdout};

/// Every failure of the catalogue that belongs to a hop, or to a call that leaves one.
fn catalogue() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/failures");
    let mut ids = Vec::new();
    for room in ["hop", "carry"] {
        let bytes = std::fs::read(format!("{folder}/{room}.json")).unwrap();
        let failures: Value = serde_json::from_slice(&bytes).unwrap();
        let failures = failures.as_array().unwrap().iter();
        ids.extend(failures.map(|failure| failure["id"].as_str().unwrap().to_owned()));
    }
    ids
}

/// The services of an errand, in order.
fn way(name: &str) -> Vec<&'static str> {
    let edge = |way: &str| name.ends_with(way);
    match () {
        () if edge("ships by a third party") => {
            vec!["edge", "orders", "third-party", "billing", "ledger"]
        }
        () if edge("bills three at once") => {
            [&["edge", "orders"][..], &["billing", "ledger"].repeat(3)].concat()
        }
        () if edge("listens to events") => {
            vec!["edge", "orders", "ledger", "ledger", "ledger"]
        }
        () if edge("has an agent report") => {
            vec!["edge", "agent", "orders", "billing", "ledger"]
        }
        () if edge("calls at the last moment") => vec!["orders", "billing", "ledger"],
        () => vec!["edge", "orders", "billing", "ledger"],
    }
}

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

// failure: H5
// failure: H6
// failure: A1
// failure: A2
// failure: A3
// failure: A4
// failure: A6
// failure: A8
// failure: A9
// failure: B9
// failure: X9
// failure: X29
// failure: H1
// failure: H2
// failure: H3
// failure: H4
// failure: H7
// failure: H8
// failure: H9
// failure: T1
// failure: B5
// failure: B7
// failure: B8
// failure: C1
// failure: C2
// failure: G7
// failure: X4
// failure: X5
// failure: X6
// failure: X7
// failure: X8
// failure: X10
// failure: X13
// failure: X17
// failure: X18
// failure: X19
// failure: X20
// failure: X32
// failure: X37
#[test]
fn every_attack_holds_beside_an_honest_twin_and_every_journey_arrives() {
    let output = run(&["demo", "--json"], b"");
    let text = stdout(&output);
    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
    let report: Value = serde_json::from_str(text).unwrap();
    assert_eq!(names(&report), ["attacks", "counts", "journeys", "ok"]);

    let attacks = report["attacks"].as_array().unwrap();
    for attack in attacks {
        let members = ["expected", "got", "held", "hop", "id", "title", "twin_ok"];
        assert_eq!(names(attack), members);
        let ok = attack["held"] == true && attack["twin_ok"] == true;
        assert!(ok, "{attack}");
    }
    let ids: HashSet<_> = attacks
        .iter()
        .map(|attack| attack["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), attacks.len(), "ids are unique");
    assert!(attacks.len() >= 163, "{} attacks", attacks.len());
    for id in catalogue() {
        assert!(ids.contains(id.as_str()), "{id} is not attacked");
    }
    let hops: HashSet<_> = attacks
        .iter()
        .map(|attack| attack["hop"].as_str().unwrap())
        .collect();
    for hop in [
        "edge",
        "orders",
        "agent",
        "proxy",
        "billing",
        "ledger",
        "third-party",
        "carry",
        "process",
    ] {
        assert!(hops.contains(hop), "{hop} is not attacked");
    }

    let journeys = report["journeys"].as_array().unwrap();
    let (mut tenants, mut kinds) = (HashSet::new(), HashSet::new());
    for journey in journeys {
        assert_eq!(names(journey), ["hops", "name", "ok"]);
        assert_eq!(journey["ok"], true, "{journey}");
        let hops = journey["hops"].as_array().unwrap();
        let services: Vec<_> = hops
            .iter()
            .map(|hop| hop["service"].as_str().unwrap())
            .collect();
        let name = journey["name"].as_str().unwrap();
        assert_eq!(services, way(name), "{name}");
        for hop in hops {
            assert_eq!(
                names(hop),
                ["service", "subject", "tenant", "txn", "verdict"]
            );
            let outside = hop["service"] == "third-party";
            for member in ["tenant", "subject", "txn"] {
                match outside {
                    true => assert_eq!(hop[member], Value::Null, "{journey}"),
                    false => assert_eq!(hop[member], hops[0][member], "{journey}"),
                }
            }
            let verdict = if outside { "outside" } else { "accepted" };
            assert_eq!(hop["verdict"], verdict, "{journey}");
        }
        kinds.insert(name.split(' ').skip(3).collect::<Vec<_>>().join(" "));
        tenants.insert(hops[0]["tenant"].as_str().unwrap());
    }
    assert_eq!(tenants.len(), 3);
    assert_eq!(kinds.len(), 8, "{kinds:?}");

    let counts = &report["counts"];
    assert_eq!(names(counts), ["attacks", "held", "journeys"]);
    assert_eq!(counts["attacks"], attacks.len());
    assert_eq!(counts["held"], attacks.len());
    assert_eq!(counts["journeys"], journeys.len());
    assert_eq!(report["ok"], true);
    assert_eq!(code(&output), 0);
    assert!(stderr(&output).contains("attack"), "progress is shown");
}

#[test]
fn the_table_has_no_escapes_where_it_is_not_a_terminal() {
    let output = run(&["demo"], b"");
    assert_eq!(code(&output), 0);
    let text = stdout(&output);
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(!stderr(&output).contains('\u{1b}'));
    assert!(text.contains("✓ H1 "), "{text}");
    assert!(!text.contains('✗'), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("All "), "{last}");
}
