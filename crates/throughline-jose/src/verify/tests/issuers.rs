//! Several issuers, and keys that come and go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_core::{Reason, Refusal};

use super::forge::{Signer, claims, claims_but};
use super::{DOMAIN, NOW, accepted, refused, with_source};
use crate::TrustDomain;
use crate::keys::KeySet;
use crate::source::{FetchError, FetchLimits, Fetched, KeySource, RefreshPolicy};

const A: &str = "https://a.internal";
const B: &str = "https://b.internal";

fn pinned(signer: &Signer, issuer: &str) -> KeySource {
    KeySource::set(KeySet::from_keys([signer.public()]).unwrap()).for_issuer(issuer)
}

fn unpinned(signer: &Signer) -> KeySource {
    KeySource::set(KeySet::from_keys([signer.public()]).unwrap())
}

fn two(first: KeySource, second: KeySource) -> TrustDomain {
    TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(first)
        .add_keys(second)
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)))
        .with_clock(|| Timestamp::from_unix(NOW))
}

fn by(signer: &Signer, issuer: &str) -> String {
    signer.token(&claims_but("iss", json!(issuer)))
}

// CVE-2025-59936: one issuer published the `kid` of another.
// failure: X8
#[test]
fn a_key_vouches_for_its_own_issuer_only() {
    // The same name, as nothing keeps two issuers from choosing it.
    let (a, b) = (Signer::ed25519("1"), Signer::ed25519("1"));
    for domain in [
        two(pinned(&a, A), pinned(&b, B)),
        two(pinned(&b, B), pinned(&a, A)),
    ] {
        accepted(&domain, &by(&a, A));
        accepted(&domain, &by(&b, B));
        refused(&domain, by(&a, B), Reason::IssuerUntrusted);
        refused(&domain, by(&b, A), Reason::IssuerUntrusted);
        refused(
            &domain,
            by(&a, "https://c.internal"),
            Reason::IssuerUntrusted,
        );
        refused(
            &domain,
            a.token(&claims_but("iss", json!([A]))),
            Reason::ClaimInvalid,
        );
        let refusal = domain.verify(a.token(&claims()).as_bytes()).unwrap_err();
        assert_eq!(refusal.reason(), Reason::ClaimMissing);
        assert_eq!(refusal.place().unwrap().name(), "iss");
        // A stranger who took the name.
        refused(
            &domain,
            by(&Signer::ed25519("1"), A),
            Reason::SignatureInvalid,
        );
        // What was refused for B is not remembered as seen.
        refused(&domain, by(&a, B), Reason::IssuerUntrusted);
    }
}

// failure: X8
#[test]
fn one_key_of_two_issuers_vouches_for_neither_in_the_name_of_the_other() {
    let shared = Signer::ed25519("1");
    let domain = two(pinned(&shared, A), pinned(&Signer::ed25519("2"), B));
    accepted(&domain, &by(&shared, A));
    refused(&domain, by(&shared, B), Reason::IssuerUntrusted);
}

#[test]
fn a_key_that_is_pinned_to_nothing_does_not_vouch_for_who_is_pinned() {
    let (free, a) = (Signer::ed25519("1"), Signer::ed25519("2"));
    for domain in [
        two(unpinned(&free), pinned(&a, A)),
        two(pinned(&a, A), unpinned(&free)),
    ] {
        refused(&domain, by(&free, A), Reason::IssuerUntrusted);
        accepted(&domain, &by(&free, B));
        accepted(&domain, &free.token(&claims()));
        accepted(&domain, &by(&a, A));
        refused(&domain, by(&a, B), Reason::IssuerUntrusted);
    }
    // The same key, published by who is pinned too.
    for domain in [
        two(unpinned(&a), pinned(&a, A)),
        two(pinned(&a, A), unpinned(&a)),
    ] {
        accepted(&domain, &by(&a, A));
        accepted(&domain, &by(&a, B));
        accepted(&domain, &a.token(&claims()));
    }
}

#[test]
fn one_key_published_under_two_names_vouches_for_both() {
    let shared = Signer::ed25519("1");
    for domain in [
        two(pinned(&shared, A), pinned(&shared, B)),
        two(pinned(&shared, B), pinned(&shared, A)),
    ] {
        accepted(&domain, &by(&shared, A));
        accepted(&domain, &by(&shared, B));
        let other = by(&shared, "https://c.internal");
        refused(&domain, other, Reason::IssuerUntrusted);
        refused(&domain, shared.token(&claims()), Reason::ClaimMissing);
    }
}

