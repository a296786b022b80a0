//! Opaque credentials, against an endpoint of this machine and against closures.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use throughline_core::{Reason, Tenant};
use throughline_identity::introspection::ClientAuthentication;
use throughline_identity::opaque::{
    LookUpError, OpaqueBuilder, OpaqueCredentials, Secret, Standing,
};
use throughline_identity::{
    Audience, Claims, CredentialKind, Introspection, Issuer, Profile, Tenancy, TrustMap,
};
use tokio::sync::Semaphore;

use crate::provider::{NOW, Provider, Reply, trust};

const INTROSPECT: &str = "/introspect";
const REALM: &str = "https://id.example/realms/acme";
const TOKEN: &[u8] = b"opaque-1";

fn unit() -> Issuer {
    Issuer::builder("partners", Profile::OIDC)
        .named(REALM)
        .without_keys()
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("org").only([Tenant::new("acme").unwrap()]))
        .build()
        .unwrap()
}

/// An honest answer about an access token.
fn active() -> Value {
    json!({"active": true, "token_type": "Bearer", "iss": REALM, "aud": "api://orders",
        "sub": "ada", "org": "acme", "scope": "orders.read", "client_id": "web",
        "iat": NOW.as_unix() - 60, "exp": NOW.as_unix() + 600})
}

fn with(name: &str, value: Value) -> Value {
    let mut answer = active();
    answer[name] = value;
    answer
}

fn without(name: &str) -> Value {
    let mut answer = active();
    answer.as_object_mut().unwrap().remove(name).unwrap();
    answer
}

fn builder(provider: &Provider) -> OpaqueBuilder {
    let secret = Secret::new("hunter 2/&");
    let endpoint = Introspection::at(&provider.url(INTROSPECT), "orders:1", secret).unwrap();
    OpaqueCredentials::builder(unit(), trust(), endpoint)
}

async fn answering(answer: Reply) -> (Provider, OpaqueCredentials) {
    let provider = Provider::start().await;
    provider.answer(INTROSPECT, answer);
    let tokens = builder(&provider).build().unwrap();
    (provider, tokens)
}

async fn judged(answer: Value) -> Result<(), Reason> {
    let (_, tokens) = answering(Reply::Json(answer.to_string())).await;
    let judged = tokens.verify(TOKEN, NOW).await;
    judged.map(drop).map_err(|refusal| refusal.reason())
}

#[tokio::test]
async fn an_active_token_is_worth_what_a_signed_one_is() {
    let (provider, tokens) = answering(Reply::Json(active().to_string())).await;
    let identity = tokens.verify(TOKEN, NOW).await.unwrap();
    assert_eq!(identity.principal().to_string(), "partners/acme/ada");
    assert_eq!(identity.kind(), CredentialKind::Session);
    assert_eq!(identity.scope().to_string(), "orders.read");
    assert_eq!(identity.expires_at(), NOW.plus(Duration::from_secs(600)));
    // It was true when it was asked, and not only when it was issued.
    assert_eq!(identity.as_of(), NOW);

    // RFC 7662 §2.1, RFC 6749 §2.3.1.
    let asked = provider.asked(INTROSPECT);
    assert!(asked[0].head.starts_with("POST /introspect HTTP/1.1\r\n"));
    assert_eq!(
        asked[0].body,
        "token=opaque%2D1&token_type_hint=access_token"
    );
    let basic = STANDARD.encode("orders%3A1:hunter%202%2F%26");
    let head = asked[0].head.to_ascii_lowercase();
    let authorization = format!("authorization: basic {}\r\n", basic.to_ascii_lowercase());
    assert!(head.contains(&authorization), "{head}");
}

#[tokio::test]
async fn who_asks_is_proved_in_the_form_where_said() {
    let provider = Provider::start().await;
    provider.answer(INTROSPECT, Reply::Json(active().to_string()));
    let secret = Secret::new("hunter 2/&");
    let endpoint = Introspection::at(&provider.url(INTROSPECT), "orders:1", secret)
        .unwrap()
        .with_authentication(ClientAuthentication::Post);
    let tokens = OpaqueCredentials::builder(unit(), trust(), endpoint)
        .build()
        .unwrap();
    tokens.verify(TOKEN, NOW).await.unwrap();
    let asked = provider.asked(INTROSPECT);
    let proof = "&client_id=orders%3A1&client_secret=hunter%202%2F%26";
    assert!(asked[0].body.ends_with(proof), "{}", asked[0].body);
    assert!(!asked[0].head.to_ascii_lowercase().contains("authorization"));
}

