//! The report for a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use throughline_testing::judge::Verdict;
use throughline_testing::report::Outcome;

use super::Probed;

/// The figures first, then what was accepted, then what is left to say.
pub(super) fn report(probed: &Probed) -> String {
    let counts = probed.report.counts();
    let mut text = format!(
        " {} attacks · {} refused · {} accepted",
        counts.tried(),
        counts.held,
        counts.accepted
    );
    let open = probed.report.outcomes().filter(|o| probed.is_open(o));
    let open = open.count();
    for (count, what) in [
        (counts.neutralised, "without effect"),
        (open, "not judged"),
        (counts.not_judged + counts.not_run - open, "not run"),
        (counts.not_applicable, "not applicable"),
        (probed.report.left_out().count(), "left out"),
    ] {
        if count > 0 {
            // Writing to a string does not fail.
            let _ = write!(text, " · {count} {what}");
        }
    }
    let achieved = probed.achieved;
    let _ = writeln!(
        text,
        "\n {} requests to {} in {:.1} s, {:.1}/s",
        achieved.requests,
        probed.url,
        achieved.time.as_secs_f64(),
        achieved.rate()
    );
    for note in &probed.notes {
        let _ = writeln!(text, " note: {note}");
    }
    if let Some(why) = probed.unjudged() {
        let _ = writeln!(text, " could not judge: {why}");
    }
    for outcome in probed.report.accepted() {
        accepted(outcome, &mut text);
    }
    if probed.report.why_unreached().is_some() {
        // Every attack would say the same.
        return text;
    }
    list(&mut text, "not judged", probed, |outcome| {
        let is_open = probed.is_open(outcome);
        is_open.then(|| outcome.verdict().to_string())
    });
    list(&mut text, "not run", probed, |outcome| {
        let Verdict::NotRun { why } = outcome.verdict() else {
            return None;
        };
        (!probed.is_open(outcome)).then(|| why.clone())
    });
    not_applicable(&mut text, probed);
    text
}

/// What was missing, and how it can be given. Most of it only a test inside the service has.
fn not_applicable(text: &mut String, probed: &Probed) {
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in probed.report.outcomes() {
        if let Verdict::NotApplicable { needs } = outcome.verdict() {
            let needs: Vec<_> = needs.iter().map(|need| need.as_str()).collect();
            *missing.entry(needs.join(", ")).or_default() += 1;
        }
    }
    if !missing.is_empty() {
        let _ = writeln!(text, "\n not applicable");
    }
    for (needs, count) in missing {
        let verb = if count == 1 { "needs" } else { "need" };
        let _ = write!(text, "  {count} {verb} {needs}");
        let _ = match hint(&needs) {
            Some(hint) => writeln!(text, ": {hint}"),
            None => writeln!(text),
        };
    }
}

fn hint(needs: &str) -> Option<&'static str> {
    Some(match needs {
        "body_tenant" => "`{tenant}` in the file of `--body`",
        "host_tenant" => "`{tenant}` in the url's host",
        "other_token" => "`--other-token-from`",
        "path_tenant" => "`{tenant}` in the url's path",
        "public_keys" => "`--jwks`",
        "query_tenant" => "`{tenant}` in the url's query",
        "tenant_header" => "`--tenant-header`",
        _ => return None,
    })
}

/// What was sent, what came back, and why it matters.
fn accepted(outcome: &Outcome, text: &mut String) {
    let _ = writeln!(text, "\n ACCEPTED {}: {}", outcome.id(), outcome.title());
    let _ = writeln!(text, "  {}", outcome.verdict());
    if let Some(exchange) = outcome.exchange() {
        for (what, lines) in [("sent", exchange.sent()), ("came back", exchange.came())] {
            let _ = writeln!(text, "  {what}:");
            for line in lines {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    let source = outcome.imitates();
    let _ = writeln!(text, "  why it matters: {}", outcome.why());
    let _ = writeln!(text, "  seen in: {} ({})", source.what, source.link);
}

fn list(
    text: &mut String,
    heading: &str,
    probed: &Probed,
    say: impl Fn(&Outcome) -> Option<String>,
) {
    let found = probed
        .report
        .outcomes()
        .filter_map(|outcome| Some((outcome.id(), say(outcome)?)));
    for (n, (id, what)) in found.enumerate() {
        if n == 0 {
            let _ = writeln!(text, "\n {heading}");
        }
        let _ = writeln!(text, "  {id}: {what}");
    }
}
