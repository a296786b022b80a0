//! What a failed assertion says, and what a report must never say.

use throughline_testing::TestDomain;
use throughline_testing::catalogue::Catalogue;
use throughline_testing::target::Target;
use tower::service_fn;

use crate::leaky::{Leak, Leaky};

async fn failure(leak: Leak, ids: &[&str], reasons: bool) -> String {
    let domain = TestDomain::new();
    let service = Leaky::new(leak, &domain);
    let service = service_fn(move |request| service.clone().serve(request));
    let target = Target::http("/t/{tenant}/orders").unwrap();
    let catalogue = Catalogue::aimed(target).only(ids.iter().copied());
    let report = catalogue.run_against(service, &domain).await;
    let failed = std::panic::catch_unwind(|| match reasons {
        true => report.assert_reasons(),
        false => report.assert_all_refused(),
    });
    let failed = failed.expect_err("the assertion holds");
    failed.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test]
async fn a_failure_says_what_was_sent_what_came_back_and_why_it_matters() {
    let ids = [
        "headers/tenant-of-another",
        "tokens/none",
        "tokens/of-another",
    ];
    let text = [
        failure(Leak::BelievesHeader, &ids, false).await,
        failure(Leak::AnonymousIsDefault, &ids, false).await,
        failure(Leak::None, &ids, true).await,
    ]
    .join("\n----\n\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/main/messages.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        text,
        "run again with UPDATE_SNAPSHOTS=1 and review the difference"
    );
}

#[tokio::test]
async fn no_report_holds_a_token_or_a_part_of_one() {
    for leak in [Leak::None, Leak::IgnoresSignature, Leak::EchoesToken] {
        let domain = TestDomain::new();
        let service = Leaky::new(leak, &domain);
        let service = service_fn(move |request| service.clone().serve(request));
        let report = Catalogue::http()
            .at("/t/{tenant}/orders")
            .run_against(service, &domain)
            .await;
        let every: String = report.outcomes().map(ToString::to_string).collect();
        let text = format!("{every}{report}{report:?}{}", report.to_json());
        // What every token of the domain begins with, and what its claims begin with.
        for start in ["eyJ", domain.token("acme").get(..24).unwrap()] {
            assert!(!text.contains(start), "{leak:?}: a token is shown");
        }
    }
}

#[tokio::test]
async fn the_report_for_machines_has_the_figures_and_every_attack() {
    let domain = TestDomain::new();
    let service = Leaky::new(Leak::BelievesHeader, &domain);
    let service = service_fn(move |request| service.clone().serve(request));
    let report = Catalogue::http()
        .at("/t/{tenant}/orders")
        .only(["headers/tenant-of-another", "tokens/none", "jose/untyped"])
        .without(["tokens/none"], "an example")
        .run_against(service, &domain)
        .await;
    let json = report.to_json();
    assert_eq!(json["counts"]["accepted"], 1, "{json}");
    assert_eq!(json["left_out"][0]["id"], "tokens/none");
    let attack = &json["attacks"][0];
    assert_eq!(attack["verdict"], "accepted");
    assert_eq!(attack["how"], "differs_from_twin");
    assert_eq!(attack["sent"][0], "GET /t/acme/orders");
    assert!(
        attack["imitates"]["link"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );
}
