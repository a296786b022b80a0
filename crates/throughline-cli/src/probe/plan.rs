//! `--dry-run`: what would be sent.

use std::fmt::Write as _;

use throughline_testing::run::Run;

use super::sender::line_may_change;
use super::setup::Setup;

/// Honest requests by which a run gets to know the service, and what its answers hold.
const TO_BEGIN: usize = 8;

/// The list, for a person.
pub(super) fn text(setup: &Setup) -> String {
    let plan = Run::new(&setup.catalogue, setup.world.clone()).plan();
    let target = setup.catalogue.target();
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "nothing is sent; this would be, to {}",
        setup.address.base(target.own())
    );
    let _ = writeln!(
        text,
        "  resource  {}, for tenant {}, attacked from {}",
        setup.address,
        target.own(),
        target.other()
    );
    let _ = writeln!(
        text,
        "  limits    {} requests, {}, {} seconds",
        setup.limits.requests,
        setup.limits.rate,
        setup.limits.time.as_secs()
    );
    for note in &setup.notes {
        let _ = writeln!(text, "  note      {note}");
    }
    let _ = writeln!(
        text,
        "\nat most {TO_BEGIN} honest requests of both tenants, then {}:",
        plan.requests()
    );
    for attack in plan.attacks() {
        let _ = writeln!(text, "\n{}: {}", attack.id(), attack.title());
        if !attack.missing().is_empty() {
            let needs = attack.missing().iter().map(|need| need.as_str());
            let needs: Vec<_> = needs.collect();
            let _ = writeln!(text, "  not run: needs {}", needs.join(", "));
        }
        for lines in attack.requests() {
            let first = lines.first().map_or("", String::as_str);
            if !setup.allow_changes && line_may_change(first) {
                let _ = writeln!(text, "  not sent without `--allow-changes`:");
            }
            for (n, line) in lines.iter().enumerate() {
                let indent = if n == 0 { "  " } else { "    " };
                let _ = writeln!(text, "{indent}{line}");
            }
        }
        for problem in attack.problems() {
            let _ = writeln!(text, "  not sent: {problem}");
        }
    }
    text
}
