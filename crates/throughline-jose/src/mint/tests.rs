//! Minted tokens come back as they were drafted, or are not minted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use throughline_core::attribute::Attribute;
use throughline_core::authentication::Authentication;
use throughline_core::carrier::OwnedFields;
use throughline_core::context::RequestFacts;
use throughline_core::freshness::Freshness;
use throughline_core::grant::{DataGrant, DataScope, Grant, Scope, Task};
use throughline_core::time::Timestamp;
use throughline_core::{
    Actor, ActorKind, Draft, Kind, Principal, Reason, Tenant, TrustDomainName, Verified, hop,
};

use super::*;
use crate::TrustDomain;
use crate::keys::KeySet;
use crate::source::KeySource;

const NOW: u64 = 1_700_000_000;
const DOMAIN: &str = "prod.acme.internal";
/// An Ed25519 key in PKCS #8, RFC 8410 §10.3.
const PKCS8: [u8; 48] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    0xd4, 0xee, 0x72, 0xdb, 0xf9, 0x13, 0x58, 0x4a, 0xd5, 0xb6, 0xd8, 0xf1, 0xf7, 0x69, 0xf8, 0xad,
    0x3a, 0xfe, 0x7c, 0x28, 0xcb, 0xf1, 0xd4, 0xfb, 0xe0, 0x97, 0xa8, 0x8f, 0x44, 0x75, 0x58, 0x42,
];

fn now() -> Timestamp {
    Timestamp::from_unix(NOW)
}

fn key(kid: &str) -> SigningKey {
    SigningKey::generate().unwrap().with_kid(kid).unwrap()
}

fn issuer() -> TokenIssuer {
    TokenIssuer::new(TrustDomainName::new(DOMAIN).unwrap(), key("a")).with_clock(now)
}

fn domain(issuer: &TokenIssuer) -> TrustDomain {
    TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(issuer.key_source())
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(600)))
        .with_clock(now)
}

fn ada() -> Principal {
    Principal::new("okta", Tenant::new("acme").unwrap(), "ada@example.com").unwrap()
}

fn draft() -> Draft {
    Draft::user(ada(), now()).unwrap()
}

fn agent() -> Actor {
    let agent = Principal::new("agents", Tenant::new("acme").unwrap(), "planner").unwrap();
    Actor::new(ActorKind::Agent, agent).in_session("s-2")
}

fn refused(domain: &TrustDomain, token: &str) -> Reason {
    domain.verify(token.as_bytes()).unwrap_err().reason()
}

/// Everything a draft can say.
fn full_draft() -> Draft {
    let task = Task::new("t-7").unwrap().for_purpose("support").unwrap();
    let data = DataScope::limited([DataGrant::of("document")
        .unwrap()
        .selecting("folder", ["q3"])
        .unwrap()]);
    Draft::delegated_agent(ada(), agent(), now())
        .unwrap()
        .with_grant(
            Grant::new(Scope::new("orders.read orders.write").unwrap())
                .for_task(task.until(Timestamp::from_unix(NOW + 3_600)))
                .with_data(data),
        )
        .add_attribute("plan", Attribute::new("gold", "billing", now()))
        .with_authentication(
            Authentication::at(Timestamp::from_unix(NOW - 60))
                .with_class("phr")
                .with_methods(["hwk", "pin"])
                .in_session("s-1"),
        )
        .with_request(RequestFacts {
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
            facts: [("ip".into(), "203.0.113.7".into())].into(),
        })
        .requested_by("edge")
        .unwrap()
        .with_epoch(4)
}

