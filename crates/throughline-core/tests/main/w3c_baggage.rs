//! Replays the public Baggage cases, and what real peers were seen to do to baggage on the way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use throughline_core::baggage::{Baggage, BaggageError, Found, Limits, encode_member};

const CASES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/w3c-baggage/baggage_parse_cases.json"
));
const ONE_HOP: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/w3c-baggage/otel_peer_hop_observed.json"
));
const TWO_HOPS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/w3c-baggage/otel_two_hop_naughty_strings_observed.json"
));

/// Cases whose verdict we do not share, each reviewed: position in the file, reason.
const ANOMALIES: &[(usize, &str)] = &[
    (
        34,
        "octets that are not UTF-8 become U+FFFD by the text: that is not what was sent, so undecodable",
    ),
    (
        50,
        "a 65th member: Go keeps 64, we refuse the lot, as nobody knows which a hop keeps",
    ),
    (51, "a 65th member over lines: as before"),
    (
        87,
        "a trailing `;` without property: Java ignores it, the grammar has no empty property",
    ),
    (88, "a trailing `;` without property: as before"),
    (
        102,
        "blanks around `=`: Python refuses them, the text allows them",
    ),
    (
        103,
        "Python folds properties into the value, the text keeps them apart",
    ),
    (109, "Python decodes keys, the text does not"),
];

type Members = BTreeMap<String, String>;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn read(lines: &[String]) -> Result<Baggage<'_>, BaggageError> {
    Baggage::read(lines.iter().map(String::as_bytes), Limits::new())
}

fn strings(values: &Value) -> Vec<String> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

/// As the suites report them: of duplicates, the last.
fn last_wins(baggage: &Baggage<'_>) -> Members {
    baggage
        .members()
        .map(|member| (member.key().to_owned(), member.value().to_owned()))
        .collect()
}

#[test]
fn the_cases_of_all_suites() {
    let cases = parse(CASES);
    let mut anomalies = Vec::new();
    let (mut compared, mut generated, mut refused_by_go) = (0, 0, 0);
    for (at, case) in cases["cases"].as_array().unwrap().iter().enumerate() {
        let name = case["name"].as_str().unwrap();
        if case["headers"].is_null() {
            generated += 1;
            let (lines, accepted) = generated_by_go(name);
            if read(&lines).is_ok() != accepted {
                anomalies.push(at);
            }
            continue;
        }
        let lines = strings(&case["headers"]);
        let baggage = read(&lines).unwrap();
        assert_answers_agree(&baggage, name);
        match expected(case) {
            Some(members) => {
                compared += 1;
                if last_wins(&baggage) != members {
                    anomalies.push(at);
                }
            }
            // Go refuses all of the baggage; here nothing but the bad member is lost.
            None => {
                refused_by_go += 1;
                assert_eq!(baggage.members().count(), 0, "{name}");
                assert_eq!(baggage.malformed().count(), 1, "{name}");
            }
        }
    }
    assert_eq!((compared, generated, refused_by_go), (126, 14, 9));
    let reviewed: Vec<_> = ANOMALIES.iter().map(|(at, _)| *at).collect();
    assert_eq!(anomalies, reviewed);
}

/// A member that is read is found by its key, or the key is ambiguous; an unread one is not absent.
fn assert_answers_agree(baggage: &Baggage<'_>, name: &str) {
    for member in baggage.members() {
        match baggage.member(member.key()) {
            Found::Ambiguous => {}
            Found::One(value) => assert_eq!(value, member.value(), "{name}"),
            Found::Absent | Found::Undecodable => panic!("{name}: {member:?}"),
        }
    }
    for raw in baggage.malformed() {
        let raw = std::str::from_utf8(raw).unwrap();
        let key = raw.split(['=', ';']).next().unwrap().trim();
        assert_ne!(baggage.member(key), Found::Absent, "{name}: {raw}");
    }
}

