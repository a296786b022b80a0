//! The order of the steps: nothing is believed before it is verified, nothing looked up or minted
//! for a request that contradicts itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use throughline::Reason;
use throughline_core::Principal;
use throughline_identity::membership::{Membership, MembershipError};
use throughline_identity::{AuthenticateLayer, Memberships};

use super::{
    Handler, How, Mint, NAME, bearer, edge, fronts, get, issuers, send, signed, token, usual,
    witnesses,
};
use crate::issuers::{claims, issuer};
use crate::kit::{Key, NOW, but, one, set, with};

#[tokio::test]
async fn a_credential_becomes_an_admitted_context_as_of_its_issue() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        let request = get("/t/acme/orders", &[("authorization", &bearer("acme"))]);
        send(&app, request).await.assert_served(front);
        let seen = handler.last();
        assert_eq!(seen.principal(), Ok("one/acme/ada".into()));
        let context = seen.context().unwrap();
        assert_eq!(context.as_of().as_unix(), NOW - 10, "{front}: as of `iat`");
        assert_eq!(context.grant().scope().to_string(), "orders.read");
        assert_eq!(context.requester(), "edge");
    }
    assert_eq!(mint.minted(), 2);
}

// advisory 17 (CVE-2025-55241): a valid token of A, and the request says B.
/// Its own signature is not checked again; that of a token service elsewhere is.
#[tokio::test]
async fn a_context_that_was_signed_here_is_known_to_the_layer_behind() {
    for (how, known) in [(How::AtOnce, [1, 0]), (How::Later, [0, 1])] {
        let (mint, handler) = (Mint::new(how), Handler::new());
        let domain = mint.domain();
        let layer = AuthenticateLayer::builder(issuers(), mint.clone(), domain.clone())
            .with_observe(())
            .accepting(witnesses);
        let [(front, app), _] = fronts(&layer.build().unwrap(), &handler);
        let request = get("/t/acme/orders", &[("authorization", &bearer("acme"))]);
        send(&app, request).await.assert_served(front);
        let metrics = domain.cache_metrics();
        assert_eq!([metrics.hits, metrics.misses], known, "{front}");
        // A path of another tenant is refused as before.
        let request = get("/t/globex/orders", &[("authorization", &bearer("acme"))]);
        let answer = send(&app, request).await;
        answer.assert_refused(Reason::TenantMismatch, front);
    }
}

#[tokio::test]
async fn nothing_is_looked_up_or_minted_for_a_request_that_names_another_tenant() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let memberships = Memberships::of(move |_: Principal| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, MembershipError>(Membership::Member) }
    });
    let issuer = issuer("one", NAME).with_memberships(memberships);
    let issuers = one(issuer.with_keys(set(&[&Key::ed(0)])));
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let layer = edge(issuers, &mint).build().unwrap();
    for (front, app) in fronts(&layer, &handler) {
        let (asked_before, minted_before) = (asked.load(Ordering::SeqCst), mint.minted());
        let credential = bearer("acme");
        let by_path = get("/t/globex/orders", &[("authorization", &credential)]);
        let lines = [("authorization", &*credential), ("x-tenant", "globex")];
        let by_header = get("/orders", &lines);
        for (request, what) in [(by_path, "path"), (by_header, "header")] {
            let answer = send(&app, request).await;
            answer.assert_refused(Reason::TenantMismatch, &format!("{front}: {what}"));
        }
        let twice = [
            ("authorization", &*credential),
            ("x-tenant", "acme"),
            ("x-tenant", "acme"),
        ];
        let answer = send(&app, get("/orders", &twice)).await;
        answer.assert_refused(Reason::ContextAmbiguous, &format!("{front}: twice"));
        // Nor for one whose credential is not good.
        for bad in [
            signed(&but(claims(NAME, "acme"), "/exp", json!(NOW - 60))),
            format!("{}x", token("acme")),
        ] {
            let bad = format!("Bearer {bad}");
            let answer = send(&app, get("/t/acme/orders", &[("authorization", &bad)])).await;
            assert_eq!(answer.status, 401, "{front}: {answer:?}");
        }
        assert_eq!(
            asked.load(Ordering::SeqCst),
            asked_before,
            "{front}: it was looked up"
        );
        assert_eq!(
            mint.minted(),
            minted_before,
            "{front}: a context was minted"
        );

        let honest = [("authorization", &*credential), ("x-tenant", "acme")];
        send(&app, get("/t/acme/orders", &honest))
            .await
            .assert_served(front);
        assert_eq!(mint.minted(), minted_before + 1);
    }
    // The second front knew the member.
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn nothing_is_minted_for_a_contradiction_where_nobody_has_to_be_asked() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        let request = get("/t/globex/orders", &[("authorization", &bearer("acme"))]);
        send(&app, request)
            .await
            .assert_refused(Reason::TenantMismatch, front);
    }
    assert_eq!((mint.minted(), handler.runs()), (0, 0));
}

