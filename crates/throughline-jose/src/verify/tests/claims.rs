//! Steps 5 and 6: for us, now, still true.

use serde_json::{Value, json};
use throughline_core::context::Context;
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_core::{Reason, Refusal};

use super::forge::{Signer, claims, claims_but};
use super::{DOMAIN, NOW, accepted, domain, refused};
use crate::TrustDomain;
use crate::keys::KeySet;
use crate::source::KeySource;

#[test]
fn a_genuine_token_is_for_us_and_now() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    accepted(&domain, &signer.token(&claims()));
    for (path, value) in [
        ("aud", json!([DOMAIN])),
        ("exp", json!(NOW)),
        ("iat", json!(NOW - 10)),
        ("iat", json!(NOW as f64 - 9.5)),
        ("nbf", json!(NOW + 30)),
        ("exp", json!(NOW - 29)),
        ("rctx.as_of", json!(NOW - 300)),
        ("iss", json!("https://tokens.internal")),
    ] {
        let mut claims = claims_but(path, value);
        if path == "exp" {
            claims["iat"] = (NOW - 60).into();
            claims["rctx"]["as_of"] = (NOW - 60).into();
        }
        accepted(&domain, &signer.token(&claims));
    }

    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    for (path, value, reason) in [
        ("aud", Value::Null, Reason::ClaimMissing),
        ("aud", json!(""), Reason::AudienceMismatch),
        ("aud", json!([]), Reason::AudienceMismatch),
        (
            "aud",
            json!("prod.globex.internal"),
            Reason::AudienceMismatch,
        ),
        ("aud", json!("PROD.acme.internal"), Reason::AudienceMismatch),
        ("aud", json!([DOMAIN, DOMAIN]), Reason::AudienceMismatch),
        ("aud", json!({"a": DOMAIN}), Reason::ClaimInvalid),
        ("iat", json!(NOW + 31), Reason::ContextNotYetValid),
        ("nbf", json!(NOW + 31), Reason::ContextNotYetValid),
        ("exp", json!(NOW - 30), Reason::ContextExpired),
        ("exp", json!(NOW - 10), Reason::ClaimInvalid),
        ("exp", json!(NOW - 10 + 901), Reason::LifetimeExcessive),
        ("exp", json!(NOW * 1000), Reason::ClaimInvalid),
        ("exp", json!(u64::MAX), Reason::ClaimInvalid),
        ("exp", json!("1700000290"), Reason::ClaimInvalid),
        ("rctx.as_of", json!(NOW), Reason::ClaimInvalid),
        ("rctx.as_of", json!(NOW - 86_431), Reason::LifetimeExcessive),
        ("rctx.as_of", json!(NOW - 301), Reason::FreshnessUnknown),
        (
            "iss",
            json!(["https://tokens.internal"]),
            Reason::ClaimInvalid,
        ),
        ("tctx.tenant", json!(""), Reason::TenantInvalid),
        ("tctx.tenant", json!("acme/"), Reason::TenantInvalid),
        ("tctx.tenant", json!("-acme"), Reason::TenantInvalid),
        ("tctx.tenant", json!(7), Reason::ClaimInvalid),
        ("tctx.tenant", json!("globex"), Reason::ClaimInvalid),
        ("sub", json!("okta/globex/ada"), Reason::ClaimInvalid),
        ("tctx", json!([]), Reason::ClaimInvalid),
        (
            "x",
            serde_json::from_str(&deep).unwrap(),
            Reason::ClaimInvalid,
        ),
        ("act", actors(9), Reason::DepthExceeded),
        ("act", circle(), Reason::LoopDetected),
    ] {
        refused(&domain, signer.token(&claims_but(path, value)), reason);
    }
}

/// A chain of `n` services.
fn actors(n: usize) -> Value {
    (0..n).fold(Value::Null, |behind, n| {
        let mut act = json!({"sub": format!("spiffe/acme/s{n}"), "kind": "service"});
        if !behind.is_null() {
            act["act"] = behind;
        }
        act
    })
}

fn circle() -> Value {
    let mut act = actors(2);
    act["act"]["act"] = json!({"sub": act["sub"], "kind": "service"});
    act
}