/// What the suite of a case expects, where it does not refuse the whole.
fn expected(case: &Value) -> Option<Members> {
    let table = [
        "go_members",
        "java_members",
        "python_members",
        "rust_members",
    ]
    .into_iter()
    .find_map(|suite| case.get(suite));
    if let Some(table) = table {
        let value = |value: &Value| {
            value
                .as_str()
                .or(value["value"].as_str())
                .unwrap()
                .to_owned()
        };
        let members = table.as_object()?.iter();
        return Some(members.map(|(key, v)| (key.clone(), value(v))).collect());
    }
    let assertions = case.get("w3c_reference_assertions");
    let assertions = strings(assertions.or(case.get("dotnet_assertions")).unwrap());
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for assertion in &assertions {
        let arguments = assertion.trim_end_matches([')', ';']);
        if let Some(python) = arguments.strip_prefix("self.assertEqual(entry") {
            let (name, literal) = python.split_once(", ").unwrap();
            let literal = match literal.strip_prefix('\'') {
                Some(quoted) => quoted.trim_end_matches('\''),
                None => case["locals"][literal].as_str().unwrap_or_default(),
            };
            match name.trim_start_matches(char::is_numeric) {
                ".key" => keys.push(literal.to_owned()),
                ".value" => values.push(literal.to_owned()),
                _ => {}
            }
        } else if let Some(dotnet) = arguments.strip_prefix("Assert.Equal(") {
            let (literal, name) = dotnet.rsplit_once(", ").unwrap();
            let literal = || match literal {
                "string.Empty" => String::new(),
                quoted => serde_json::from_str(quoted).unwrap(),
            };
            if name.ends_with(".Key") {
                keys.push(literal());
            } else if name.ends_with(".Value") {
                values.push(literal());
            } else if name.starts_with("outboundCarrier") {
                for member in literal().split(',') {
                    let (key, value) = member.split_once('=').unwrap();
                    keys.push(key.to_owned());
                    values.push(value.to_owned());
                }
            }
        }
    }
    assert!(!keys.is_empty() && keys.len() == values.len(), "{case}");
    Some(keys.into_iter().zip(values).collect())
}

/// The inputs that Go's suite computes, by the name of the case, and whether Go keeps all of it.
fn generated_by_go(name: &str) -> (Vec<String>, bool) {
    let members = |count: usize, key: &str| {
        let members: Vec<_> = (0..count).map(|n| format!("{key}{n:02}=v")).collect();
        members.join(",")
    };
    let sized = |key: &str, bytes: usize| format!("{key}={}", "v".repeat(bytes - key.len() - 1));
    // Where Go keeps 64 members of more, the verdict is "accepted".
    match name {
        "invalid baggage string: too large" => (vec![sized("k", 8193)], false),
        "baggage string with too many members keeps first 64" => (vec![members(65, "k")], false),
        "baggage string at max size is accepted" => (vec![sized("k", 8192)], true),
        "single header at max members limit" => (vec![members(64, "k")], true),
        "single header exceeds max members limit keeps 64" => (vec![members(65, "k")], true),
        "multiple headers exceeds total max members limit keeps 64" => (
            vec![members(32, "a"), members(32, "b"), members(1, "c")],
            true,
        ),
        "single header at max bytes limit" => (vec![sized("k", 8192)], true),
        "single header exceeds max bytes limit will be dropped entirely" => {
            (vec![sized("k", 8193)], false)
        }
        "multiple headers exceed total max bytes drops everything" => {
            (vec![sized("k", 8192), sized("y", 8192)], false)
        }
        "multiple headers within total max bytes" => {
            (vec![sized("k", 4096), sized("y", 4095)], true)
        }
        "empty headers between non-empty do count comma separators" => (
            vec![
                sized("k", 4096),
                String::new(),
                String::new(),
                sized("y", 4095),
            ],
            false,
        ),
        "empty headers before non-empty do count comma separators" => (
            vec![String::new(), sized("k", 4096), sized("y", 4095)],
            false,
        ),
        "multiple headers exceed total max bytes due to comma separator" => {
            (vec![sized("k", 4096), sized("y", 4096)], false)
        }
        "many headers total max members and max bytes" => {
            let lines = (0..100).map(|line| members(10, &format!("h{line:02}_k")));
            (lines.collect(), false)
        }
        other => panic!("no generator for {other}"),
    }
}

#[test]
fn what_w3c_writes_is_what_we_write() {
    let written = encode_member("SomeKey", "\t \"';=asdf!@#$%^&*()").unwrap();
    assert_eq!(
        written,
        "SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29"
    );
    assert!(CASES.contains(&format!("self.assertEqual(entry.to_string(), '{written}')")));
}

/// What a receiver that was promised a member finds after a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Drift {
    Ambiguous,
    Changed,
    Dropped,
    Undecodable,
}

fn drift(found: &Found<'_>, promised: &str) -> Option<Drift> {
    match found {
        Found::Absent => Some(Drift::Dropped),
        Found::Ambiguous => Some(Drift::Ambiguous),
        Found::One(value) => (*value != promised).then_some(Drift::Changed),
        Found::Undecodable => Some(Drift::Undecodable),
    }
}

