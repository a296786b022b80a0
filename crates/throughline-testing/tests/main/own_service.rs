//! Our own layers hold, in every front, and for the right reasons.

use std::collections::BTreeSet;

use http::Method;
use throughline_testing::TestDomain;
use throughline_testing::attack::Need;
use throughline_testing::catalogue::Catalogue;
use throughline_testing::judge::Verdict;
use throughline_testing::report::Report;
use throughline_testing::target::Target;

use crate::kit::{bare, grpc, ours, relying};

/// An honest request that names its tenant in five places.
fn five_places() -> Target {
    Target::http("/t/{tenant}/orders?tenant={tenant}")
        .and_then(|target| target.with_host("{tenant}.orders.test"))
        .and_then(|target| target.with_header("x-tenant-id", "{tenant}"))
        .and_then(|target| target.with_header("baggage", "tenant={tenant}"))
        .unwrap()
}

/// The attacks that were served as if they were not there.
fn neutralised(report: &Report) -> BTreeSet<&str> {
    report
        .outcomes()
        .filter(|outcome| *outcome.verdict() == Verdict::Neutralised)
        .map(|outcome| outcome.id())
        .collect()
}

/// What the attacks that were not tried lacked.
fn lacking(report: &Report) -> BTreeSet<Need> {
    report
        .outcomes()
        .flat_map(|outcome| {
            let Verdict::NotApplicable { needs } = outcome.verdict() else {
                return Vec::new();
            };
            needs.clone()
        })
        .collect()
}

/// Foreign to our layers, or harmless by nature; everything else must be refused.
const NEUTRAL: [&str; 26] = [
    "answers/credential-repeated",
    "baggage/token-inside",
    "baggage/tracestate",
    "caches/poisoned-host",
    "caches/poisoned-tenant",
    "caches/warmed-by-another",
    "caches/warmed-by-another-here",
    "freshness/other-tenant-suspended",
    "headers/bearer-beside",
    "headers/claims-of-a-proxy",
    "headers/cookie-beside",
    "headers/forwarded",
    "headers/forwarded-host",
    "headers/identity-of-a-proxy",
    "headers/rewritten-path",
    "headers/tenant-cookie",
    "headers/tenant-usual-names",
    "headers/token-in-query",
    "headers/trailer-credential-of-another",
    "headers/trailer-tenant",
    "keys/unreachable-and-honest",
    "process/abandoned",
    "process/interleaved",
    "process/interleaved-headers",
    "baggage/tenant-usual-names",
    "witnesses/query-added",
];

#[tokio::test]
async fn an_axum_service_refuses_every_attack_for_its_reason() {
    let domain = TestDomain::new();
    let report = Catalogue::aimed(five_places())
        .run_against(ours(&domain), &domain)
        .await;
    report.assert_reasons();
    assert!(report.counts().tried() >= 190, "{:?}", report.counts());
    let lacking = lacking(&report);
    let expected = [Need::BodyTenant, Need::Bearer, Need::Projection];
    assert_eq!(lacking, expected.into(), "{report}");
    let unexpected: Vec<_> = neutralised(&report)
        .difference(&NEUTRAL.into())
        .copied()
        .collect();
    assert_eq!(unexpected, [""; 0], "served, and not known to be harmless");
}

#[tokio::test]
async fn a_bare_tower_service_refuses_what_a_body_says_too() {
    let domain = TestDomain::new();
    let target = five_places()
        .with_method(Method::POST)
        .with_body(r#"{"order":{"tenant":"{tenant}","item":"chair"}}"#);
    let report = Catalogue::aimed(target)
        .run_against(bare(&domain), &domain)
        .await;
    report.assert_reasons();
    for id in [
        "body-of-another",
        "body-twice",
        "body-encoded",
        "body-missing",
    ] {
        let outcome = report.of(&format!("witnesses/{id}")).unwrap();
        assert!(
            matches!(outcome.verdict(), Verdict::Held { .. }),
            "{outcome}"
        );
    }
}

#[tokio::test]
async fn a_service_that_relies_on_a_copy_misses_it() {
    let domain = TestDomain::new();
    let target = Target::http("/t/{tenant}/orders").and_then(|t| t.with_copy("x-copy"));
    let report = Catalogue::aimed(target.unwrap())
        .run_against(relying(&domain), &domain)
        .await;
    report.assert_reasons();
    let copies = report.outcomes().filter(|o| o.id().starts_with("copies/"));
    let held = copies.map(|outcome| {
        assert!(
            matches!(outcome.verdict(), Verdict::Held { .. }),
            "{outcome}"
        );
    });
    assert_eq!(held.count(), 7);
}

#[tokio::test]
async fn a_tonic_service_refuses_every_attack_for_its_reason() {
    let domain = TestDomain::new();
    let target = Target::grpc("/grpc.health.v1.Health/Check")
        .and_then(|target| target.with_header("x-tenant-id", "{tenant}"));
    let report = Catalogue::aimed(target.unwrap())
        .run_against(grpc(&domain), &domain)
        .await;
    report.assert_reasons();
    assert!(report.counts().tried() >= 110, "{:?}", report.counts());
    assert!(
        report
            .outcomes()
            .any(|outcome| outcome.id().starts_with("grpc/"))
    );
}

#[tokio::test]
async fn the_shortest_way_is_ten_lines() {
    let domain = TestDomain::new();
    let target = "/t/{tenant}/orders";
    let domain_only = throughline::AcceptLayer::builder(domain.trust_domain())
        .add_witness(throughline::Witness::path("tenant"))
        .build()
        .unwrap();
    let orders = |cx: throughline::TenantContext| async move { cx.tenant().to_string() };
    let app: axum::Router = axum::Router::new()
        .route(target, axum::routing::get(orders))
        .layer(domain_only);
    let report = Catalogue::http().at(target).run_against(app, &domain).await;
    report.assert_reasons();
}
