//! What a client is told: the forms of the standards, and nothing that is only for the log.

use std::time::Duration;

use axum::Router;
use axum::routing::any;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use throughline::{Mode, Reason, RequireLayer, Rule};
use throughline_identity::authenticate::ResourceMetadata;
use tower::util::BoxCloneSyncService;

use super::{
    App, Handler, How, Mint, NAME, bare, bearer, edge, fronts, get, issuers, send, signed, usual,
    witnesses,
};
use crate::issuers::claims;
use crate::kit::{NOW, but, now, with, without};

const METADATA: &str = "https://api.example/.well-known/oauth-protected-resource/orders";

fn metadata() -> ResourceMetadata {
    ResourceMetadata::new("https://api.example/orders", ["https://id.example"]).unwrap()
}

// failure: T5
#[tokio::test]
async fn whoever_is_refused_learns_whom_to_ask_and_no_more() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let layer = edge(issuers(), &mint)
        .with_resource(metadata())
        .build()
        .unwrap();
    let expired = signed(&but(claims(NAME, "acme"), "/exp", json!(NOW - 60)));
    let elsewhere = signed(&but(claims(NAME, "acme"), "/aud", json!("api://billing")));
    let nowhere = signed(&without(claims(NAME, "acme"), "/aud"));
    let stranger = signed(&claims("https://evil.test", "acme"));
    for (front, app) in fronts(&layer, &handler) {
        // RFC 6750 §3: no error code for who brought nothing.
        let nobody = send(&app, get("/orders", &[])).await;
        nobody.assert_refused(Reason::ContextMissing, front);
        let bare = format!("Bearer resource_metadata=\"{METADATA}\"");
        assert_eq!(nobody.header("www-authenticate"), bare, "{front}");
        for (token, reason) in [
            (&expired, Reason::ContextExpired),
            (&elsewhere, Reason::AudienceMismatch),
            (&nowhere, Reason::ClaimMissing),
            (&stranger, Reason::IssuerUntrusted),
        ] {
            let line = format!("Bearer {token}");
            let answer = send(&app, get("/orders", &[("authorization", &line)])).await;
            answer.assert_refused(reason, front);
            let challenge =
                format!("Bearer error=\"invalid_token\", resource_metadata=\"{METADATA}\"");
            assert_eq!(
                answer.header("www-authenticate"),
                challenge,
                "{front}: {reason}"
            );
            assert_eq!(answer.header("cache-control"), "no-store", "{front}");
        }
        // A contradiction is no matter of the credential.
        let other = send(
            &app,
            get("/t/globex/orders", &[("authorization", &bearer("acme"))]),
        )
        .await;
        other.assert_refused(Reason::TenantMismatch, front);

        // RFC 9728 §3: without a credential, and as it is for everybody.
        let path = "/.well-known/oauth-protected-resource/orders";
        let document = send(&app, get(path, &[])).await;
        assert_eq!(document.status, StatusCode::OK, "{front}");
        let document: Value = serde_json::from_str(&document.text).unwrap();
        assert_eq!(document["resource"], "https://api.example/orders");
        let below = send(&app, get(&format!("{path}/x"), &[])).await;
        below.assert_refused(Reason::ContextMissing, front);
    }
}

fn post(mut request: Request<axum::body::Body>) -> Request<axum::body::Body> {
    *request.method_mut() = Method::POST;
    request
}

#[tokio::test]
async fn a_call_over_grpc_is_refused_in_its_own_form() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        let stale = format!(
            "Bearer {}",
            signed(&but(claims(NAME, "acme"), "/exp", json!(NOW - 60)))
        );
        let grpc = ("content-type", "application/grpc");
        for (lines, reason) in [
            (
                &[grpc, ("authorization", &*stale)][..],
                Reason::ContextExpired,
            ),
            (&[grpc], Reason::ContextMissing),
            (
                &[
                    grpc,
                    ("authorization", &bearer("acme")),
                    ("x-tenant", "globex"),
                ],
                Reason::TenantMismatch,
            ),
        ] {
            let answer = send(&app, post(get("/orders", lines))).await;
            assert_eq!(answer.status, StatusCode::OK, "{front}");
            assert_eq!(answer.header("content-type"), "application/grpc", "{front}");
            let code = reason.grpc_code().number().to_string();
            assert_eq!(answer.header("grpc-status"), code, "{front}");
            assert_eq!(
                answer.header("throughline-reason"),
                reason.code(),
                "{front}"
            );
            assert!(answer.text.is_empty(), "{front}");
            assert!(
                !format!("{answer:?}").contains("acme"),
                "{front}: {answer:?}"
            );
        }
        // Nothing else is gRPC, and an empty 200 would be taken for the answer.
        let other = send(&app, get("/orders", &[grpc])).await;
        assert_eq!(other.status, StatusCode::UNAUTHORIZED, "{front}");
        let honest = [grpc, ("authorization", &*bearer("acme"))];
        send(&app, post(get("/orders", &honest)))
            .await
            .assert_served(front);
    }
}