#[test]
fn a_chain_of_actors_is_short_and_runs_straight() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    accepted(&domain, &signer.token(&claims_but("act", actors(2))));
    accepted(&domain, &signer.token(&claims_but("act", actors(8))));
    refused(
        &domain,
        signer.token(&claims_but("act", actors(9))),
        Reason::DepthExceeded,
    );
    refused(
        &domain,
        signer.token(&claims_but("act", circle())),
        Reason::LoopDetected,
    );
}

// failure: X8
#[test]
fn a_token_that_lacks_a_required_claim_is_refused_by_its_name() {
    let signer = Signer::ed25519("a");
    let domain =
        domain([&signer]).with_policy(|policy| policy.with_issuer("https://tokens.internal"));
    let honest = claims_but("iss", json!("https://tokens.internal"));
    accepted(&domain, &signer.token(&honest));
    for path in [
        "iss",
        "aud",
        "iat",
        "exp",
        "txn",
        "sub",
        "scope",
        "req_wl",
        "tctx",
        "tctx.kind",
        "tctx.tenant",
        "tctx.idp",
        "tctx.sub",
        "rctx",
        "rctx.as_of",
    ] {
        let mut claims = claims_but(path, Value::Null);
        if path != "iss" {
            claims["iss"] = "https://tokens.internal".into();
        }
        let refusal = domain.verify(signer.token(&claims).as_bytes()).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ClaimMissing, "{path}: {refusal}");
        assert_eq!(refusal.place().unwrap().name(), path);
    }
    // The same for another issuer, in every spelling that somebody might take for ours.
    for issuer in [
        "https://tokens.internal/",
        "https://tokens.interna",
        "https://TOKENS.internal",
        "https://tokens.internal.example",
        "http://tokens.internal",
        "",
    ] {
        let claims = claims_but("iss", json!(issuer));
        refused(&domain, signer.token(&claims), Reason::IssuerUntrusted);
    }
}

// failure: X7
#[test]
fn a_claim_under_another_name_is_a_missing_claim() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    accepted(&domain, &signer.token(&claims()));
    let mut renamed = claims();
    let rctx = renamed.as_object_mut().unwrap().remove("rctx").unwrap();
    renamed["req_ctx"] = rctx;
    let refusal = domain
        .verify(signer.token(&renamed).as_bytes())
        .unwrap_err();
    assert_eq!(refusal.reason(), Reason::ClaimMissing);
    assert_eq!(refusal.place().unwrap().name(), "rctx");
}

#[test]
fn a_signed_claim_is_said_once() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let honest = claims().to_string();
    let seal = |payload: String| signer.seal(signer.header().to_string(), payload);
    accepted(&domain, &seal(honest.clone()));
    for (from, to) in [
        (r#""tenant":"acme""#, r#""tenant":"globex","tenant":"acme""#),
        (
            r#""tenant":"acme""#,
            r#""tenant":"acme","ten\u0061nt":"globex""#,
        ),
        (r#""txn":"t-1""#, r#""txn":"t-1","txn":"t-1""#),
        (r#""txn":"t-1""#, r#""txn":"t-1","x":{"y":0,"y":0}"#),
    ] {
        assert!(honest.contains(from));
        refused(
            &domain,
            seal(honest.replace(from, to)),
            Reason::ClaimInvalid,
        );
    }
}

#[test]
fn a_context_is_still_true_or_refused() {
    let signer = Signer::ed25519("a");
    let with = |answer: fn(&Context, Timestamp) -> Result<(), Refusal>| {
        TrustDomain::new(DOMAIN)
            .unwrap()
            .with_keys(KeySource::set(
                KeySet::from_keys([signer.public()]).unwrap(),
            ))
            .with_freshness(Freshness::feed(answer))
            .with_clock(|| Timestamp::from_unix(NOW))
    };
    let token = signer.token(&claims());
    accepted(&with(|_, _| Ok(())), &token);
    refused(
        &with(|_, _| Err(Reason::Revoked.into())),
        &token,
        Reason::Revoked,
    );
    refused(
        &with(|_, _| Err(Reason::TenantSuspended.into())),
        &token,
        Reason::TenantSuspended,
    );
    refused(
        &with(|_, _| Err(Reason::FreshnessUnknown.into())),
        &token,
        Reason::FreshnessUnknown,
    );
}

#[test]
fn the_task_ends_the_token() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let until = |deadline| claims_but("tctx.task", json!({"id": "t", "deadline": deadline}));
    accepted(&domain, &signer.token(&until(NOW + 1)));
    refused(&domain, signer.token(&until(NOW)), Reason::ContextExpired);
}