#[tokio::test(start_paused = true)]
async fn what_was_drafted_is_what_is_verified() {
    let issuer = issuer().with_issuer("https://tokens.internal");
    let domain = domain(&issuer);
    domain.load().await.unwrap();

    let verified = domain
        .verify(issuer.mint(full_draft()).unwrap().as_bytes())
        .unwrap();
    assert_eq!(verified.kind(), Kind::DelegatedAgent);
    assert_eq!(*verified.principal(), ada());
    assert_eq!(verified.actors().nearest(), Some(&agent()));
    let draft_again = full_draft()
        .issue(verified.transaction(), verified.lifetime().clone())
        .unwrap();
    assert_eq!(*verified, draft_again);
    let lifetime = verified.lifetime();
    assert_eq!(&*lifetime.audience, DOMAIN);
    assert_eq!(lifetime.issuer.as_deref(), Some("https://tokens.internal"));
    assert_eq!(lifetime.issued_at, now());
    assert_eq!(lifetime.expires_at, Timestamp::from_unix(NOW + 300));
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_work_can_be_minted() {
    let issuer = issuer();
    let domain = domain(&issuer);
    domain.load().await.unwrap();
    let cron = Principal::platform("platform", "cron").unwrap();
    for (draft, kind) in [
        (draft(), Kind::User),
        (
            Draft::delegated_agent(ada(), agent(), now()).unwrap(),
            Kind::DelegatedAgent,
        ),
        (
            Draft::autonomous_agent(ada(), now()).unwrap(),
            Kind::AutonomousAgent,
        ),
        (Draft::workload(ada(), now()).unwrap(), Kind::Workload),
        (Draft::platform(cron, now()).unwrap(), Kind::Platform),
    ] {
        let token = issuer.mint(draft).unwrap();
        assert_eq!(domain.verify(token.as_bytes()).unwrap().kind(), kind);
    }
}

#[test]
fn each_token_has_a_transaction_of_its_own_unless_the_draft_names_one() {
    let issuer = issuer();
    let source = KeySource::set(
        KeySet::parse(issuer.jwks().as_bytes(), &crate::AdmissionPolicy::new()).unwrap(),
    );
    let domain = TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(source)
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(600)))
        .with_clock(now);
    let transaction = |draft: Draft| {
        let token = issuer.mint(draft).unwrap();
        let verified = domain.verify(token.as_bytes()).unwrap();
        verified.transaction().to_owned()
    };
    assert_ne!(transaction(draft()), transaction(draft()));
    let named = draft().with_transaction("t-1").unwrap();
    assert_eq!(transaction(named), "t-1");
}

