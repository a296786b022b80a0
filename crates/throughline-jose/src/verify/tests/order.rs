//! The frozen order, and deciding again about a token that is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use throughline_core::context::Context;
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_core::{Reason, Refusal};

use super::forge::{Signer, claims, claims_but};
use super::{DOMAIN, NOW, accepted, domain, refused};
use crate::keys::KeySet;
use crate::source::KeySource;
use crate::{TokenType, TrustDomain};

/// One wrong thing for each check, in the order of the checks.
struct Wrongs {
    shape: bool,
    critical: bool,
    typ: bool,
    kid: bool,
    alg: bool,
    cut: bool,
    signature: bool,
    audience: bool,
    expired: bool,
    freshness: bool,
}

#[test]
fn a_token_that_is_wrong_in_several_ways_gets_the_earliest_reason() {
    let order = [
        Reason::ContextMalformed,
        Reason::ContextMalformed,
        Reason::TypeRefused,
        Reason::KeyUnknown,
        Reason::AlgorithmRefused,
        Reason::ContextTruncated,
        Reason::SignatureInvalid,
        Reason::AudienceMismatch,
        Reason::ContextExpired,
        Reason::FreshnessUnknown,
    ];
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    // Every set of wrongs: bit `n` is the `n`th check.
    for set in 0_u32..1 << order.len() {
        let wrong = |n: u32| set & (1 << n) != 0;
        let token = wrong_token(
            &signer,
            &Wrongs {
                shape: wrong(0),
                critical: wrong(1),
                typ: wrong(2),
                kid: wrong(3),
                alg: wrong(4),
                cut: wrong(5),
                signature: wrong(6),
                audience: wrong(7),
                expired: wrong(8),
                freshness: wrong(9),
            },
        );
        match order.get(set.trailing_zeros() as usize) {
            Some(earliest) => refused(&domain, token, *earliest),
            None => accepted(&domain, &token),
        }
    }
}

fn wrong_token(signer: &Signer, wrong: &Wrongs) -> String {
    let mut header = signer.header();
    let mut claims = claims();
    if wrong.critical {
        header["crit"] = json!(["x"]);
    }
    if wrong.typ {
        header["typ"] = "at+jwt".into();
    }
    if wrong.kid {
        header["kid"] = "nobody".into();
    }
    if wrong.alg {
        header["alg"] = "none".into();
    }
    if wrong.audience {
        claims["aud"] = "elsewhere".into();
    }
    if wrong.expired {
        claims["iat"] = (NOW - 200).into();
        claims["exp"] = (NOW - 100).into();
        claims["rctx"]["as_of"] = (NOW - 200).into();
    }
    if wrong.freshness {
        claims["rctx"]["as_of"] = (NOW - 301).into();
    }
    let mut token = signer.seal(header.to_string(), claims.to_string());
    if wrong.signature {
        // The first character of the signature, so that no bit beyond a byte is touched.
        let place = token.rfind('.').unwrap() + 1;
        let other = if token.as_bytes()[place] == b'A' {
            "B"
        } else {
            "A"
        };
        token.replace_range(place..=place, other);
    }
    if wrong.cut {
        token.pop();
    }
    if wrong.shape {
        token.push_str(".x");
    }
    token
}

#[test]
fn a_token_that_is_known_is_held_against_the_time_each_time() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let task = json!({"id": "t", "deadline": NOW + 5});
    let token = signer.token(&claims_but("tctx.task", task));
    let at = |now| {
        let verdict = domain.verify_at(token.as_bytes(), Timestamp::from_unix(now));
        verdict.map(drop).map_err(|refusal| refusal.reason())
    };
    assert_eq!(at(NOW), Ok(()));
    // Known, and not yet valid for a clock that is behind; or its task is over.
    for (now, verdict) in [
        (NOW - 41, Err(Reason::ContextNotYetValid)),
        (NOW + 4, Ok(())),
        (NOW + 5, Err(Reason::ContextExpired)),
        (NOW + 289, Err(Reason::ContextExpired)),
        (NOW + 1, Ok(())),
    ] {
        let hits = domain.cache_metrics().hits;
        assert_eq!(at(now), verdict, "{now}");
        assert_eq!(domain.cache_metrics().hits, hits + 1);
    }
    // Past its end it is not even known.
    assert_eq!(at(NOW + 320), Err(Reason::ContextExpired));
    assert_eq!(domain.cache_metrics().entries, 0);
}

#[test]
fn a_token_that_is_known_can_be_revoked() {
    let signer = Signer::ed25519("a");
    let revoked = Arc::new(AtomicBool::new(false));
    let feed = Arc::clone(&revoked);
    let domain = TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(KeySource::set(
            KeySet::from_keys([signer.public()]).unwrap(),
        ))
        .with_freshness(Freshness::feed(move |_: &Context, _| {
            if feed.load(Ordering::Relaxed) {
                return Err(Refusal::new(Reason::Revoked));
            }
            Ok(())
        }))
        .with_clock(|| Timestamp::from_unix(NOW));
    let token = signer.token(&claims());
    accepted(&domain, &token);
    accepted(&domain, &token);
    revoked.store(true, Ordering::Relaxed);
    refused(&domain, &token, Reason::Revoked);
    assert_eq!(domain.cache_metrics().hits, 2);
}

