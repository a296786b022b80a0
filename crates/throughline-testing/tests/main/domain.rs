//! The test domain decides as a real one does, and goes where the test puts it.

use std::time::Duration;

use serde_json::json;
use throughline_core::freshness::Target;
use throughline_core::time::Clock as _;
use throughline_core::{Principal, Reason, Tenant};
use throughline_jose::TrustDomain;
use throughline_jose::source::RefreshPolicy;
use throughline_testing::{IssuerFault, KeyFault, TestDomain, TestKey};

/// Why `token` is refused; none where it passes.
fn refused(domain: &TrustDomain, token: &str) -> Option<Reason> {
    let verified = domain.verify(token.as_bytes());
    verified.err().map(|refusal| refusal.reason())
}

async fn loaded() -> TestDomain {
    let domain = TestDomain::new();
    domain.load().await.unwrap();
    domain
}

#[tokio::test]
async fn two_domains_share_nothing() {
    let (one, two) = (loaded().await, loaded().await);
    assert_eq!(refused(&one.trust_domain(), &one.token("acme")), None);
    assert_eq!(
        refused(&two.trust_domain(), &one.token("acme")),
        Some(Reason::KeyUnknown)
    );

    one.suspend("acme");
    one.clock().advance(Duration::from_secs(10));
    assert_eq!(refused(&two.trust_domain(), &two.token("acme")), None);
    assert_eq!(two.keys().fetches(), 1);
}

#[tokio::test]
async fn tokens_live_by_the_clock_in_hand() {
    let domain = loaded().await;
    let service = domain.trust_domain();
    let token = domain.token("acme");
    assert_eq!(refused(&service, &token), None);

    domain.clock().advance(TestDomain::LIFETIME);
    domain.clock().advance(Duration::from_secs(31));
    assert_eq!(refused(&service, &token), Some(Reason::ContextExpired));
    assert_eq!(refused(&service, &domain.token("acme")), None);

    domain
        .clock()
        .turn_back(TestDomain::LIFETIME + Duration::from_secs(100));
    assert_eq!(refused(&service, &token), Some(Reason::ContextNotYetValid));

    domain.reset();
    assert_eq!(refused(&service, &token), None);
}

