//! The attacks against systems that are broken on purpose: they must notice.

use throughline::{Mode, Rule, Witness};

use super::*;
use crate::demo::edge::Trusted;
use crate::demo::journeys;
use crate::demo::report::Report;
use crate::demo::system::Changes;

/// The attacks on a system that was changed.
async fn attack(changes: Changes) -> (Report, Vec<(String, bool, bool)>) {
    carry_out(changes, all()).await
}

/// Those on its edge.
async fn attack_edge(edge: fn(&mut Trusted)) -> (Report, Vec<(String, bool, bool)>) {
    let changes = Changes {
        edge,
        ..Changes::default()
    };
    let attacks = all().into_iter().filter(|attack| attack.hop == Hop::Edge);
    carry_out(changes, attacks.collect()).await
}

async fn carry_out(
    changes: Changes,
    attacks: Vec<&'static Attack>,
) -> (Report, Vec<(String, bool, bool)>) {
    let system = System::start_with(changes).await.unwrap();
    let journeys = journeys::run(&system).await;
    let attacks = run_these(&attacks, &system, &mut Progress::new()).await;
    let attacks = attacks.unwrap();
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
    let (report, verdicts) = attack(Changes {
        orders: |orders| orders.with_mode(Rule::Witnesses, Mode::Off),
        ..Changes::default()
    })
    .await;
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
    let (report, verdicts) = attack(Changes {
        orders: |orders| orders.add_witness(Witness::header("x-nobody-sends-this").unwrap()),
        ..Changes::default()
    })
    .await;
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

// failure: B9
#[tokio::test]
async fn a_service_that_counts_a_third_party_as_inside_is_found_out() {
    let (report, verdicts) = attack(Changes {
        neighbours: |neighbours| neighbours.inside.push(neighbours.third_party),
        ..Changes::default()
    })
    .await;
    assert!(!report.is_ok());
    let (_, held, _) = verdicts.iter().find(|(id, ..)| id == "B9").unwrap();
    assert!(!held, "the third party got a context and nobody noticed");
    for (id, held, twin_ok) in &verdicts {
        assert!(id == "B9" || (*held && *twin_ok), "{id}");
    }
}

#[tokio::test]
async fn a_ledger_that_compares_nothing_is_found_out() {
    let (report, verdicts) = attack(Changes {
        ledger: |ledger| {
            let ledger = ledger.with_mode(Rule::Projections, Mode::Off);
            ledger.with_mode(Rule::Witnesses, Mode::Off)
        },
        ..Changes::default()
    })
    .await;
    assert!(!report.is_ok());
    for id in [
        "copy-lost",
        "copy-cut",
        "copy-forged",
        "copy-unpromised",
        "grpc-header",
    ] {
        let (_, held, twin_ok) = verdicts.iter().find(|(own, ..)| own == id).unwrap();
        assert!(!held && *twin_ok, "{id} was not noticed");
    }
    // The message is compared in the handler, and the context itself before all of that.
    for id in ["grpc-message", "grpc-twice", "grpc-cut", "grpc-revoked"] {
        let (_, held, twin_ok) = verdicts.iter().find(|(own, ..)| own == id).unwrap();
        assert!(*held && *twin_ok, "{id}");
    }
}

/// Which attacks were not noticed. An honest call is served all the same.
fn noticed_only_by(verdicts: &[(String, bool, bool)]) -> Vec<&str> {
    let got_through = verdicts.iter().filter(|(_, held, twin_ok)| {
        assert!(*held || *twin_ok, "nobody was served");
        !held
    });
    got_through.map(|(id, ..)| id.as_str()).collect()
}

// failure: T2
#[tokio::test]
async fn an_edge_that_believes_each_organisation_is_found_out() {
    let (report, verdicts) = attack_edge(|trusted| trusted.asks_members = false).await;
    assert!(!report.is_ok());
    assert_eq!(noticed_only_by(&verdicts), ["T2"]);
    assert!(verdicts.iter().all(|(_, _, twin_ok)| *twin_ok));
}

// failure: T5
#[tokio::test]
async fn an_edge_that_takes_credentials_for_others_is_found_out() {
    let (report, verdicts) = attack_edge(|trusted| {
        let ours = format!("\"{}\"", crate::demo::idp::AUDIENCE);
        let everybody = r#""https://mcp.demo.internal", "https://other.demo.internal""#;
        trusted.file = trusted
            .file
            .replace(&format!("[{ours}"), &format!("[{everybody}, {ours}"));
    })
    .await;
    assert!(!report.is_ok());
    assert_eq!(
        noticed_only_by(&verdicts),
        ["audience-edge", "T5", "opaque-audience"]
    );
}

// failure: T4
#[tokio::test]
async fn an_edge_that_wants_every_kind_of_credential_is_found_out() {
    let (report, verdicts) = attack_edge(|trusted| {
        let every = r#"kinds = ["session", "impersonated-session", "delegated-agent",
                "autonomous-agent"]
client_id = "#;
        trusted.file = trusted.file.replace("client_id = ", every);
    })
    .await;
    assert!(!report.is_ok());
    assert_eq!(noticed_only_by(&verdicts), ["unwanted"]);
}

// failure: X11
#[tokio::test]
async fn an_edge_that_takes_every_tenant_is_found_out() {
    let (report, verdicts) = attack_edge(|trusted| {
        let listed = r#", only = ["acme", "globex", "initech"]"#;
        trusted.file = trusted.file.replace(listed, "");
    })
    .await;
    assert!(!report.is_ok());
    assert_eq!(noticed_only_by(&verdicts), ["X11"]);
}

#[tokio::test]
async fn an_edge_that_hands_credentials_on_is_found_out() {
    let (report, verdicts) = attack_edge(|trusted| trusted.keeps_credential = true).await;
    assert!(!report.is_ok());
    let (_, held, twin_ok) = verdicts
        .iter()
        .find(|(id, ..)| id == "credential-behind")
        .unwrap();
    assert!(!held && !twin_ok, "it travelled on and nobody noticed");
}