#[test]
fn a_changed_policy_decides_anew_about_a_token_that_is_known() {
    let signer = Signer::ed25519("a");
    let first = domain([&signer]);
    let token = signer.token(&claims());
    accepted(&first, &token);
    accepted(&first, &token);
    assert_eq!(first.cache_metrics().hits, 1);

    let stricter = first
        .clone()
        .with_policy(|policy| policy.with_max_lifetime(Duration::from_secs(60)));
    refused(&stricter, &token, Reason::LifetimeExcessive);
    assert_eq!(stricter.cache_metrics().hits, 0);
    let later = first
        .clone()
        .with_clock(|| Timestamp::from_unix(NOW + 1_000));
    refused(&later, &token, Reason::ContextExpired);
    accepted(&first, &token);
}

// failure: C2
#[test]
fn a_forged_signature_under_a_known_payload_is_refused() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    let honest = signer.token(&claims());
    accepted(&domain, &honest);
    accepted(&domain, &honest);
    assert_eq!(domain.cache_metrics().hits, 1);

    // All of the known token but its signature, which is another key's.
    let forged = Signer::ed25519("a").token(&claims());
    let (start, _) = honest.rsplit_once('.').unwrap();
    assert!(forged.starts_with(start));
    refused(&domain, &forged, Reason::SignatureInvalid);
    assert_eq!(domain.cache_metrics().hits, 1);
    accepted(&domain, &honest);
}

// failure: C1
#[test]
fn one_user_of_two_tenants_is_two_tokens() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    for tenant in ["acme", "globex"] {
        let mut claims = claims();
        claims["tctx"]["tenant"] = tenant.into();
        claims["sub"] = format!("okta/{tenant}/ada").into();
        let token = signer.token(&claims);
        let hits = domain.cache_metrics().hits;
        let first = domain.verify(token.as_bytes()).unwrap();
        assert_eq!(
            domain.cache_metrics().hits,
            hits,
            "{tenant} is not known yet"
        );
        let second = domain.verify(token.as_bytes()).unwrap();
        assert_eq!(domain.cache_metrics().hits, hits + 1);
        for verified in [first, second] {
            assert_eq!(verified.tenant().unwrap().as_str(), tenant);
            assert_eq!(verified.principal().subject(), "ada");
        }
    }
}

#[test]
fn without_a_cache_every_token_is_verified_each_time() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]).with_cache_capacity(0);
    let token = signer.token(&claims());
    accepted(&domain, &token);
    accepted(&domain, &token);
    assert_eq!(domain.cache_metrics().hits, 0);
    assert_eq!(domain.cache_metrics().misses, 2);
}

#[test]
fn a_domain_that_is_changed_remembers_no_token_and_keeps_its_capacity() {
    let signer = Signer::ed25519("a");
    let token = signer.token(&claims());
    let later = || Timestamp::from_unix(NOW + 1);
    let changes: [fn(TrustDomain) -> TrustDomain; 4] = [
        |domain| domain.with_policy(|policy| policy),
        |domain| domain.with_token_type(TokenType::Transaction),
        |domain| domain.with_clock(|| Timestamp::from_unix(NOW + 1)),
        |domain| domain.with_cache_capacity(10),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let known = domain([&signer]);
        accepted(&known, &token);
        let changed = change(known.clone());
        accepted(&changed, &token);
        assert_eq!(changed.cache_metrics().hits, 0, "change {n}");
        accepted(&changed, &token);
        assert_eq!(changed.cache_metrics().hits, 1, "change {n}");
        // Nor does the one it was made from learn of it.
        assert_eq!(known.cache_metrics().hits, 0, "change {n}");

        let without = change(known.with_cache_capacity(0)).with_clock(later);
        accepted(&without, &token);
        accepted(&without, &token);
        let expected = if n == 3 { 1 } else { 0 };
        assert_eq!(without.cache_metrics().hits, expected, "change {n}");
    }
}

#[test]
fn what_is_refused_is_not_kept() {
    let signer = Signer::ed25519("a");
    let domain = domain([&signer]);
    for (path, value) in [
        ("aud", json!("elsewhere")),
        ("rctx.as_of", json!(NOW - 301)),
        ("exp", json!(NOW - 30)),
    ] {
        let token = signer.token(&claims_but(path, value));
        assert!(domain.verify(token.as_bytes()).is_err());
    }
    refused(
        &domain,
        Signer::ed25519("a").token(&claims()),
        Reason::SignatureInvalid,
    );
    assert_eq!(domain.cache_metrics().entries, 0);
    accepted(&domain, &signer.token(&claims()));
    assert_eq!(domain.cache_metrics().entries, 1);
}