#[tokio::test]
async fn what_is_not_active_is_refused_whatever_else_it_says() {
    assert_eq!(judged(active()).await, Ok(()));
    for (answer, reason) in [
        (with("active", json!(false)), Reason::ContextExpired),
        (json!({"active": false}), Reason::ContextExpired),
        (with("active", json!("true")), Reason::ClaimInvalid),
        (with("active", json!(1)), Reason::ClaimInvalid),
        (with("active", json!(null)), Reason::ClaimInvalid),
        (without("active"), Reason::ClaimMissing),
        (
            with("token_type", json!("refresh_token")),
            Reason::TypeRefused,
        ),
        (with("token_type", json!("DPoP")), Reason::TypeRefused),
    ] {
        assert_eq!(judged(answer.clone()).await, Err(reason), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_passes_the_checks_of_its_issuer_or_is_refused() {
    for (answer, reason) in [
        (
            with("aud", json!("api://billing")),
            Reason::AudienceMismatch,
        ),
        (without("aud"), Reason::ClaimMissing),
        (
            with("exp", json!(NOW.as_unix() - 60)),
            Reason::ContextExpired,
        ),
        (
            with("nbf", json!(NOW.as_unix() + 60)),
            Reason::ContextNotYetValid,
        ),
        (with("exp", json!("soon")), Reason::ClaimInvalid),
        (with("exp", json!(null)), Reason::ClaimInvalid),
        (
            with("exp", json!(NOW.as_unix() + 2 * 86400)),
            Reason::LifetimeExcessive,
        ),
        (without("sub"), Reason::ClaimMissing),
        (without("org"), Reason::ClaimMissing),
        (with("org", json!("")), Reason::ClaimInvalid),
        (with("org", json!("globex")), Reason::TenantInvalid),
        (with("act", json!({"sub": "agent"})), Reason::TypeRefused),
    ] {
        assert_eq!(judged(answer.clone()).await, Err(reason), "{answer}");
    }
    // What RFC 7662 leaves out may be left out: the answer is good for as long as it is kept.
    assert_eq!(judged(without("exp")).await, Ok(()));
    assert_eq!(judged(without("iat")).await, Ok(()));
    assert_eq!(judged(without("token_type")).await, Ok(()));
}

// CVE-2026-23552 Camel-Keycloak, CAMEL-24448: one server, several realms; no `iss` in the answer.
#[tokio::test]
async fn an_answer_names_its_issuer_or_is_said_to_come_from_one() {
    let other = "https://id.example/realms/globex";
    assert_eq!(judged(without("iss")).await, Err(Reason::ClaimMissing));
    for odd in [json!(null), json!(""), json!([REALM])] {
        assert_eq!(judged(with("iss", odd)).await, Err(Reason::ClaimInvalid));
    }
    for near in [
        other,
        "https://id.example/realms/acme/",
        "https://id.example/realms",
    ] {
        assert_eq!(
            judged(with("iss", json!(near))).await,
            Err(Reason::IssuerUntrusted)
        );
    }

    // Said to be of one issuer, it may leave it out, and still not name another.
    for (answer, judged) in [
        (without("iss"), Ok(())),
        (active(), Ok(())),
        (with("iss", json!(other)), Err(Reason::IssuerUntrusted)),
        (with("iss", json!(null)), Err(Reason::ClaimInvalid)),
    ] {
        let provider = Provider::start().await;
        provider.answer(INTROSPECT, Reply::Json(answer.to_string()));
        let pinned = builder(&provider)
            .answering_for_one_issuer()
            .build()
            .unwrap();
        let found = pinned.verify(TOKEN, NOW).await;
        assert_eq!(
            found.map(drop).map_err(|refusal| refusal.reason()),
            judged,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_is_a_503_and_never_a_pass() {
    let elsewhere = Provider::start().await;
    elsewhere.answer(INTROSPECT, Reply::Json(active().to_string()));
    let provider = Provider::start().await;
    let tokens = builder(&provider)
        .with_time(Duration::from_millis(100))
        .build()
        .unwrap();
    for reply in [
        Reply::Gone,
        Reply::Html,
        Reply::Stall,
        Reply::Endless,
        Reply::Json("[]".into()),
        Reply::Json(String::new()),
        Reply::Redirect(elsewhere.url(INTROSPECT)),
        Reply::Status(204),
        Reply::Status(401),
        Reply::Status(404),
        Reply::Status(500),
    ] {
        provider.answer(INTROSPECT, reply.clone());
        let refusal = tokens.verify(TOKEN, NOW).await.unwrap_err();
        assert_eq!(
            refusal.reason(),
            Reason::KeysUnavailable,
            "{reply:?}: {refusal}"
        );
        let text = refusal.to_string();
        assert!(
            !text.contains("opaque-1") && !text.contains("hunter"),
            "{text}"
        );
        // It has said nothing, so nothing is kept of it.
        assert!(tokens.known(TOKEN, NOW).is_none());
    }
    assert_eq!(elsewhere.requests(), 0, "the secret went elsewhere");

    provider.answer(INTROSPECT, Reply::Json(active().to_string()));
    tokens.verify(TOKEN, NOW).await.unwrap();
    // An answer at hand counts with the endpoint down, until its time is over.
    provider.answer(INTROSPECT, Reply::Gone);
    let last = NOW.plus(Duration::from_secs(59));
    tokens.verify(TOKEN, last).await.unwrap();
    let over = NOW.plus(Duration::from_secs(60));
    let refusal = tokens.verify(TOKEN, over).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::KeysUnavailable);
}

/// A source in this process: answers what it is told, and counts.
#[derive(Clone)]
struct Table(Arc<Told>);

struct Told {
    standing: Mutex<Standing>,
    asked: AtomicUsize,
    /// A permit for each answer.
    gate: Semaphore,
}

impl Table {
    fn open(standing: Standing) -> Self {
        Self::gated(standing, Semaphore::MAX_PERMITS)
    }

    fn gated(standing: Standing, answers: usize) -> Self {
        Self(Arc::new(Told {
            standing: Mutex::new(standing),
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(answers),
        }))
    }

    fn say(&self, standing: Standing) {
        *self.0.standing.lock().unwrap() = standing;
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn builder(&self, issuer: Issuer) -> OpaqueBuilder {
        let told = Arc::clone(&self.0);
        OpaqueCredentials::builder(issuer, trust(), move |_: Secret| {
            let told = Arc::clone(&told);
            async move {
                told.asked.fetch_add(1, Ordering::SeqCst);
                let permit = told.gate.acquire().await.unwrap();
                permit.forget();
                let standing = told.standing.lock().unwrap().clone();
                Ok::<_, LookUpError>(standing)
            }
        })
    }
}

fn standing(claims: &Value) -> Standing {
    Standing::Active(Claims::read(claims.to_string().as_bytes()).unwrap())
}

async fn reason(tokens: &OpaqueCredentials, credential: &[u8], after: u64) -> Option<Reason> {
    let now = NOW.plus(Duration::from_secs(after));
    let verified = tokens.verify(credential, now).await;
    verified.err().map(|refusal| refusal.reason())
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_a_minute_and_never_beyond_its_end() {
    let table = Table::open(standing(&active()));
    let tokens = table.builder(unit()).build().unwrap();
    for after in [0, 1, 59] {
        assert_eq!(reason(&tokens, TOKEN, after).await, None);
    }
    assert_eq!(table.asked(), 1);
    // Withdrawn meanwhile: seen when the minute is over, and no later.
    table.say(Standing::Inactive);
    assert_eq!(reason(&tokens, TOKEN, 59).await, None);
    assert_eq!(
        reason(&tokens, TOKEN, 60).await,
        Some(Reason::ContextExpired)
    );
    assert_eq!(table.asked(), 2);

    // A token that ends before the minute does.
    table.say(standing(&with("exp", json!(NOW.as_unix() + 10))));
    let tokens = table.builder(unit()).build().unwrap();
    assert_eq!(reason(&tokens, TOKEN, 0).await, None);
    assert_eq!(reason(&tokens, TOKEN, 9).await, None);
    assert_eq!(table.asked(), 3);
    table.say(Standing::Inactive);
    assert_eq!(
        reason(&tokens, TOKEN, 10).await,
        Some(Reason::ContextExpired)
    );
    assert_eq!(table.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_kept_for_seconds() {
    let table = Table::open(Standing::Inactive);
    let tokens = table.builder(unit()).build().unwrap();
    for after in [0, 1, 4] {
        assert_eq!(
            reason(&tokens, TOKEN, after).await,
            Some(Reason::ContextExpired)
        );
    }
    assert_eq!(table.asked(), 1);
    table.say(standing(&active()));
    assert_eq!(reason(&tokens, TOKEN, 5).await, None);
    assert_eq!(table.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_makes_no_answer_count_for_longer() {
    let table = Table::open(standing(&active()));
    let tokens = table.builder(unit()).build().unwrap();
    assert_eq!(reason(&tokens, TOKEN, 30).await, None);
    table.say(Standing::Revoked);
    assert_eq!(reason(&tokens, TOKEN, 0).await, Some(Reason::Revoked));
}

// CVE-2026-35030 LiteLLM, GHSA-rp9m-7r4c-75qg fast-jwt: results kept by a part of the token.
#[tokio::test(start_paused = true)]
async fn credentials_that_are_alike_share_no_answer() {
    let table = Table::open(standing(&active()));
    let tokens = table.builder(unit()).build().unwrap();
    let long = "x".repeat(1024);
    let good = format!("{long}1{long}");
    assert_eq!(reason(&tokens, good.as_bytes(), 0).await, None);
    table.say(Standing::Inactive);
    for other in [
        format!("{long}2{long}"),
        format!("{long}1"),
        format!("{good}="),
    ] {
        let found = reason(&tokens, other.as_bytes(), 0).await;
        assert_eq!(found, Some(Reason::ContextExpired));
    }
    assert_eq!(reason(&tokens, good.as_bytes(), 0).await, None);
    assert_eq!(table.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_at_a_time_share_one_question_and_who_leaves_ends_it_for_nobody() {
    let table = Table::gated(standing(&active()), 0);
    let tokens = table.builder(unit()).build().unwrap();
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { reason(&tokens, TOKEN, 0).await })
        })
        .collect();
    tokio::task::yield_now().await;
    // Whoever asked first.
    waiting[0].abort();
    while table.asked() == 0 {
        tokio::task::yield_now().await;
    }
    table.0.gate.add_permits(1);
    for one in waiting.into_iter().skip(1) {
        assert_eq!(one.await.unwrap(), None);
    }
    assert_eq!(table.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn questions_are_bounded_and_what_is_known_needs_none() {
    let table = Table::gated(standing(&active()), 1);
    let tokens = table
        .builder(unit())
        .with_max_questions(10)
        .build()
        .unwrap();
    assert_eq!(reason(&tokens, TOKEN, 0).await, None);
    // Nobody answers any more, and credentials are made up.
    let waiting: Vec<_> = (0..10)
        .map(|n| {
            let tokens = tokens.clone();
            let made_up = format!("made-up-{n}");
            tokio::spawn(async move { reason(&tokens, made_up.as_bytes(), 0).await })
        })
        .collect();
    while table.asked() < 11 {
        tokio::task::yield_now().await;
    }
    for n in 10..1000 {
        let made_up = format!("made-up-{n}");
        let refused = reason(&tokens, made_up.as_bytes(), 0).await;
        assert_eq!(refused, Some(Reason::KeysUnavailable));
        assert_eq!(reason(&tokens, TOKEN, 0).await, None);
    }
    assert_eq!(table.asked(), 11);
    for one in waiting {
        assert_eq!(one.await.unwrap(), Some(Reason::KeysUnavailable));
    }
    // The places are free again, with nobody's answer kept.
    table.0.gate.add_permits(1);
    assert_eq!(reason(&tokens, b"made-up-0", 0).await, None);
}

#[tokio::test(start_paused = true)]
async fn made_up_credentials_push_no_good_answer_out() {
    let table = Table::open(standing(&active()));
    let tokens = table.builder(unit()).with_capacity(8).build().unwrap();
    assert_eq!(reason(&tokens, TOKEN, 0).await, None);
    table.say(Standing::Inactive);
    for n in 0..5000 {
        let made_up = format!("made-up-{n}");
        assert!(reason(&tokens, made_up.as_bytes(), 0).await.is_some());
    }
    assert_eq!(reason(&tokens, TOKEN, 0).await, None);
    assert_eq!(tokens.cache_metrics().entries, 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_one_that_could_not_be_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let source = move |_: Secret| {
        let turn = asked.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_ne!(turn, 0, "a source of the user's own went wrong");
            Ok::<_, LookUpError>(standing(&active()))
        }
    };
    let tokens = OpaqueCredentials::builder(unit(), trust(), source)
        .build()
        .unwrap();
    assert_eq!(
        reason(&tokens, TOKEN, 0).await,
        Some(Reason::KeysUnavailable)
    );
    // The next one asks again, and does not wait for what never comes.
    assert_eq!(reason(&tokens, TOKEN, 0).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_credential_is_not_asked_about() {
    let table = Table::open(standing(&active()));
    let tokens = table.builder(unit()).build().unwrap();
    let long = "x".repeat(4 * 1024);
    for good in [&long, "a-._~+/=", "x"] {
        assert_eq!(reason(&tokens, good.as_bytes(), 0).await, None);
    }
    assert_eq!(table.asked(), 3);
    let longer = format!("{long}x");
    for bad in [
        &b""[..],
        b"a b",
        b"a\r\nb",
        b"a&active=true",
        b"\xff",
        longer.as_bytes(),
    ] {
        assert_eq!(
            reason(&tokens, bad, 0).await,
            Some(Reason::ContextMalformed)
        );
    }
    assert_eq!(table.asked(), 3);
}

fn of_keys() -> Issuer {
    Issuer::builder("keys", Profile::API_KEYS)
        .named("https://keys.acme.example")
        .without_keys()
        .with_audience(Audience::none())
        .with_tenancy(Tenancy::claim("org"))
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_api_key_acts_for_its_owner_until_it_is_revoked() {
    let of_organisation = json!({"sub": "key_01", "org": "acme", "permissions": ["orders.read"],
        "iat": 1_500_000_000});
    let table = Table::open(standing(&of_organisation));
    let keys = table.builder(of_keys()).with_prefix("sk_").build().unwrap();
    let key = keys.verify(b"sk_1", NOW).await.unwrap();
    assert_eq!(key.kind(), CredentialKind::Machine);
    assert_eq!(key.principal().to_string(), "keys/acme/key_01");
    assert_eq!(
        (key.as_of(), key.expires_at()),
        (NOW, NOW.plus(Duration::from_secs(60)))
    );

    table.say(standing(
        &json!({"sub": "user_01", "org": "acme", "owner": "user"}),
    ));
    let key = keys.verify(b"sk_2", NOW).await.unwrap();
    assert_eq!(key.kind(), CredentialKind::Session);

    table.say(Standing::Revoked);
    assert_eq!(reason(&keys, b"sk_1", 60).await, Some(Reason::Revoked));
    table.say(Standing::Unknown);
    assert_eq!(reason(&keys, b"sk_3", 0).await, Some(Reason::KeyUnknown));
    for odd in [
        json!({"sub": "key_01"}),
        json!({"sub": "key_01", "org": ""}),
        json!({"org": "acme"}),
        json!({"sub": "key_01", "org": "acme", "owner": "agent"}),
        json!({"sub": "key_01", "org": "acme", "act": {"sub": "x"}}),
        json!({"sub": "key_01", "org": "acme", "iss": "https://evil.test"}),
        json!({"sub": "key_01", "org": "acme", "exp": NOW.as_unix() - 60}),
    ] {
        table.say(standing(&odd));
        let keys = table.builder(of_keys()).build().unwrap();
        assert!(reason(&keys, b"sk_4", 0).await.is_some(), "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn prefixes_tell_credentials_apart() {
    let table = Table::open(Standing::Unknown);
    let keys = table
        .builder(of_keys())
        .with_prefix("sk_")
        .with_prefix("rk_")
        .build()
        .unwrap();
    for own in [&b"sk_1"[..], b"rk_1", b"sk_a.b.c"] {
        assert!(keys.is_for(own));
    }
    for other in [
        &b"SK_1"[..],
        b"xsk_1",
        b"sk-1",
        b"",
        b"eyJhbGciOiJub25lIn0.e30.",
    ] {
        assert!(!keys.is_for(other));
    }
    // Without one, whatever is not signed.
    let any = table.builder(of_keys()).build().unwrap();
    assert!(any.is_for(b"sk_1") && !any.is_for(b"a.b.c"));
    let nobody = TrustMap::new("identity team", "").with_owner("role", "");
    let source = |_: Secret| async { Ok::<_, LookUpError>(Standing::Unknown) };
    let contradictory = OpaqueCredentials::builder(of_keys(), nobody, source).build();
    assert_eq!(contradictory.unwrap_err().problems().len(), 2);
    assert!(table.builder(of_keys()).with_prefix("").build().is_err());
    assert!(
        table
            .builder(of_keys())
            .with_max_questions(0)
            .build()
            .is_err()
    );
}

#[tokio::test]
async fn a_secret_is_sent_to_no_place_that_others_could_read() {
    let at = |url: &str| Introspection::at(url, "orders", Secret::new("hunter2")).map(drop);
    assert!(at("https://id.example/introspect").is_ok());
    assert!(at("http://127.0.0.1:8080/introspect").is_ok());
    for url in [
        "http://id.example/introspect",
        "https://user:word@id.example/introspect",
        "https://id.example/introspect#x",
        "ftp://id.example/",
        "id.example",
    ] {
        assert!(at(url).is_err(), "{url}");
    }
}