/// A key set that a test changes, and how often it was fetched.
#[derive(Clone)]
struct Published(Arc<Mutex<(String, usize)>>);

impl Published {
    fn new<'s>(signers: impl IntoIterator<Item = &'s Signer>) -> Self {
        let published = Self(Arc::default());
        published.set(signers);
        published
    }

    fn set<'s>(&self, signers: impl IntoIterator<Item = &'s Signer>) {
        let keys: Vec<Value> = signers.into_iter().map(Signer::jwk).collect();
        self.0.lock().unwrap().0 = json!({ "keys": keys }).to_string();
    }

    fn break_down(&self) {
        self.0.lock().unwrap().0 = "<html>".into();
    }

    fn fetches(&self) -> usize {
        self.0.lock().unwrap().1
    }

    fn source(&self) -> KeySource {
        let shared = self.clone();
        KeySource::fetch(move |_: FetchLimits| {
            let mut state = shared.0.lock().unwrap();
            state.1 += 1;
            let document = state.0.clone();
            async move { Ok::<_, FetchError>(Fetched::new(document)) }
        })
        .with_refresh(
            RefreshPolicy::new()
                .with_cool_down(Duration::from_secs(30))
                .with_refresh_after(Duration::from_secs(300)),
        )
    }
}

async fn wait(domain: &TrustDomain, refusal: &Refusal) -> bool {
    match domain.keys_wait(refusal) {
        Some(wait) => {
            wait.await;
            true
        }
        None => false,
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_not_there_yet_are_worth_a_wait() {
    let signer = Signer::ed25519("a");
    let published = Published::new([&signer]);
    let domain = with_source(published.source());
    let token = signer.token(&claims());
    let refusal = domain.verify(token.as_bytes()).unwrap_err();
    assert_eq!(refusal.reason(), Reason::KeysUnavailable);
    assert!(!domain.is_ready());

    assert!(wait(&domain, &refusal).await);
    accepted(&domain, &token);
    assert!(domain.is_ready());
    assert_eq!(published.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_usable_key_every_token_is_refused_as_unavailable() {
    let signer = Signer::ed25519("a");
    let published = Published::new([&signer]);
    let domain = with_source(published.source());
    for document in [
        "<html>",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
    ] {
        published.0.lock().unwrap().0 = document.into();
        assert!(domain.load().await.is_err(), "{document}");
        refused(&domain, signer.token(&claims()), Reason::KeysUnavailable);
        assert!(!domain.is_ready());
    }
    published.set([&signer]);
    domain.load().await.unwrap();
    accepted(&domain, &signer.token(&claims()));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_added_since_is_accepted_after_a_wait() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let published = Published::new([&old]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    tokio::time::advance(Duration::from_secs(31)).await;

    published.set([&old, &new]);
    let token = new.token(&claims());
    let refusal = domain.verify(token.as_bytes()).unwrap_err();
    assert_eq!(refusal.reason(), Reason::KeyUnknown);
    assert!(wait(&domain, &refusal).await);
    accepted(&domain, &token);
    accepted(&domain, &old.token(&claims()));
    assert_eq!(published.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn made_up_keys_cost_one_fetch_and_nobody_else_anything() {
    let signer = Signer::ed25519("a");
    let published = Published::new([&signer]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    let honest = signer.token(&claims());
    accepted(&domain, &honest);
    tokio::time::advance(Duration::from_secs(31)).await;

    let stranger = Signer::ed25519("a");
    for n in 0..500 {
        let token = stranger.with_member("kid", json!(format!("made-up-{n}")));
        let refusal = domain.verify(token.as_bytes()).unwrap_err();
        assert_eq!(refusal.reason(), Reason::KeyUnknown);
        wait(&domain, &refusal).await;
        accepted(&domain, &honest);
    }
    assert_eq!(published.fetches(), 2);
    assert_eq!(domain.cache_metrics().entries, 1);
    assert_eq!(domain.cache_metrics().evictions, 0);
}

// GHSA-675f-rq2r-jw82: a key that was removed went on vouching.
#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_vouches_no_more_for_tokens_that_are_known_either() {
    let (gone, stays) = (Signer::ed25519("gone"), Signer::ed25519("stays"));
    let published = Published::new([&gone, &stays]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    let token = gone.token(&claims());
    accepted(&domain, &token);
    accepted(&domain, &token);
    assert_eq!(domain.cache_metrics().hits, 1);

    published.set([&stays]);
    domain.load().await.unwrap();
    refused(&domain, &token, Reason::KeyUnknown);
    accepted(&domain, &stays.token(&claims()));
}

#[tokio::test(start_paused = true)]
async fn a_key_under_a_known_name_replaces_the_one_before() {
    let (before, after) = (Signer::ed25519("a"), Signer::ed25519("a"));
    let published = Published::new([&before]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    let token = before.token(&claims());
    accepted(&domain, &token);
    published.set([&after]);
    domain.load().await.unwrap();
    refused(&domain, &token, Reason::SignatureInvalid);
    accepted(&domain, &after.token(&claims()));
}

#[tokio::test(start_paused = true)]
async fn the_same_keys_again_leave_known_tokens_known() {
    let (a, b) = (Signer::ed25519("a"), Signer::ed25519("b"));
    let published = Published::new([&a, &b]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    let token = a.token(&claims());
    accepted(&domain, &token);
    published.set([&b, &a]);
    domain.load().await.unwrap();
    accepted(&domain, &token);
    assert_eq!(domain.cache_metrics().hits, 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_could_not_be_refreshed_for_too_long_count_no_more() {
    let signer = Signer::ed25519("a");
    let published = Published::new([&signer]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    let token = signer.token(&claims());
    accepted(&domain, &token);
    published.break_down();
    tokio::time::advance(Duration::from_secs(60 * 60)).await;
    // The token is known: that helps as little as a good signature.
    refused(&domain, &token, Reason::KeysUnavailable);

    published.set([&signer]);
    domain.load().await.unwrap();
    accepted(&domain, &token);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_makes_its_tokens_wait_and_not_forged() {
    let (a, b) = (Signer::ed25519("1"), Signer::ed25519("1"));
    let down = Published::new([&a]);
    down.break_down();
    for domain in [
        two(down.source().for_issuer(A), pinned(&b, B)),
        two(pinned(&b, B), down.source().for_issuer(A)),
    ] {
        accepted(&domain, &by(&b, B));
        assert!(domain.load().await.is_err());
        accepted(&domain, &by(&b, B));
        // B has a key of this name too, whose signature this is not. It may be A's.
        refused(&domain, by(&a, A), Reason::KeysUnavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_key_can_mend_is_worth_no_wait() {
    let signer = Signer::ed25519("a");
    let published = Published::new([&signer]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    tokio::time::advance(Duration::from_secs(31)).await;
    for reason in Reason::ALL {
        let hopeful = domain.keys_wait(&Refusal::new(*reason)).is_some();
        // Of keys that are there now it is known that they came after the refusal.
        let mended = matches!(reason, Reason::KeyUnknown | Reason::KeysUnavailable);
        assert_eq!(hopeful, mended, "{reason}");
    }
    // Keys in memory never change.
    let fixed = super::domain([&signer]);
    assert!(fixed.keys_wait(&Refusal::new(Reason::KeyUnknown)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_keeps_no_other_from_being_loaded() {
    let (a, b) = (Signer::ed25519("1"), Signer::ed25519("2"));
    let down = Published::new([&a]);
    down.break_down();
    let up = Published::new([&b]);
    let domain = two(down.source().for_issuer(A), up.source().for_issuer(B));
    assert!(domain.load().await.is_err());
    assert_eq!((down.fetches(), up.fetches()), (1, 1));
    accepted(&domain, &by(&b, B));
    down.set([&a]);
    domain.load().await.unwrap();
    accepted(&domain, &by(&a, A));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_lands_between_the_refusal_and_the_question_is_worth_another_look() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let published = Published::new([&old]);
    let domain = with_source(published.source());
    domain.load().await.unwrap();
    let [late, made_up] = ["new", "made-up"].map(|kid| new.with_member("kid", json!(kid)));
    let [refusal, unmended] =
        [&late, &made_up].map(|token| domain.verify(token.as_bytes()).unwrap_err());
    assert_eq!(refusal.reason(), Reason::KeyUnknown);

    // Within the cool-down, which forbids to ask once more.
    published.set([&old, &new]);
    domain.load().await.unwrap();
    assert!(wait(&domain, &refusal).await);
    accepted(&domain, &late);
    assert!(!wait(&domain, &unmended).await);
    assert_eq!(published.fetches(), 2);
}