#[test]
fn drifts_over_one_hop() {
    let observed = parse(ONE_HOP);
    let rows = observed["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 128);

    // Whether the peer read the promised value, then what the receiver finds in what it forwards.
    let mut outcomes = BTreeMap::new();
    let (mut refused, mut not_promised, mut added) = (0, 0, 0);
    for row in rows {
        let lines = strings(&row["headers_in"]);
        let Ok(sent) = read(&lines) else {
            refused += 1;
            continue;
        };
        let keys: BTreeSet<&str> = sent.members().map(|member| member.key()).collect();
        for peer in ["js", "python", "rust"] {
            let forwarded = row[peer]["reinjected"].as_str();
            let received = Baggage::read(forwarded.map(str::as_bytes), Limits::new()).unwrap();
            let foreign = |key: &str| sent.member(key) == Found::Absent;
            added += received
                .members()
                .filter(|member| foreign(member.key()))
                .count();
            for key in &keys {
                // Only what every reader reads alike can be promised.
                let Found::One(promised) = sent.member(key) else {
                    not_promised += 1;
                    continue;
                };
                let read_right = row[peer]["seen"][key].as_str() == Some(&promised);
                let drift = drift(&received.member(key), &promised);
                *outcomes.entry((peer, read_right, drift)).or_insert(0) += 1;
            }
        }
    }
    use Drift::{Ambiguous, Changed, Dropped, Undecodable};
    assert_eq!(
        outcomes.into_iter().collect::<Vec<_>>(),
        [
            // Two keys that are decoded on reading and encoded again on writing.
            (("js", false, None), 2),
            (("js", false, Some(Dropped)), 9),
            (("js", true, None), 138),
            // The same two keys, and a `+` read as a blank and written back as `+`.
            (("python", false, None), 3),
            (("python", false, Some(Changed)), 2),
            (("python", false, Some(Dropped)), 10),
            (("python", true, None), 129),
            (("python", true, Some(Changed)), 5),
            (("rust", false, Some(Ambiguous)), 1),
            (("rust", false, Some(Changed)), 4),
            (("rust", false, Some(Dropped)), 9),
            (("rust", false, Some(Undecodable)), 1),
            (("rust", true, None), 132),
            (("rust", true, Some(Undecodable)), 2),
        ]
    );
    // So of 48 drifts the receiver sees 43; the other five happened inside a peer, which forwarded
    // the member unharmed.
    assert_eq!((refused, not_promised, added), (5, 180, 0));
}

#[test]
fn drifts_of_naughty_strings_over_two_hops() {
    let observed = parse(TWO_HOPS);
    let mut counts = Vec::new();
    for path in observed["paths"].as_array().unwrap() {
        let drifted = path["drifted"].as_array().unwrap();
        let (mut on_the_wire, mut by_peer_two) = (0, 0);
        for row in drifted {
            let original = row["original"].as_str().unwrap();
            assert!(!fits_the_tenant_grammar(original), "{original}");
            let wire = row["wire_hop1"].as_str();
            let received = Baggage::read(wire.map(str::as_bytes), Limits::new()).unwrap();
            if drift(&received.member("t"), original).is_some() {
                on_the_wire += 1;
                continue;
            }
            // The header between the peers is right, and we read it right; the second peer does
            // not. A receiver behind it is shown what that peer saw, written as well as can be.
            by_peer_two += 1;
            let seen = row["seen_hop2"].as_object().unwrap();
            let members = seen.iter().filter_map(|(key, value)| {
                encode_member(key, value.as_str().unwrap_or_default()).ok()
            });
            let line = members.collect::<Vec<_>>().join(",");
            let received = Baggage::read([line.as_bytes()], Limits::new()).unwrap();
            assert!(drift(&received.member("t"), original).is_some(), "{row}");
        }
        counts.push((
            path["path"].as_str().unwrap(),
            drifted.len(),
            on_the_wire,
            by_peer_two,
        ));
    }
    // Path, drifts, those on the wire between the peers, those made by the second peer.
    assert_eq!(
        counts,
        [
            ("rust->python", 189, 183, 6),
            ("rust->js", 17, 16, 1),
            ("rust->rust", 2, 2, 0),
            ("python->js", 256, 255, 1),
        ]
    );
}

/// Values of owned members are tenants, and those survive every path.
fn fits_the_tenant_grammar(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_alphanumeric())
        && value
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "._~:-".contains(char))
}
