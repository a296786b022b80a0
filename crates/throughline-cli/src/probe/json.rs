//! The report and the plan for machines. Members are added, never renamed.

use serde_json::{Value, json};
use throughline_testing::run::Run;

use super::Probed;
use super::sender::line_may_change;
use super::setup::Setup;

pub(super) fn report(probed: &Probed) -> Value {
    let achieved = probed.achieved;
    json!({
        "url": probed.url,
        "status": probed.status(),
        "unjudged": probed.unjudged(),
        "notes": probed.notes,
        "requests": achieved.requests,
        "seconds": achieved.time.as_secs_f64(),
        "rate": achieved.rate(),
        "report": probed.report.to_json(),
    })
}

pub(super) fn plan(setup: &Setup) -> Value {
    let plan = Run::new(&setup.catalogue, setup.world.clone()).plan();
    let target = setup.catalogue.target();
    let attacks: Vec<_> = plan
        .attacks()
        .map(|attack| {
            let sent = |lines: &[String]| {
                let first = lines.first().map_or("", String::as_str);
                setup.allow_changes || !line_may_change(first)
            };
            let requests = attack.requests();
            let requests: Vec<_> = requests
                .map(|lines| json!({"lines": lines, "sent": sent(lines)}))
                .collect();
            json!({
                "id": attack.id(),
                "title": attack.title(),
                "needs": attack.missing(),
                "requests": requests,
                "problems": attack.problems().collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "url": setup.address.to_string(),
        "own": target.own(),
        "other": target.other(),
        "notes": setup.notes,
        "rate": setup.limits.rate.to_string(),
        "max_requests": setup.limits.requests,
        "requests": plan.requests(),
        "attacks": attacks,
    })
}