#[tokio::test]
async fn a_signature_says_who_signed_and_nothing_else() {
    let domain = loaded().await;
    let service = domain.trust_domain();
    let (own, claims) = (domain.key(), domain.claims("acme"));
    assert_eq!(
        refused(&service, &domain.sign(&own.header(), &claims)),
        None
    );

    let mut without_tenant = claims.clone();
    without_tenant["tctx"]
        .as_object_mut()
        .unwrap()
        .remove("tenant");
    assert_eq!(
        refused(&service, &domain.sign(&own.header(), &without_tenant)),
        Some(Reason::ClaimMissing)
    );
    let mut of_another = claims.clone();
    of_another["iss"] = json!("https://tokens.elsewhere");
    assert_eq!(
        refused(&service, &domain.sign(&own.header(), &of_another)),
        Some(Reason::IssuerUntrusted)
    );

    // Text as it stands, so a member can be there twice.
    let once = claims.to_string();
    let twice = once.replacen('{', r#"{"aud":"elsewhere.internal","#, 1);
    let header = own.header().to_string();
    assert_eq!(refused(&service, &own.sign_text(&header, &once)), None);
    assert_eq!(
        refused(&service, &own.sign_text(&header, &twice)),
        Some(Reason::ClaimInvalid)
    );

    let attacker = TestKey::generate();
    assert_eq!(
        refused(&service, &attacker.sign(&attacker.header(), &claims)),
        Some(Reason::KeyUnknown)
    );
    let disguised = attacker.with_kid(own.kid());
    assert_eq!(
        refused(&service, &disguised.sign(&disguised.header(), &claims)),
        Some(Reason::SignatureInvalid)
    );
}

#[tokio::test]
async fn what_is_revoked_is_dead_and_its_neighbour_lives() {
    let domain = loaded().await;
    let service = domain.trust_domain();
    let (acme, globex) = (domain.token("acme"), domain.token("globex"));
    let ada = Principal::new(
        TestDomain::PROVIDER,
        domain.own().clone(),
        TestDomain::SUBJECT,
    );
    domain.revoke(Target::Principal(ada.unwrap()));
    assert_eq!(refused(&service, &acme), Some(Reason::Revoked));
    assert_eq!(refused(&service, &globex), None);

    // One that is known anew a second later counts.
    domain.clock().advance(Duration::from_secs(1));
    assert_eq!(refused(&service, &domain.token("acme")), None);
    assert_eq!(refused(&service, &acme), Some(Reason::Revoked));

    domain.revoke(Target::Tenant(domain.other().clone()));
    domain.suspend("acme");
    assert_eq!(refused(&service, &acme), Some(Reason::TenantSuspended));
    assert_eq!(refused(&service, &globex), Some(Reason::Revoked));
    domain.restore();
    assert_eq!(refused(&service, &acme), None);
    assert_eq!(refused(&service, &globex), None);
}

#[tokio::test]
async fn a_feed_that_fell_silent_makes_everything_unknown() {
    let domain = loaded().await;
    let service = domain.trust_domain();
    domain.silence_feed();
    domain.clock().advance(TestDomain::FEED_BUDGET);
    assert_eq!(refused(&service, &domain.token("acme")), None);
    domain.clock().advance(Duration::from_secs(1));
    // Silence is not broken by being told again.
    domain.silence_feed();
    let unknown = Some(Reason::FreshnessUnknown);
    assert_eq!(refused(&service, &domain.token("acme")), unknown);
    domain.restore();
    assert_eq!(refused(&service, &domain.token("acme")), None);
}

#[tokio::test]
async fn a_rotation_overlaps() {
    let domain = loaded().await;
    let service = domain.trust_domain();
    let (old, new) = (domain.key(), TestKey::generate());
    let before = domain.token("acme");

    domain.publish_key(&new).unwrap();
    assert_eq!(domain.key().kid(), old.kid());
    domain.load().await.unwrap();
    domain.sign_with(new.kid()).unwrap();
    assert_eq!(domain.key().kid(), new.kid());
    let after = domain.token("acme");
    assert_eq!(refused(&service, &before), None);
    assert_eq!(refused(&service, &after), None);
    let own = domain.key();
    let signed = domain.sign(&own.header(), &domain.claims("acme"));
    assert_eq!(refused(&service, &signed), None);

    domain.retire_key(old.kid()).unwrap();
    assert_eq!(refused(&service, &before), None, "it is still at hand");
    domain.load().await.unwrap();
    assert_eq!(refused(&service, &before), Some(Reason::KeyUnknown));
    assert_eq!(refused(&service, &after), None);
}

#[tokio::test]
async fn steps_of_a_rotation_out_of_order_are_refused() {
    let domain = TestDomain::new();
    let (own, new) = (domain.key(), TestKey::generate());
    assert!(domain.sign_with(new.kid()).is_err());
    assert!(domain.retire_key(new.kid()).is_err());
    assert!(domain.retire_key(own.kid()).is_err());
    assert!(
        domain
            .publish_key(&new.clone().with_kid(own.kid()))
            .is_err()
    );
    assert!(domain.publish_key(&new.clone().with_kid("")).is_err());
    domain.load().await.unwrap();
    let signed = new.sign(&new.header(), &domain.claims("acme"));
    assert_eq!(
        refused(&domain.trust_domain(), &signed),
        Some(Reason::KeyUnknown)
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_makes_one_fetch() {
    let domain = loaded().await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let claims = domain.claims("acme");
    let honest = domain.token("acme");
    for _ in 0..100 {
        let attacker = TestKey::generate();
        let made_up = attacker.sign(&attacker.header(), &claims);
        let refused = domain.admit(&made_up).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::KeyUnknown);
        domain.admit(&honest).await.unwrap();
    }
    assert_eq!(domain.keys().fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_once_the_cool_down_is_over() {
    let domain = loaded().await;
    let new = TestKey::generate();
    domain.publish_key(&new).unwrap();
    domain.sign_with(new.kid()).unwrap();
    let token = domain.token("acme");
    let refused = domain.admit(&token).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::KeyUnknown);
    tokio::time::advance(Duration::from_secs(30)).await;
    domain.admit(&token).await.unwrap();
    assert_eq!(domain.keys().fetches(), 2);
}

#[tokio::test]
async fn another_service_has_keys_of_its_own() {
    let domain = loaded().await;
    let token = domain.token("acme");
    let another = domain.another_trust_domain(RefreshPolicy::new());
    assert_eq!(refused(&another, &token), Some(Reason::KeysUnavailable));
    another.load().await.unwrap();
    assert_eq!(refused(&another, &token), None);
    assert_eq!(refused(&domain.trust_domain(), &token), None);
    // The current one follows the second service's revocations too: there is one feed.
    domain.suspend("acme");
    assert_eq!(refused(&another, &token), Some(Reason::TenantSuspended));
}

#[tokio::test]
async fn a_reset_takes_everything_back() {
    let domain = loaded().await;
    let service = domain.trust_domain();
    let (start, first) = (domain.clock().now(), domain.key());
    let honest = domain.token("acme");

    domain.clock().advance(Duration::from_secs(3_600));
    let (second, third) = (TestKey::generate(), TestKey::generate());
    domain.publish_key(&second).unwrap();
    domain.sign_with(second.kid()).unwrap();
    domain.retire_key(first.kid()).unwrap();
    domain.publish_key(&third).unwrap();
    domain.suspend("acme");
    domain.silence_feed();
    domain.keys().fail(KeyFault::Gone);
    domain.tokens().fail(IssuerFault::Down);
    let of_second = domain.token("acme");

    for _ in 0..2 {
        domain.reset();
        assert_eq!(domain.clock().now(), start);
        assert_eq!(domain.key().kid(), first.kid());
        assert_eq!(domain.keys().fault(), None);
        assert_eq!(domain.tokens().fault(), None);
        domain.load().await.unwrap();
        assert_eq!(refused(&service, &honest), None);
        assert_eq!(refused(&service, &domain.token("acme")), None);
        assert_eq!(refused(&service, &of_second), Some(Reason::KeyUnknown));
    }
    // The names are free again.
    domain.publish_key(&second).unwrap();
    domain.sign_with(second.kid()).unwrap();
    domain.load().await.unwrap();
    assert_eq!(refused(&service, &domain.token("acme")), None);
}

#[tokio::test]
async fn the_ordinary_layer_gives_the_context_of_a_handler() {
    let domain = TestDomain::for_tenants("org_1", "org_2").unwrap();
    let cx = domain.admit(&domain.token("org_1")).await.unwrap();
    assert_eq!(cx.tenant().as_str(), "org_1");
    assert_eq!(cx.tenant(), domain.own());
    let refused = domain.admit("").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::ContextMalformed);
    assert!(TestDomain::for_tenants("org_1", "").is_err());
    assert!(Tenant::new("").is_err());
}

#[test]
fn what_is_shown_holds_no_key() {
    let key = TestKey::generate();
    let seed = key.danger_private_jwk()["d"].as_str().unwrap().to_owned();
    let public = key.public_jwk()["x"].as_str().unwrap().to_owned();
    let domain = TestDomain::new();
    domain.publish_key(&key).unwrap();
    let shown = format!("{domain:?} {key:?} {:?}", domain.tokens());
    assert!(shown.contains(key.kid()));
    assert!(
        !shown.contains(&seed) && !shown.contains(&public),
        "{shown}"
    );
}