#[tokio::test]
async fn a_step_up_behind_the_edge_names_the_metadata_too() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let recent = RequireLayer::builder()
        .authenticated_within(Duration::from_secs(300))
        .with_clock(now)
        .with_observe(())
        .build()
        .unwrap();
    let layer = edge(issuers(), &mint)
        .with_resource(metadata())
        .build()
        .unwrap();
    let served = handler.clone();
    let router = Router::new()
        .route("/orders", any(move |request| served.run(request)))
        .layer(recent)
        .layer(layer);
    let app: App = BoxCloneSyncService::new(router);
    let login = |ago: u64| {
        let claims = with(claims(NAME, "acme"), json!({"auth_time": NOW - ago}));
        format!("Bearer {}", signed(&claims))
    };
    send(&app, get("/orders", &[("authorization", &login(200))]))
        .await
        .assert_served("recent");
    for credential in [login(400), bearer("acme")] {
        let answer = send(&app, get("/orders", &[("authorization", &credential)])).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let challenge = format!(
            "Bearer error=\"insufficient_user_authentication\", max_age=\"300\", \
             resource_metadata=\"{METADATA}\""
        );
        assert_eq!(answer.header("www-authenticate"), challenge);
    }
    assert_eq!(handler.runs(), 1);
}

#[tokio::test]
async fn a_path_that_is_exempt_is_that_one_and_a_bad_credential_is_refused_there_too() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        send(&app, get("/health", &[])).await.assert_served(front);
        assert_eq!(
            handler.last().principal(),
            Err(Reason::ContextMissing),
            "{front}"
        );
        send(&app, get("/health", &[("authorization", &bearer("acme"))]))
            .await
            .assert_served(front);
        assert_eq!(
            handler.last().principal(),
            Ok("one/acme/ada".into()),
            "{front}"
        );
        for near in ["/health/", "/healthz", "/health/x", "/HEALTH"] {
            let answer = send(&app, get(near, &[])).await;
            answer.assert_refused(Reason::ContextMissing, &format!("{front}: {near}"));
        }
        let forged = format!("{}A", bearer("acme"));
        let answer = send(&app, get("/health", &[("authorization", &forged)])).await;
        assert_eq!(
            answer.status,
            StatusCode::UNAUTHORIZED,
            "{front}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_rule_that_is_only_reported_lets_a_call_pass_without_its_proof() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let layer = bare(issuers(), &mint)
        .accepting(|accept| witnesses(accept).with_mode(Rule::Witnesses, Mode::Report))
        .build()
        .unwrap();
    for (front, app) in fronts(&layer, &handler) {
        let other = get("/t/globex/orders", &[("authorization", &bearer("acme"))]);
        send(&app, other).await.assert_served(front);
        let seen = handler.last();
        assert!(seen.principal().is_err(), "{front}");
        assert_eq!(seen.observed(), Err(Reason::TenantMismatch), "{front}");
        let own = get("/t/acme/orders", &[("authorization", &bearer("acme"))]);
        send(&app, own).await.assert_served(front);
        assert_eq!(handler.last().observed(), Ok("acme".into()), "{front}");
        // What is not a matter of witnesses is enforced.
        let stale = format!(
            "Bearer {}",
            signed(&but(claims(NAME, "acme"), "/exp", json!(NOW - 60)))
        );
        let answer = send(&app, get("/t/acme/orders", &[("authorization", &stale)])).await;
        answer.assert_refused(Reason::ContextExpired, front);
    }
}
