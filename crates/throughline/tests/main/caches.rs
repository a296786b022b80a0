//! The cache of verified tokens, as a hop meets it.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use throughline::{AcceptLayer, Reason, Witness};

use super::kit::*;

// failure: C1
#[tokio::test]
async fn the_same_user_of_another_tenant_is_another_entry() {
    let domain = domain();
    let layer = AcceptLayer::builder(domain.clone())
        .add_witness(Witness::header("x-tenant").unwrap())
        .build()
        .unwrap();
    let handler = Handler::default();
    let app = Stack::new(layer).bare(&handler);
    for (tenant, misses, hits) in [
        ("acme", 1, 0),
        ("acme", 1, 1),
        ("globex", 2, 1),
        ("globex", 2, 2),
    ] {
        let sent = request(
            "/orders",
            &token(tenant),
            &[("x-tenant", tenant.as_bytes())],
        );
        let answer = send(app.clone(), sent).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(handler.last().tenant().as_deref(), Ok(tenant));
        let metrics = domain.cache_metrics();
        assert_eq!((metrics.misses, metrics.hits), (misses, hits), "{tenant}");
    }
    // A token that is known is compared with each request all the same.
    let sent = request("/orders", &token("acme"), &[("x-tenant", b"globex")]);
    let answer = send(app, sent).await;
    let place = Some("header `x-tenant`");
    answer.assert_refused(Reason::TenantMismatch, place, "a warm token");
}

#[tokio::test]
async fn a_token_that_is_known_still_expires_and_its_neighbours_are_strangers() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use throughline_core::time::Timestamp;

    let now = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&now);
    let domain = domain().with_clock(move || Timestamp::from_unix(clock.load(Ordering::Relaxed)));
    let handler = Handler::default();
    let app = Stack::new(AcceptLayer::new(domain)).bare(&handler);
    let known = sign(&but(claims("acme"), "/exp", json!(NOW + 60)));
    let call = |token: &str| send(app.clone(), request("/orders", token, &[]));
    assert_eq!(call(&known).await.status, StatusCode::OK);
    assert_eq!(call(&known).await.status, StatusCode::OK);

    let mut neighbour = known.clone().into_bytes();
    let last = neighbour.len() - 20;
    neighbour[last] = if neighbour[last] == b'A' { b'B' } else { b'A' };
    let neighbour = String::from_utf8(neighbour).unwrap();
    let answer = call(&neighbour).await;
    answer.assert_refused(Reason::SignatureInvalid, None, "one character differs");

    now.fetch_add(Duration::from_secs(200).as_secs(), Ordering::Relaxed);
    let answer = call(&known).await;
    answer.assert_refused(
        Reason::ContextExpired,
        Some("claim `exp`"),
        "expired while cached",
    );
    assert_eq!(handler.runs(), 2);
}
