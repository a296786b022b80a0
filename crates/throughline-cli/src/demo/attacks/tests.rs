//! The attacks against systems that are broken on purpose: they must notice.

use throughline::{Mode, Rule, Witness};

use super::*;
use crate::demo::journeys;
use crate::demo::report::Report;

/// The attacks on a system whose orders service stands behind another layer.
async fn attack(
    change: impl FnOnce(throughline::AcceptBuilder) -> throughline::AcceptBuilder,
) -> (Report, Vec<(String, bool, bool)>) {
    let system = System::start_with(change).await.unwrap();
    let journeys = journeys::run(&system).await;
    let attacks = run(&system, &mut Progress::new()).await.unwrap();
    system.stop().await;
    let verdict = |attack: &AttackReport| (attack.id.clone(), attack.held, attack.twin_ok);
    let verdicts = attacks.iter().map(verdict).collect();
    (
        Report::new(journeys, attacks, std::time::Duration::ZERO),
        verdicts,
    )
}

#[tokio::test]
async fn a_service_that_compares_nothing_is_found_out() {
    let (report, verdicts) = attack(|orders| orders.with_mode(Rule::Witnesses, Mode::Off)).await;
    assert!(!report.is_ok());
    let got_through: Vec<_> = verdicts
        .iter()
        .filter(|(_, held, _)| !held)
        .map(|(id, ..)| id.as_str())
        .collect();
    for id in [
        "H1",
        "H7",
        "T1",
        "B5",
        "B7",
        "B8",
        "C1",
        "X5",
        "X18",
        "X18-host",
        "X18-query",
    ] {
        assert!(
            got_through.contains(&id),
            "{id} was not noticed: {got_through:?}"
        );
    }
    // What does not depend on witnesses holds as before, and honest calls are served as before.
    for (id, held, twin_ok) in verdicts {
        assert!(twin_ok, "{id}");
        let untouched = [
            "H2",
            "H4",
            "H8-cut",
            "X6",
            "X8",
            "X13",
            "T1-edge",
            "T1-billing",
        ];
        if untouched.contains(&id.as_str()) {
            assert!(held, "{id}");
        }
    }
}

// failure: X32
#[tokio::test]
async fn a_service_that_refuses_everything_proves_nothing() {
    let never = Witness::header("x-nobody-sends-this").unwrap();
    let (report, verdicts) = attack(|orders| orders.add_witness(never)).await;
    assert!(!report.is_ok());
    // The attack is refused, by luck even for the right reason, and does not count.
    let (_, held, twin_ok) = verdicts.iter().find(|(id, ..)| id == "X13").unwrap();
    assert!(*held && !twin_ok);
    // And of the twins that never come to orders, none is harmed.
    for (id, _, twin_ok) in &verdicts {
        if id.ends_with("-billing") {
            assert!(twin_ok, "{id}");
        }
    }
}
