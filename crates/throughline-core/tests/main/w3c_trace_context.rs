//! Replays the public Trace Context cases: the W3C harness and the tables of OpenTelemetry.

use serde_json::Value;
use throughline_core::traceparent::{TraceParent, TraceState};

const HARNESS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/w3c-trace-context/trace_context_cases.json"
));
const TABLES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/w3c-trace-context/otel_tracecontext_cases.json"
));

/// Cases whose verdict we do not share, each reviewed: table and position, reason.
const ANOMALIES: &[(&str, usize, &str)] = &[
    (
        "traceparent",
        11,
        "version 00 with a trailing dash: the W3C harness refuses it",
    ),
    (
        "traceparent",
        28,
        "reserved flags in version 00: the text ignores them, Go alone refuses",
    ),
    (
        "traceparent",
        38,
        "version 00 with a trailing dash: the W3C harness refuses it",
    ),
    (
        "tracestate",
        0,
        "duplicate key: the W3C harness lets it be kept",
    ),
    (
        "tracestate",
        1,
        "duplicate key: the W3C harness lets it be kept",
    ),
    ("tracestate", 5, "`foo@`: legal since w3c/trace-context#584"),
    (
        "tracestate",
        7,
        "`foo@@bar`: legal since w3c/trace-context#584",
    ),
    (
        "tracestate",
        8,
        "`foo@bar@baz`: legal since w3c/trace-context#584",
    ),
    (
        "tracestate",
        10,
        "a key of 241 bytes before `@`: the text limits the whole key, to 256",
    ),
    (
        "tracestate",
        11,
        "a key of 15 bytes after `@`: the text limits the whole key, to 256",
    ),
];

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text<'a>(case: &'a Value, name: &str) -> Option<&'a str> {
    case[name].as_str()
}

#[test]
fn the_w3c_harness() {
    let cases = parse(HARNESS);
    let mut ran = 0;
    let mut verdicts = 0;
    let mut members = 0;
    for case in cases["cases"].as_array().unwrap() {
        ran += 1;
        let name = format!("{} {}", case["test"], case["n"]);
        let headers = case["request_headers"].as_array().unwrap();
        let lines = |wanted: &'static str| {
            headers.iter().filter_map(move |header| {
                let same = header[0].as_str()?.eq_ignore_ascii_case(wanted);
                same.then(|| header[1].as_str().unwrap().as_bytes())
            })
        };
        let parent = TraceParent::read(lines("traceparent"));
        match text(case, "traceparent_expect") {
            Some("inherit_trace_id") => {
                let id = parent.unwrap().unwrap().trace_id().to_string();
                assert_eq!(id, "12345678901234567890123456789012", "{name}");
                verdicts += 1;
            }
            Some("reject_restart_trace") => {
                assert!(!matches!(parent, Ok(Some(_))), "{name}");
                verdicts += 1;
            }
            None => {}
            Some(other) => panic!("{name}: unknown verdict {other}"),
        }
        let state = TraceState::read(lines("tracestate"));
        match text(case, "tracestate_expect") {
            Some("inherit") => {
                let state = state.unwrap();
                for (key, value) in asserted(case, "self.assertEqual(tracestate[", "], ") {
                    assert_eq!(state.get(&key), value.as_deref(), "{name}: {key}");
                    members += 1;
                }
                verdicts += 1;
            }
            Some("reject_or_discard_member") => {
                let state = state.unwrap_or_default();
                for (key, _) in asserted(case, "lambda: tracestate[", "]") {
                    assert_eq!(state.get(&key), None, "{name}: {key}");
                    members += 1;
                }
                verdicts += 1;
            }
            None => {}
            Some(other) => panic!("{name}: unknown verdict {other}"),
        }
    }
    assert_eq!((ran, verdicts, members), (83, 91, 46));
}

/// The keys, and the values where there are any, that the harness names in its assertions.
fn asserted(case: &Value, before: &str, between: &str) -> Vec<(String, Option<String>)> {
    let literal = |name: &str| match name.strip_prefix('\'') {
        Some(quoted) => quoted.trim_end_matches('\'').to_owned(),
        None => case["locals"][name].as_str().unwrap().to_owned(),
    };
    let assertions = case["assertions"].as_array().unwrap().iter();
    let bodies = assertions.filter_map(|assertion| {
        let (_, body) = assertion.as_str()?.split_once(before)?;
        body.strip_suffix(')')
    });
    bodies
        .map(|body| {
            let (key, value) = body.split_once(between).unwrap();
            (literal(key), (!value.is_empty()).then(|| literal(value)))
        })
        .collect()
}

#[test]
fn the_tables_of_opentelemetry() {
    let tables = parse(TABLES);
    let mut anomalies = Vec::new();
    let mut ran = 0;
    for (at, case) in tables["traceparent"].as_array().unwrap().iter().enumerate() {
        ran += 1;
        let parent = TraceParent::read([text(case, "traceparent").unwrap().as_bytes()]);
        if parent.is_ok() != (text(case, "expect") == Some("accept")) {
            anomalies.push(("traceparent", at));
            continue;
        }
        if let (Ok(Some(parent)), Some(flags)) = (parent, text(case, "trace_flags")) {
            let sampled = ["trace.FlagsSampled", "trace.TraceFlags(0x03)"].contains(&flags);
            let random = flags.contains("0x02") || flags.contains("0x03");
            assert_eq!(
                (parent.is_sampled(), parent.is_random()),
                (sampled, random),
                "{case}"
            );
        }
        if let Some(state) = text(case, "tracestate") {
            let kept = TraceState::read([state.as_bytes()]).is_ok();
            assert_eq!(
                Some(kept),
                case["tracestate_kept"].as_bool().or(Some(true)),
                "{case}"
            );
        }
    }
    for (at, case) in tables["tracestate"].as_array().unwrap().iter().enumerate() {
        ran += 1;
        let state = TraceState::read([text(case, "in").unwrap().as_bytes()]);
        if state.is_ok() != case["error"].is_null() {
            anomalies.push(("tracestate", at));
        } else if let Ok(state) = state {
            assert_eq!(
                state.to_string(),
                text(case, "out").unwrap_or_default(),
                "{case}"
            );
        }
    }
    assert_eq!(ran, 85);
    let reviewed: Vec<_> = ANOMALIES
        .iter()
        .map(|(table, at, _)| (*table, *at))
        .collect();
    assert_eq!(anomalies, reviewed);
}
