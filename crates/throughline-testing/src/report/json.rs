//! The report as JSON.

use serde_json::{Value, json};

use super::{Exchange, Outcome, Report};
use crate::judge::{How, Verdict};

impl Report {
    /// The report for machines. Members are added, never renamed; no token is in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let counts = self.counts();
        json!({
            "target": self.target,
            "over": self.wire,
            "requests": self.requests,
            "unreached": self.unreached,
            "counts": {
                "tried": counts.tried(),
                "accepted": counts.accepted,
                "refused": counts.held,
                "refused_otherwise": counts.held_otherwise,
                "neutralised": counts.neutralised,
                "not_judged": counts.not_judged,
                "not_run": counts.not_run,
                "not_applicable": counts.not_applicable,
            },
            "left_out": self
                .left_out()
                .map(|(id, reason)| json!({"id": id, "reason": reason}))
                .collect::<Value>(),
            "attacks": self.outcomes().map(Outcome::to_json).collect::<Value>(),
        })
    }
}

impl Outcome {
    /// One attack of the report.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "id": self.id,
            "title": self.title,
            "why": self.why,
            "imitates": self.imitates,
            "expected": self.expected,
            "may_be_served": self.may_be_served,
            "verdict": self.verdict.as_str(),
            "unsent_variants": self.unsent,
            "sent": self.exchange().map(Exchange::sent),
            "came_back": self.exchange().map(Exchange::came),
        });
        let (name, detail) = match &self.verdict {
            Verdict::Accepted { how } => ("how", json!(word(*how))),
            Verdict::Held { reason, .. } => ("reason", json!(reason.map(|r| r.code()))),
            Verdict::Neutralised => return value,
            Verdict::NotApplicable { needs } => ("needs", json!(needs)),
            Verdict::NotJudged { why } => ("doubt", json!(why.to_string())),
            Verdict::NotRun { why } => ("not_run", json!(why)),
        };
        if let Some(members) = value.as_object_mut() {
            members.insert(name.into(), detail);
        }
        value
    }
}

fn word(how: How) -> &'static str {
    match how {
        How::DiffersFromTwin => "differs_from_twin",
        How::Echoed => "echoed",
        How::OtherMarker => "other_marker",
        How::Served => "served",
        How::ToldApart => "told_apart",
    }
}
