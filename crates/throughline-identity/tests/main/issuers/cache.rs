//! The cache knows a credential to the byte, and no longer than its key and its end.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::json;
use throughline_core::Reason;
use throughline_jose::KeySource;
use throughline_jose::source::{FetchError, FetchLimits, Fetched};

use super::{ONE, TWO, claims, issuer, two};
use crate::kit::{
    Key, assert_refused, but, jwks, load, now, one, principal, set, several, verdict, with,
};

// advisory 14 (GHSA-675f-rq2r-jw82): a key that is withdrawn takes its credentials along.
#[tokio::test]
async fn a_credential_dies_with_its_key_also_where_it_was_seen_before() {
    let [old, new] = [Key::ed(0), Key::ed(1).with_kid("key-2023-12")];
    let document = Arc::new(std::sync::Mutex::new(jwks(&[&old, &new])));
    let shown = Arc::clone(&document);
    let keys = KeySource::fetch(move |_: FetchLimits| {
        let document = shown.lock().unwrap().clone();
        async move { Ok::<_, FetchError>(Fetched::new(document)) }
    });
    let issuers = one(issuer("one", ONE).with_keys(keys));
    load(&issuers).await;
    let [by_old, by_new] = [&old, &new].map(|key| key.sign_access(&claims(ONE, "acme")));
    for _ in 0..2 {
        assert!(verdict(&issuers, &by_old).is_ok());
        assert!(verdict(&issuers, &by_new).is_ok());
    }
    *document.lock().unwrap() = jwks(&[&new]);
    load(&issuers).await;
    assert_refused(verdict(&issuers, &by_old), Reason::KeyUnknown, "withdrawn");
    assert!(verdict(&issuers, &by_new).is_ok());
}

// advisory 22 (CVE-2026-35030, GHSA-rp9m-7r4c-75qg): a cached credential is that one, to the byte.
#[test]
fn a_cached_credential_vouches_for_no_other_and_no_longer_than_it_lives() {
    let (issuers, [one, two]) = two([0, 1]);
    // Tokens that share a long beginning, and differ in the middle only.
    let long = |org: &str, sub: &str| {
        let filled = json!({"a": "x".repeat(2048), "org": org, "sub": sub, "z": "x".repeat(2048)});
        one.sign_access(&with(claims(ONE, org), filled))
    };
    let known = long("acme", "ada");
    assert_eq!(principal(&issuers, &known), Ok("one/acme/ada".into()));
    assert_eq!(
        principal(&issuers, &long("acme", "bob")),
        Ok("one/acme/bob".into())
    );
    assert_eq!(
        principal(&issuers, &long("globex", "ada")),
        Ok("one/globex/ada".into())
    );
    let hits = || {
        issuers
            .cache_metrics()
            .map(|(_, metrics)| metrics.hits)
            .collect::<Vec<_>>()
    };
    assert_eq!(hits(), [0, 0]);
    assert_eq!(principal(&issuers, &known), Ok("one/acme/ada".into()));
    assert_eq!(hits(), [1, 0]);
    // The payload is known; the signature is another.
    let (input, signature) = known.rsplit_once('.').unwrap();
    let mut bytes = B64.decode(signature).unwrap();
    bytes[5] ^= 1;
    let forged = format!("{input}.{}", B64.encode(&bytes));
    assert_refused(
        verdict(&issuers, &forged),
        Reason::SignatureInvalid,
        "forged",
    );
    let by_other = two.sign_access(&claims(ONE, "acme"));
    assert_refused(
        verdict(&issuers, &by_other),
        Reason::SignatureInvalid,
        "by another issuer",
    );
    // It ends: not in the cache, and by the forgiven skew a little later.
    let at = |later: u64| {
        let then = now().plus(std::time::Duration::from_secs(later));
        issuers
            .verify(known.as_bytes(), then)
            .map_err(|refusal| refusal.reason())
    };
    assert!(at(289).is_ok());
    assert_eq!(hits(), [2, 0]);
    assert!(at(319).is_ok(), "within the skew, verified anew");
    assert_eq!(hits(), [2, 0]);
    assert_eq!(at(320).unwrap_err(), Reason::ContextExpired);
}

#[test]
fn a_flood_of_one_issuer_takes_nothing_from_another() {
    let [one, two] = [Key::ed(0), Key::ed(1)];
    let built = [
        issuer("one", ONE).with_keys(set(&[&one])),
        issuer("two", TWO).with_keys(set(&[&two])),
    ];
    let issuers = several(built).with_cache_capacity(8);
    let honest = one.sign_access(&claims(ONE, "acme"));
    assert!(verdict(&issuers, &honest).is_ok());
    for n in 0..50 {
        let flood = but(claims(TWO, "globex"), "/jti", json!(n.to_string()));
        assert!(verdict(&issuers, &two.sign_access(&flood)).is_ok());
    }
    let before: Vec<_> = issuers
        .cache_metrics()
        .map(|(_, it)| (it.hits, it.entries))
        .collect();
    assert_eq!(before, [(0, 1), (0, 8)]);
    assert!(verdict(&issuers, &honest).is_ok());
    let after: Vec<_> = issuers.cache_metrics().map(|(_, it)| it.hits).collect();
    assert_eq!(after, [1, 0]);
}