#[tokio::test(start_paused = true)]
async fn tokens_of_the_old_and_the_new_key_overlap() {
    let issuer = issuer();
    let domain = domain(&issuer);
    domain.load().await.unwrap();
    let old = issuer.mint(draft()).unwrap();
    assert!(domain.verify(old.as_bytes()).is_ok());

    issuer.publish(key("b")).unwrap();
    domain.load().await.unwrap();
    let still_old = issuer.mint(draft()).unwrap();
    assert_eq!(kid(&still_old), "a");

    issuer.sign_with("b").unwrap();
    let new = issuer.mint(draft()).unwrap();
    assert_eq!(kid(&new), "b");
    for token in [&old, &still_old, &new] {
        assert!(domain.verify(token.as_bytes()).is_ok());
    }

    issuer.retire("a").unwrap();
    // Until the next refresh the verifier cannot know.
    assert!(domain.verify(old.as_bytes()).is_ok());
    domain.load().await.unwrap();
    assert_eq!(refused(&domain, &old), Reason::KeyUnknown);
    assert_eq!(refused(&domain, &still_old), Reason::KeyUnknown);
    assert!(domain.verify(new.as_bytes()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_signs_before_verifiers_know_it_is_worth_a_wait() {
    let issuer = issuer();
    let domain = domain(&issuer);
    domain.load().await.unwrap();
    tokio::time::advance(Duration::from_secs(31)).await;
    issuer.publish(key("b")).unwrap();
    issuer.sign_with("b").unwrap();
    let token = issuer.mint(draft()).unwrap();
    let refusal = domain.verify(token.as_bytes()).unwrap_err();
    assert_eq!(refusal.reason(), Reason::KeyUnknown);
    domain.keys_wait(&refusal).unwrap().await;
    assert!(domain.verify(token.as_bytes()).is_ok());
}

/// How many tokens the cache took, was asked for in vain, and knew.
fn counted(domain: &TrustDomain) -> [u64; 3] {
    let metrics = domain.cache_metrics();
    [metrics.entries, metrics.misses, metrics.hits]
}

#[tokio::test(start_paused = true)]
async fn a_token_that_this_process_signed_is_known_at_its_first_sight() {
    let issuer = issuer();
    let [domain, other] = [domain(&issuer), domain(&issuer)];
    for domain in [&domain, &other] {
        domain.load().await.unwrap();
    }
    let own = issuer.mint_own(full_draft()).unwrap();
    domain.prime(&own);
    let known = domain.verify(own.token()).unwrap();
    assert_eq!(counted(&domain), [1, 0, 1]);
    // It says what everybody else reads in it.
    let read = other.verify(own.token()).unwrap();
    assert_eq!(counted(&other), [1, 1, 0]);
    let [known, read] = [&known, &read].map(|verified| {
        let context: &throughline_core::Context = verified;
        (context.clone(), verified.token().clone())
    });
    assert_eq!(known, read);

    // It dies with its key as any other.
    issuer.publish(key("b")).unwrap();
    issuer.sign_with("b").unwrap();
    issuer.retire("a").unwrap();
    domain.load().await.unwrap();
    let token = str::from_utf8(own.token()).unwrap();
    assert_eq!(refused(&domain, token), Reason::KeyUnknown);

    // The keys after a change vouch for what comes then, by either way.
    let new = issuer.mint_own(draft()).unwrap();
    domain.prime(&new);
    assert!(domain.verify(new.token()).is_ok());
    assert_eq!(counted(&domain)[1..], [1, 2]);
    other.load().await.unwrap();
    for hits in [0, 1] {
        assert!(other.verify(new.token()).is_ok());
        assert_eq!(counted(&other)[1..], [2, hits]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_this_process_that_the_domain_would_refuse_is_not_known() {
    let own_issuer = issuer();
    // The same kid, another key.
    let twin = issuer();
    let stranger = TokenIssuer::new(TrustDomainName::new(DOMAIN).unwrap(), key("z"));
    let elsewhere = TokenIssuer::new(TrustDomainName::new("test").unwrap(), key("a"));
    let foreign = crate::TokenType::Foreign {
        types: &["at+jwt"],
        untyped: true,
    };
    for (domain, issuer, reason) in [
        (domain(&own_issuer), twin, Reason::SignatureInvalid),
        (
            domain(&own_issuer),
            stranger.with_clock(now),
            Reason::KeyUnknown,
        ),
        (
            domain(&elsewhere),
            elsewhere.clone().with_clock(now),
            Reason::AudienceMismatch,
        ),
        (
            domain(&own_issuer).with_token_type(foreign),
            own_issuer.clone(),
            Reason::TypeRefused,
        ),
    ] {
        domain.load().await.unwrap();
        let own = issuer.mint_own(draft()).unwrap();
        domain.prime(&own);
        assert_eq!(counted(&domain)[0], 0, "{reason:?}");
        let token = str::from_utf8(own.token()).unwrap();
        assert_eq!(refused(&domain, token), reason);
    }
    // Nor while the domain has no keys.
    let domain = domain(&own_issuer);
    let own = own_issuer.mint_own(draft()).unwrap();
    domain.prime(&own);
    assert_eq!(counted(&domain)[0], 0);
    domain.load().await.unwrap();
    assert!(domain.verify(own.token()).is_ok());
    assert!(!format!("{own:?}").contains(str::from_utf8(own.token()).unwrap()));
}

#[test]
fn a_rotation_out_of_order_is_refused() {
    let issuer = issuer();
    let message = |result: Result<(), RotationError>| result.unwrap_err().to_string();
    assert_eq!(
        message(issuer.publish(key("a"))),
        "a published key has this kid already"
    );
    assert_eq!(
        message(issuer.sign_with("b")),
        "no published key has this kid"
    );
    assert_eq!(message(issuer.retire("b")), "no published key has this kid");
    assert_eq!(
        message(issuer.retire("a")),
        "the key signs, let another one sign before it is retired"
    );
    issuer.publish(key("b")).unwrap();
    issuer.retire("b").unwrap();
    assert_eq!(
        message(issuer.sign_with("b")),
        "no published key has this kid"
    );
}

#[test]
fn clones_rotate_together() {
    let one = issuer();
    let other = one.clone();
    one.publish(key("b")).unwrap();
    other.sign_with("b").unwrap();
    assert_eq!(kid(&one.mint(draft()).unwrap()), "b");
}

fn kid(token: &str) -> String {
    let envelope = crate::verify::Envelope::read(token.as_bytes(), crate::TokenType::Transaction);
    envelope.unwrap().kid().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_task() {
    let issuer = issuer();
    let domain = domain(&issuer);
    domain.load().await.unwrap();
    let until = |deadline: u64| {
        let task = Task::new("t")
            .unwrap()
            .until(Timestamp::from_unix(deadline));
        draft().with_grant(Grant::new(Scope::default()).for_task(task))
    };
    let ends = |draft: Draft| -> Result<u64, MintError> {
        let token = issuer.mint(draft)?;
        let verified: Verified = domain.verify(token.as_bytes()).unwrap();
        Ok(verified.lifetime().expires_at.as_unix())
    };
    assert_eq!(ends(draft()), Ok(NOW + 300));
    assert_eq!(ends(until(NOW + 7)), Ok(NOW + 7));
    assert_eq!(ends(until(NOW + 300)), Ok(NOW + 300));
    assert_eq!(ends(until(NOW + 3_000)), Ok(NOW + 300));
    for past in [0, NOW - 1, NOW] {
        let error = ends(until(past)).unwrap_err();
        assert_eq!(*error.kind(), MintErrorKind::Ended);
        assert_eq!(error.reason(), Reason::ContextExpired);
    }
    // As with what it is made from; whatever comes first.
    let by = |end: u64| draft().ending_by(Timestamp::from_unix(end));
    assert_eq!(ends(by(NOW + 9)), Ok(NOW + 9));
    assert_eq!(ends(by(NOW + 3_000)), Ok(NOW + 300));
    for (one, other) in [(7, 9), (9, 7)] {
        let end = Timestamp::from_unix(NOW + one);
        assert_eq!(ends(until(NOW + other).ending_by(end)), Ok(NOW + 7));
        assert_eq!(ends(by(NOW + other).ending_by(end)), Ok(NOW + 7));
    }
    assert_eq!(*ends(by(NOW)).unwrap_err().kind(), MintErrorKind::Ended);
}

// failure: H8
#[test]
fn a_context_too_long_for_proxies_is_refused_by_whoever_mints_it() {
    let issuer = issuer();
    let of = |facts: usize| {
        draft().with_request(RequestFacts {
            trace_id: None,
            facts: [("note".into(), "x".repeat(facts).into())].into(),
        })
    };
    let limit = OwnedFields::DEFAULT_SENDER_MAX_BYTES;
    // The longest that fits, and one byte more.
    let mut longest = None;
    for facts in 4_000..4_500 {
        match issuer.mint(of(facts)) {
            Ok(token) => {
                assert!(token.len() <= limit);
                longest = Some(token.len());
            }
            Err(error) => {
                assert!(longest.is_some());
                let MintErrorKind::Oversized(bytes) = error.kind() else {
                    panic!("{error}");
                };
                assert!(*bytes > limit);
                assert_eq!(error.reason(), Reason::ContextOversized);
            }
        }
    }
    assert!(longest.unwrap() > limit - 4);
    assert_eq!(
        issuer.mint(of(16 * 1024)).unwrap_err().reason(),
        Reason::ContextOversized
    );
}

#[test]
fn a_draft_of_the_future_is_not_minted() {
    let issuer = issuer();
    let as_of = |seconds| Draft::user(ada(), Timestamp::from_unix(seconds)).unwrap();
    assert!(issuer.mint(as_of(NOW)).is_ok());
    assert!(issuer.mint(as_of(NOW - 1)).is_ok());
    let error = issuer.mint(as_of(NOW + 1)).unwrap_err();
    assert_eq!(*error.kind(), MintErrorKind::AsOfFuture);
    assert_eq!(error.reason(), Reason::ClaimInvalid);
}

#[test]
fn time_is_read_at_each_minting() {
    let seconds = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&seconds);
    let issuer = issuer()
        .with_lifetime(Duration::from_secs(60))
        .with_clock(move || Timestamp::from_unix(clock.load(Ordering::Relaxed)));
    seconds.store(NOW + 5, Ordering::Relaxed);
    assert_eq!(issuer.now().as_unix(), NOW + 5);
    let token = issuer.mint(draft()).unwrap();
    let source = KeySource::set(KeySet::from_keys([signing_public(&issuer)]).unwrap());
    let domain = TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(source)
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(600)))
        .with_clock(now);
    let verified = domain.verify(token.as_bytes()).unwrap();
    assert_eq!(verified.lifetime().issued_at.as_unix(), NOW + 5);
    assert_eq!(verified.lifetime().expires_at.as_unix(), NOW + 65);
}

#[test]
fn admitted_work_goes_on_until_its_token_ends_and_in_its_own_domain_only() {
    let issuer = issuer().with_lifetime(Duration::from_secs(60));
    let domain = TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(KeySource::set(
            KeySet::from_keys([signing_public(&issuer)]).unwrap(),
        ))
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(600)))
        .with_clock(now);
    let token = issuer.mint(draft()).unwrap();
    let verified = domain.verify(token.as_bytes()).unwrap();
    let parent = hop::complete(hop::agree(&verified, []).unwrap(), []).unwrap();

    let at = |second| {
        issuer
            .clone()
            .with_clock(move || Timestamp::from_unix(second))
    };
    let elsewhere = TrustDomainName::new("staging.acme.internal").unwrap();
    let elsewhere = TokenIssuer::new(elsewhere, key("a")).with_clock(now);
    for (issuer, expected) in [
        (at(NOW + 59), None),
        (at(NOW + 60), Some(MintErrorKind::ParentExpired)),
        (elsewhere, Some(MintErrorKind::AnotherDomain)),
    ] {
        let kind =
            |minted: Result<Minted, MintError>| minted.err().map(|error| error.kind().clone());
        let narrower = Grant::new(Scope::default());
        assert_eq!(kind(issuer.renew(&parent)), expected);
        assert_eq!(kind(issuer.narrow(&parent, narrower, agent())), expected);
    }
    let renewed = at(NOW + 59).renew(&parent).unwrap().context;
    assert_eq!(renewed.as_of(), parent.as_of());
    assert_eq!(renewed.lifetime().expires_at.as_unix(), NOW + 119);
}

fn signing_public(issuer: &TokenIssuer) -> crate::VerifyingKey {
    let set = KeySet::parse(issuer.jwks().as_bytes(), &crate::AdmissionPolicy::new()).unwrap();
    set.iter().next().unwrap().clone()
}

#[test]
fn a_signing_key_comes_back_from_its_encoding() {
    let key = SigningKey::from_pkcs8(&PKCS8).unwrap();
    // The public half that RFC 8410 §10.1 prints.
    assert!(
        key.public_jwk()
            .contains(r#""x":"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE""#)
    );
    assert_eq!(key.kid(), key.public().thumbprint().to_string());
    let again = SigningKey::from_pkcs8(&key.danger_to_pkcs8().unwrap()).unwrap();
    assert_eq!(again.public(), key.public());
    assert_ne!(
        SigningKey::generate().unwrap().kid(),
        SigningKey::generate().unwrap().kid()
    );

    let error = SigningKey::from_pkcs8(&PKCS8[..47]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "text is not an ed25519 key in pkcs #8 der"
    );
}

#[test]
fn a_kid_that_verifiers_would_skip_is_refused() {
    for good in ["a", "2026-07", &"k".repeat(256), "ä", "a\"b\\c"] {
        let key = key(good);
        assert_eq!(key.kid(), good);
        let issuer = TokenIssuer::new(TrustDomainName::new(DOMAIN).unwrap(), key).with_clock(now);
        assert_eq!(kid(&issuer.mint(draft()).unwrap()), good);
    }
    for bad in ["", "a\n", "a\0", &"k".repeat(257)] {
        let error = SigningKey::generate().unwrap().with_kid(bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            "kid is unusable, expected 1 to 256 bytes without control characters"
        );
    }
}

#[test]
fn messages_say_what_was_found() {
    let errors = [
        MintErrorKind::AsOfFuture,
        MintErrorKind::Ended,
        MintErrorKind::Oversized(7_000),
        MintErrorKind::Randomness,
    ];
    let said: Vec<_> = errors
        .map(|kind| MintError::from(kind).to_string())
        .into_iter()
        .collect();
    assert_eq!(
        said,
        [
            "draft is as of the future",
            "task of the draft, or what it is made from, has ended",
            "token would have 7000 bytes, expected at most 6144",
            "the system gave no randomness",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_key_and_no_token() {
    let key = SigningKey::from_pkcs8(&PKCS8)
        .unwrap()
        .with_kid("a")
        .unwrap();
    assert_eq!(format!("{key:?}"), r#"SigningKey { kid: "a", .. }"#);
    let secret = key.danger_to_pkcs8().unwrap();

    let issuer = TokenIssuer::new(TrustDomainName::new(DOMAIN).unwrap(), key).with_clock(now);
    assert_eq!(
        format!("{issuer:?}"),
        r#"TokenIssuer { audience: TrustDomainName("prod.acme.internal"), issuer: None, lifetime: 300s, .. }"#
    );
    let domain = domain(&issuer);
    domain.load().await.unwrap();
    let token = issuer
        .mint(draft().with_transaction("t-1").unwrap())
        .unwrap();
    let verified = domain.verify(token.as_bytes()).unwrap();
    let envelope =
        crate::verify::Envelope::read(token.as_bytes(), crate::TokenType::Transaction).unwrap();
    assert_eq!(
        format!("{envelope:?}"),
        r#"Envelope { algorithm: "EdDSA", kid: Some("a"), .. }"#
    );
    assert_eq!(
        format!("{:?}", envelope.open(&signing_public(&issuer)).map(drop)),
        "Ok(())"
    );
    let seen = format!("{verified:?}");
    assert!(seen.starts_with("Verified(Context { transaction: \"t-1\", principal: Principal(okta/acme/ada%40example.com)"), "{seen}");

    let shown = format!("{issuer:?} {domain:?} {verified:?} {envelope:?} {verified:#?}");
    for part in token.split('.') {
        for piece in part.as_bytes().chunks(12).filter(|piece| piece.len() == 12) {
            let piece = std::str::from_utf8(piece).unwrap();
            assert!(!shown.contains(piece), "{piece} is shown");
        }
    }
    // The bytes as a list, as a derived `Debug` would print them.
    let bytes = |bytes: &[u8]| {
        let text = format!("{bytes:?}");
        text.trim_matches(['[', ']']).to_owned()
    };
    for bytes in [bytes(&secret[16..24]), bytes(&token.as_bytes()[..8])] {
        assert!(!shown.contains(&bytes));
    }
}
