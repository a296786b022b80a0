use std::collections::HashSet;

use serde_json::Value;

use crate::{code, run, stderr, stdout};

/// The failures of the catalogue that are the edge's.
const EDGE: [&str; 10] = [
    "T2", "T3", "T4", "T5", "T7", "T8", "C4", "X11", "X21", "X36",
];

/// The advisories about those who verified tokens before. The third is tried for each kind of key.
const ADVISORIES: [&str; 22] = [
    "advisory-1",
    "advisory-2",
    "advisory-3-rs256",
    "advisory-4",
    "advisory-5-iss",
    "advisory-6",
    "advisory-7-nested",
    "advisory-8",
    "advisory-9",
    "advisory-10",
    "advisory-11",
    "advisory-12",
    "advisory-13",
    "advisory-14",
    "advisory-15",
    "advisory-16",
    "advisory-17",
    "advisory-18",
    "advisory-19",
    "advisory-20",
    "advisory-21-context",
    "advisory-22",
];

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
// failure: T2
// failure: T3
// failure: T4
// failure: T5
// failure: T7
// failure: T8
// failure: C4
// failure: X11
// failure: X21
// failure: X36
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
    assert!(attacks.len() >= 320, "{} attacks", attacks.len());
    let catalogue = catalogue();
    let catalogue = catalogue.iter().map(String::as_str);
    for id in catalogue.chain(EDGE).chain(ADVISORIES) {
        assert!(ids.contains(id), "{id} is not attacked");
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
        "build",
    ] {
        assert!(hops.contains(hop), "{hop} is not attacked");
    }

    let journeys = report["journeys"].as_array().unwrap();
    let (mut tenants, mut kinds) = (HashSet::new(), HashSet::new());
    let mut errands = HashSet::new();
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
                [
                    "actors", "idp", "kind", "service", "subject", "tenant", "txn", "verdict"
                ]
            );
            let outside = hop["service"] == "third-party";
            for member in ["tenant", "idp", "subject", "txn"] {
                match outside {
                    true => assert_eq!(hop[member], Value::Null, "{journey}"),
                    false => assert_eq!(hop[member], hops[0][member], "{journey}"),
                }
            }
            let verdict = if outside { "outside" } else { "accepted" };
            assert_eq!(hop["verdict"], verdict, "{journey}");
        }
        // A user is called by its name and its tenant.
        if name.split(' ').nth(1) == Some("of") && hops[0]["idp"] == "demo-idp" {
            errands.insert(name.split(' ').skip(3).collect::<Vec<_>>().join(" "));
        }
        tenants.insert(hops[0]["tenant"].as_str().unwrap());
        kinds.insert((
            hops[0]["idp"].as_str().unwrap(),
            hops[0]["kind"].as_str().unwrap(),
        ));
    }
    assert_eq!(
        tenants,
        HashSet::from(["acme", "globex", "hooli", "initech"])
    );
    // The last is that of somebody with an opaque token.
    assert_eq!(errands.len(), 8 + 1, "{errands:?}");
    let expected = [
        ("demo-idp", "user"),
        ("demo-idp", "workload"),
        ("hooli-id", "user"),
        ("keys", "workload"),
        ("workos", "autonomous_agent"),
        ("workos", "delegated_agent"),
        ("workos", "user"),
        ("workos-partners", "user"),
    ];
    assert_eq!(kinds, HashSet::from(expected));

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
fn whoever_acts_is_seen_at_every_hop_and_never_taken_for_the_principal() {
    let output = run(&["demo", "--json"], b"");
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    let journeys = report["journeys"].as_array().unwrap();
    for (name, principal, kind, actors) in [
        (
            "an admin who acts as bob of acme reads orders",
            ["workos", "acme", "user_01BOB"],
            "user",
            vec!["person workos//support%40demo.internal"],
        ),
        (
            "an agent that acts for ada of acme reads orders",
            ["workos", "acme", "user_01ADA"],
            "delegated_agent",
            vec!["agent workos/acme/agent_01SCRIBE"],
        ),
        (
            "an agent of acme that acts for itself reads orders",
            ["workos", "acme", "agent_01SCRIBE"],
            "autonomous_agent",
            vec![],
        ),
        (
            "a machine of acme reads orders",
            ["demo-idp", "acme", "nightly-report"],
            "workload",
            vec![],
        ),
        (
            "an ada of hooli, by its own provider, reads orders",
            ["hooli-id", "hooli", "ada"],
            "user",
            vec![],
        ),
    ] {
        let journey = journeys.iter().find(|journey| journey["name"] == name);
        let hops = journey.unwrap_or_else(|| panic!("no {name}"))["hops"]
            .as_array()
            .unwrap();
        assert_eq!(hops.len(), 4, "{name}");
        for hop in hops {
            let [idp, tenant, subject] = principal;
            assert_eq!(hop["idp"], idp, "{hop}");
            assert_eq!(hop["tenant"], tenant, "{hop}");
            assert_eq!(hop["subject"], subject, "{hop}");
            assert_eq!(hop["kind"], kind, "{hop}");
            assert_eq!(hop["actors"], serde_json::json!(actors), "{hop}");
        }
    }
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