// failure: X36
#[tokio::test]
async fn a_subject_comes_from_a_verified_credential_and_from_no_text_beside_it() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        // A machine may say whom it likes: it stays the machine.
        let machine = signed(&but(claims(NAME, "acme"), "/sub", json!("web")));
        let credential = format!("Bearer {machine}");
        let lines = [
            ("authorization", &*credential),
            ("x-user-id", "bob"),
            ("x-forwarded-user", "bob"),
            ("x-amzn-bedrock-agentcore-runtime-user-id", "bob"),
        ];
        let request = get("/t/acme/orders?user_id=bob&sub=bob", &lines);
        send(&app, request).await.assert_served(front);
        let seen = handler.last();
        assert_eq!(seen.principal(), Ok("one/acme/web".into()), "{front}");
        assert_eq!(
            seen.context().unwrap().kind(),
            throughline_core::Kind::Workload
        );
        assert!(seen.context().unwrap().actors().is_empty());

        // Without a credential it is nobody, and one that nobody signed is none.
        let runs = handler.runs();
        let nobody = send(
            &app,
            get("/t/acme/orders?user_id=bob", &[("x-user-id", "bob")]),
        )
        .await;
        nobody.assert_refused(Reason::ContextMissing, front);
        let unsigned = {
            use base64::Engine as _;
            let b64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let header = b64.encode(
                json!({"alg": "none", "typ": "at+jwt", "kid": crate::kit::KID}).to_string(),
            );
            let bob = with(claims(NAME, "acme"), json!({"sub": "bob"})).to_string();
            format!("Bearer {header}.{}.", b64.encode(bob))
        };
        let answer = send(&app, get("/t/acme/orders", &[("authorization", &unsigned)])).await;
        answer.assert_refused(Reason::AlgorithmRefused, front);
        assert_eq!(handler.runs(), runs);
    }
}

// One login may have tokens of two tenants at once: a request keeps the tenant it began with.
#[tokio::test]
async fn two_tenants_of_one_login_never_mix() {
    let (mint, handler) = (Mint::new(How::Later), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        let send_as = |credential: &'static str, path: &'static str| {
            let (app, token) = (app.clone(), bearer(credential));
            tokio::spawn(async move { send(&app, get(path, &[("authorization", &token)])).await })
        };
        let mut honest = Vec::new();
        let mut crossed = Vec::new();
        for _ in 0..20 {
            honest.push(send_as("acme", "/t/acme/orders"));
            honest.push(send_as("globex", "/t/globex/orders"));
            crossed.push(send_as("acme", "/t/globex/orders"));
            crossed.push(send_as("globex", "/t/acme/orders"));
        }
        for answer in honest {
            answer.await.unwrap().assert_served(front);
        }
        for answer in crossed {
            answer
                .await
                .unwrap()
                .assert_refused(Reason::TenantMismatch, front);
        }
    }
    assert_eq!(handler.runs(), 80);
}
