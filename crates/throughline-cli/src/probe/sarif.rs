//! SARIF 2.1.0 (OASIS), which code scanning tools read: attacks are rules; those that were accepted
//! are failures, those that could not be judged are open.

use serde_json::{Value, json};
use throughline_testing::judge::Verdict;
use throughline_testing::report::Outcome;

use super::Probed;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn log(probed: &Probed) -> Value {
    let rules: Vec<_> = probed.report.outcomes().map(rule).collect();
    let results: Vec<_> = probed
        .report
        .outcomes()
        .enumerate()
        .filter_map(|(index, outcome)| result(index, outcome, probed))
        .collect();
    let status = probed.status();
    let mut invocation = json!({
        "executionSuccessful": status != 3,
        "exitCode": status,
    });
    if let (Some(why), Some(members)) = (probed.unjudged(), invocation.as_object_mut()) {
        let notification = json!({"level": "error", "message": {"text": why}});
        members.insert("toolExecutionNotifications".into(), json!([notification]));
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "throughline probe",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                },
            },
            "invocations": [invocation],
            "results": results,
            "properties": {
                "notes": probed.notes,
                "requests": probed.achieved.requests,
                "rate": probed.achieved.rate(),
            },
        }],
    })
}

fn rule(outcome: &Outcome) -> Value {
    let source = outcome.imitates();
    let mut rule = json!({
        "id": outcome.id(),
        "shortDescription": {"text": sentence(outcome.title())},
        "fullDescription": {"text": sentence(outcome.why())},
        "help": {"text": format!("Seen in: {} ({})", source.what, source.link)},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", "multi-tenancy"]},
    });
    // An identifier such as a CVE's is no address.
    if source.link.starts_with("https://")
        && let Some(members) = rule.as_object_mut()
    {
        members.insert("helpUri".into(), json!(source.link));
    }
    rule
}

/// SARIF §3.27: what an attack came to, if a reader has to look at it.
fn result(index: usize, outcome: &Outcome, probed: &Probed) -> Option<Value> {
    let url = &probed.url;
    let (kind, level) = if let Verdict::Accepted { .. } = outcome.verdict() {
        ("fail", "error")
    } else if probed.is_open(outcome) {
        // §3.27.10: what is no failure has no level.
        ("open", "none")
    } else {
        return None;
    };
    let mut text = format!("{}: {}.", sentence(outcome.title()), outcome.verdict());
    if let Some(exchange) = outcome.exchange() {
        let lines = |lines: &[String]| lines.join("\n    ");
        text.push_str(&format!(
            "\nSent:\n    {}\nCame back:\n    {}",
            lines(exchange.sent()),
            lines(exchange.came())
        ));
    }
    Some(json!({
        "ruleId": outcome.id(),
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": encoded(url)}}}],
        // The same leak is the same alert in the next run.
        "partialFingerprints": {"attackAndResource/v1": format!("{} {url}", outcome.id())},
    }))
}

/// With an upper-case letter in front, as the format's readers show it.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// `{tenant}` is no part of a URI.
fn encoded(url: &str) -> String {
    url.replace('{', "%7B").replace('}', "%7D")
}
