//! Discovery against a provider that is honest, or not.

use std::time::Duration;

use throughline_core::Reason;
use throughline_identity::discovery::{DiscoveredKeys, DiscoveryErrorKind, KeySettings};
use throughline_identity::{Audience, Issuer, Issuers, Profile, Tenancy};
use throughline_jose::source::{KeysStatus, RefreshPolicy};

use crate::provider::{
    DOCUMENT, KEYS, NOW, Provider, Reply, Signer, claims, issuer, issuers, set_of, trust,
};

/// The issuer of a provider, by discovery.
fn discovered(provider: &Provider) -> Issuers {
    let keys = DiscoveredKeys::of(provider.origin()).build().unwrap();
    issuers([issuer("workforce", provider.origin(), keys)])
}

async fn load(issuers: &Issuers) -> Result<(), String> {
    let keys = issuers.iter().next().unwrap().keys().clone();
    keys.load().await.map_err(|error| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    })
}

#[track_caller]
fn assert_passes(issuers: &Issuers, token: &str) {
    let identity = issuers.verify(token.as_bytes(), NOW).unwrap();
    assert_eq!(identity.tenant().as_str(), "acme");
}

#[track_caller]
fn assert_refused(issuers: &Issuers, token: &str, reason: Reason) {
    let refusal = issuers.verify(token.as_bytes(), NOW).unwrap_err();
    assert_eq!(refusal.reason(), reason, "{refusal}");
}

#[tokio::test]
async fn keys_are_found_by_the_document_and_the_document_is_kept() {
    let key = Signer::new("a");
    let provider = Provider::publishing(&[&key]).await;
    let issuers = discovered(&provider);
    assert!(!issuers.is_ready());
    load(&issuers).await.unwrap();
    assert!(issuers.is_ready());
    assert_passes(&issuers, &key.token(provider.origin()));

    // A rotation costs the keys alone.
    let next = Signer::new("b");
    provider.publish(&[&key, &next]);
    load(&issuers).await.unwrap();
    assert_passes(&issuers, &next.token(provider.origin()));
    assert_eq!(provider.asked(DOCUMENT).len(), 1);
    assert_eq!(provider.asked(KEYS).len(), 2);
}

#[tokio::test]
async fn where_there_is_no_document_of_openid_the_one_of_oauth_is_read_if_said() {
    let key = Signer::new("a");
    let provider = Provider::start().await;
    let name = provider.url("/realms/acme");
    let oauth = "/.well-known/oauth-authorization-server/realms/acme";
    let document = serde_json::json!({"issuer": name, "jwks_uri": provider.url(KEYS)});
    provider.answer(oauth, Reply::Json(document.to_string()));
    provider.publish(&[&key]);

    let keys = DiscoveredKeys::of(&name);
    let both = issuers([issuer(
        "a",
        &name,
        keys.clone().or_oauth_metadata().build().unwrap(),
    )]);
    load(&both).await.unwrap();
    assert_passes(&both, &key.token(&name));

    // Nobody said so, and so it is not asked for.
    let one = issuers([issuer("a", &name, keys.build().unwrap())]);
    load(&one).await.unwrap_err();
    assert_eq!(provider.asked(oauth).len(), 1);

    // A document that is there and lies is not made good by another.
    let lie = serde_json::json!({"issuer": "https://evil.test", "jwks_uri": provider.url(KEYS)});
    let openid = "/realms/acme/.well-known/openid-configuration";
    provider.answer(openid, Reply::Json(lie.to_string()));
    let keys = DiscoveredKeys::of(&name).or_oauth_metadata().build();
    load(&issuers([issuer("a", &name, keys.unwrap())]))
        .await
        .unwrap_err();
    assert_eq!(provider.asked(oauth).len(), 1);
}

// CVE-2025-59936 get-jwks: the document of another issuer.
#[tokio::test]
async fn a_document_of_another_issuer_gives_no_keys() {
    let key = Signer::new("a");
    let provider = Provider::publishing(&[&key]).await;
    for other in [
        format!("{}/", provider.origin()),
        format!("{}/x", provider.origin()),
        provider.origin().to_uppercase(),
        "https://id.example".to_owned(),
    ] {
        provider.document(&other, &provider.url(KEYS));
        let issuers = discovered(&provider);
        let error = load(&issuers).await.unwrap_err();
        assert!(error.contains("is of issuer"), "{error}");
        assert_refused(
            &issuers,
            &key.token(provider.origin()),
            Reason::KeysUnavailable,
        );
        assert_refused(&issuers, &key.token(&other), Reason::IssuerUntrusted);
    }
    assert_eq!(provider.asked(KEYS).len(), 0);

    // The twin: said to be so, as Microsoft Entra's is.
    let keys = DiscoveredKeys::of(provider.origin());
    let keys = keys.stating("https://id.example").build().unwrap();
    let stated = issuers([issuer("a", provider.origin(), keys)]);
    load(&stated).await.unwrap();
    assert_passes(&stated, &key.token(provider.origin()));
}

// CVE-2026-32301 Centrifugo: a document that points elsewhere, and one that redirects.
#[tokio::test]
async fn nothing_leads_to_another_origin() {
    let (key, evil) = (Signer::new("a"), Signer::new("a"));
    let provider = Provider::publishing(&[&key]).await;
    let elsewhere = Provider::publishing(&[&evil]).await;
    elsewhere.document(provider.origin(), &elsewhere.url(KEYS));
    let redirect = |path: &str| Reply::Redirect(elsewhere.url(path));

    let told: [(&str, &dyn Fn()); 4] = [
        ("origin", &|| {
            provider.document(provider.origin(), &elsewhere.url(KEYS))
        }),
        ("redirect of the document", &|| {
            provider.answer(DOCUMENT, redirect(DOCUMENT));
        }),
        ("redirect of the keys", &|| {
            provider.document(provider.origin(), &provider.url(KEYS));
            provider.answer(KEYS, redirect(KEYS));
        }),
        ("user info", &|| {
            let port = elsewhere.origin().rsplit(':').next().unwrap();
            let url = format!("{}@127.0.0.1:{port}/keys", provider.origin());
            provider.document(provider.origin(), &url);
        }),
    ];
    for (what, tell) in told {
        tell();
        let issuers = discovered(&provider);
        load(&issuers).await.unwrap_err();
        assert_refused(
            &issuers,
            &evil.token(provider.origin()),
            Reason::KeysUnavailable,
        );
        assert_eq!(elsewhere.requests(), 0, "{what}");
    }

    // The twin: an origin that is listed.
    provider.document(provider.origin(), &elsewhere.url(KEYS));
    elsewhere.publish(&[&key]);
    let keys = DiscoveredKeys::of(provider.origin()).add_key_origin(elsewhere.origin());
    let listed = issuers([issuer("a", provider.origin(), keys.build().unwrap())]);
    load(&listed).await.unwrap();
    assert_passes(&listed, &key.token(provider.origin()));
    assert_eq!(elsewhere.requests(), 1);
}

// CVE-2026-32301 Centrifugo: names that lead to this machine, and places of clouds.
#[tokio::test]
async fn an_issuer_of_the_internet_never_leads_to_this_machine() {
    let key = Signer::new("a");
    let canary = Provider::publishing(&[&key]).await;
    let port = canary.origin().rsplit(':').next().unwrap();
    // What says so by itself is an error of configuration.
    for host in [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00:ec2::254]",
    ] {
        let name = format!("https://{host}:{port}");
        let error = DiscoveredKeys::of(&name).build().unwrap_err();
        assert_eq!(error.kind(), DiscoveryErrorKind::Address, "{host}");
    }
    // These are names to us, and resolvers read them as 127.0.0.1. They fail by whichever looks
    // first, the resolver's reach (`throughline_jose::endpoint`) or TLS, which knows no such name.
    for host in ["127.1", "2130706433", "0x7f000001", "localhost."] {
        for private in [false, true] {
            let name = format!("https://{host}:{port}");
            let mut keys = DiscoveredKeys::of(&name);
            if private {
                keys = keys.in_private_network();
            }
            let issuers = issuers([issuer("a", &name, keys.build().unwrap())]);
            let error = load(&issuers).await.unwrap_err();
            assert!(error.contains("could not be reached"), "{error}");
            assert_refused(&issuers, &key.token(&name), Reason::KeysUnavailable);
        }
    }
    assert_eq!(canary.connections(), 0);

    // The twin: an issuer that is on this machine.
    let here = discovered(&canary);
    load(&here).await.unwrap();
    assert_passes(&here, &key.token(canary.origin()));
    assert!(canary.connections() > 0);
}

// CVE-2026-32301 Centrifugo: what a token names is never asked.
#[tokio::test]
async fn no_place_that_a_token_names_is_asked() {
    let (key, evil) = (Signer::new("a"), Signer::new("evil"));
    let provider = Provider::publishing(&[&key]).await;
    let canary = Provider::publishing(&[&evil]).await;
    let port = canary.origin().rsplit(':').next().unwrap();
    let template = provider.url("/{tid}/v2.0");
    let keys = KeySettings::of(&template).with_jwks_url(&provider.url(KEYS));
    let many = Issuer::builder("many", Profile::RFC9068)
        .named(&template)
        .with_keys(Profile::RFC9068.keys(&keys).unwrap())
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("tid").only([throughline_core::Tenant::new("acme").unwrap()]))
        .build()
        .unwrap();
    let one = issuer(
        "one",
        provider.origin(),
        DiscoveredKeys::of(provider.origin()).build().unwrap(),
    );
    let both = Issuers::new([one, many], trust()).unwrap();
    both.load(throughline_identity::discovery::Startup::Wait {
        time: Duration::from_secs(5),
    })
    .await
    .unwrap();

    for middle in [
        "..".to_owned(),
        "../..".to_owned(),
        format!("@127.0.0.1:{port}"),
        "acme/../evil".to_owned(),
        "%2e%2e".to_owned(),
    ] {
        let mut claims = claims(&provider.url(&format!("/{middle}/v2.0")));
        claims["tid"] = middle.as_str().into();
        let token = evil.sign(&claims);
        let refusal = both.verify(token.as_bytes(), NOW).unwrap_err();
        let reasons = [
            Reason::IssuerUntrusted,
            Reason::KeyUnknown,
            Reason::TenantInvalid,
        ];
        assert!(reasons.contains(&refusal.reason()), "{middle}: {refusal}");
        // Also where somebody waits for keys.
        if let Some(wait) = both.keys_wait(token.as_bytes(), &refusal) {
            wait.await;
        }
    }
    for name in [
        canary.origin().to_owned(),
        format!("{}@127.0.0.1:{port}", provider.origin()),
        "http://169.254.169.254/latest".to_owned(),
    ] {
        assert_refused(&both, &evil.token(&name), Reason::IssuerUntrusted);
    }
    assert_eq!(canary.connections(), 0);

    // The twins, of one name and of the template.
    assert_passes(&both, &key.token(provider.origin()));
    let mut of_acme = claims(&provider.url("/acme/v2.0"));
    of_acme["tid"] = "acme".into();
    assert_passes(&both, &key.sign(&of_acme));
}

// CVE-2026-31837 Istio: a first fetch that brings nothing.
#[tokio::test]
async fn a_first_fetch_that_brings_nothing_opens_nothing() {
    let key = Signer::new("a");
    let provider = Provider::publishing(&[&key]).await;
    let honest = |path: &str| {
        if path == KEYS {
            provider.publish(&[&key]);
        } else {
            provider.document(provider.origin(), &provider.url(KEYS));
        }
    };
    for path in [DOCUMENT, KEYS] {
        for reply in [
            Reply::Gone,
            Reply::Html,
            Reply::Endless,
            Reply::Json("{}".into()),
            Reply::Json("[]".into()),
            Reply::Json(r#"{"keys": []}"#.into()),
            Reply::Json(r#"{"keys": [{"kty": "AKP"}]}"#.into()),
            Reply::Redirect("/elsewhere".into()),
            Reply::Status(204),
            Reply::Status(404),
            Reply::Status(503),
        ] {
            provider.answer(path, reply.clone());
            let issuers = discovered(&provider);
            load(&issuers).await.unwrap_err();
            assert!(!issuers.is_ready(), "{path} {reply:?}");
            assert_refused(
                &issuers,
                &key.token(provider.origin()),
                Reason::KeysUnavailable,
            );
            // Mended, it is there without a restart.
            honest(path);
            load(&issuers).await.unwrap();
            assert_passes(&issuers, &key.token(provider.origin()));
        }
    }
}

#[tokio::test]
async fn a_provider_that_fails_takes_no_key_away() {
    let key = Signer::new("a");
    let provider = Provider::publishing(&[&key]).await;
    let issuers = discovered(&provider);
    load(&issuers).await.unwrap();
    for path in [KEYS, DOCUMENT] {
        for reply in [
            Reply::Gone,
            Reply::Html,
            Reply::Endless,
            Reply::Json("{}".into()),
            Reply::Redirect("/elsewhere".into()),
            Reply::Status(404),
            Reply::Status(500),
        ] {
            provider.answer(KEYS, Reply::Status(500));
            provider.answer(path, reply.clone());
            load(&issuers).await.unwrap_err();
            assert!(issuers.is_ready(), "{path} {reply:?}");
            // Also one that was never seen.
            let mut claims = claims(provider.origin());
            claims["jti"] = format!("{path} {reply:?}").into();
            assert_passes(&issuers, &key.sign(&claims));
        }
    }
}

#[tokio::test]
async fn a_provider_that_stalls_costs_its_time_and_nothing_else() {
    let key = Signer::new("a");
    let provider = Provider::publishing(&[&key]).await;
    let refresh = RefreshPolicy::new().with_fetch_limit(Duration::from_millis(100));
    for path in [DOCUMENT, KEYS] {
        provider.answer(path, Reply::Stall);
        let keys = DiscoveredKeys::of(provider.origin()).build().unwrap();
        let stalled = issuers([issuer(
            "a",
            provider.origin(),
            keys.with_refresh(refresh.clone()),
        )]);
        let error = load(&stalled).await.unwrap_err();
        assert!(error.contains("in time"), "{error}");
        assert_refused(
            &stalled,
            &key.token(provider.origin()),
            Reason::KeysUnavailable,
        );
        provider.document(provider.origin(), &provider.url(KEYS));
    }
}

#[tokio::test]
async fn keys_that_moved_are_found_by_the_document() {
    let (key, next) = (Signer::new("a"), Signer::new("b"));
    let provider = Provider::publishing(&[&key]).await;
    let issuers = discovered(&provider);
    load(&issuers).await.unwrap();

    provider.answer(KEYS, Reply::Status(404));
    provider.answer("/moved", Reply::Json(set_of([&key, &next])));
    provider.document(provider.origin(), &provider.url("/moved"));
    load(&issuers).await.unwrap();
    assert_passes(&issuers, &next.token(provider.origin()));
    assert_eq!(provider.asked(DOCUMENT).len(), 2);

    // A move to somebody else's place is none, and the keys at hand stay.
    let elsewhere = Provider::publishing(&[&Signer::new("a")]).await;
    provider.answer("/moved", Reply::Status(404));
    provider.document(provider.origin(), &elsewhere.url(KEYS));
    let error = load(&issuers).await.unwrap_err();
    assert!(error.contains("an origin that is not listed"), "{error}");
    assert_eq!(elsewhere.requests(), 0);
    assert_passes(&issuers, &next.token(provider.origin()));
}

// GHSA-675f-rq2r-jw82 jwkset: a key that was taken back.
#[tokio::test]
async fn a_key_that_is_gone_from_the_set_is_gone_after_one_refresh() {
    let (key, next) = (Signer::new("a"), Signer::new("b"));
    let provider = Provider::publishing(&[&key, &next]).await;
    let issuers = discovered(&provider);
    load(&issuers).await.unwrap();
    let (old, new) = (key.token(provider.origin()), next.token(provider.origin()));
    // Known by now, so that it would be a hit.
    assert_passes(&issuers, &old);
    assert_passes(&issuers, &new);

    provider.publish(&[&next]);
    load(&issuers).await.unwrap();
    assert_refused(&issuers, &old, Reason::KeyUnknown);
    assert_passes(&issuers, &new);

    // Shrunk to nothing: whoever publishes says so, and it is not a failed fetch.
    provider.publish(&[]);
    load(&issuers).await.unwrap_err();
    assert_refused(&issuers, &new, Reason::KeysUnavailable);
    assert!(!issuers.is_ready());
    let status = issuers.iter().next().unwrap().keys().status();
    assert_eq!(status, KeysStatus::NoUsableKey);
}

// CVE-2025-59936 get-jwks: B publishes A's `kid` and signs in A's name.
#[tokio::test]
async fn a_key_of_one_issuer_never_vouches_for_another_in_whatever_order_they_are_fetched() {
    let (a, b) = (Signer::new("shared"), Signer::new("shared"));
    for b_first in [false, true] {
        let (of_a, of_b) = (
            Provider::publishing(&[&a]).await,
            Provider::publishing(&[&b]).await,
        );
        let unit = |alias: &str, provider: &Provider| {
            let keys = DiscoveredKeys::of(provider.origin()).build().unwrap();
            issuer(alias, provider.origin(), keys)
        };
        let both = issuers([unit("a", &of_a), unit("b", &of_b)]);
        let mut order = ["a", "b"];
        if b_first {
            order.reverse();
        }
        for alias in order {
            both.by_alias(alias).unwrap().keys().load().await.unwrap();
        }
        assert_refused(&both, &b.token(of_a.origin()), Reason::SignatureInvalid);
        assert_refused(&both, &a.token(of_b.origin()), Reason::SignatureInvalid);
        for (signer, provider, alias) in [(&a, &of_a, "a"), (&b, &of_b, "b")] {
            let token = signer.token(provider.origin());
            let identity = both.verify(token.as_bytes(), NOW).unwrap();
            assert_eq!(identity.issuer(), alias);
        }
    }
}

// CVE-2025-59936 get-jwks: names that collide when they are joined with something.
#[tokio::test]
async fn names_that_begin_alike_are_different_issuers() {
    let (short, long) = (Signer::new("k"), Signer::new("k"));
    let provider = Provider::start().await;
    let mut units = Vec::new();
    for (alias, path, signer) in [("short", "/a", &short), ("long", "/a/b", &long)] {
        let name = provider.url(path);
        let keys = format!("{path}/keys");
        let document = serde_json::json!({"issuer": name, "jwks_uri": provider.url(&keys)});
        provider.answer(
            &format!("{path}{DOCUMENT}"),
            Reply::Json(document.to_string()),
        );
        provider.answer(&keys, Reply::Json(set_of([signer])));
        units.push(issuer(
            alias,
            &name,
            DiscoveredKeys::of(&name).build().unwrap(),
        ));
    }
    let both = issuers(units);
    for unit in both.iter() {
        unit.keys().load().await.unwrap();
    }
    let (a, ab) = (provider.url("/a"), provider.url("/a/b"));
    assert_passes(&both, &short.token(&a));
    assert_passes(&both, &long.token(&ab));
    assert_refused(&both, &long.token(&a), Reason::SignatureInvalid);
    assert_refused(&both, &short.token(&ab), Reason::SignatureInvalid);
    for none in ["/a/", "/a/b/", "/", "/ab", "/a/b/c"] {
        assert_refused(
            &both,
            &short.token(&provider.url(none)),
            Reason::IssuerUntrusted,
        );
    }
}

#[test]
fn a_profile_knows_where_its_keys_are_or_says_what_it_needs() {
    let of = |profile: Profile, settings: &KeySettings| {
        profile
            .keys(settings)
            .map(drop)
            .map_err(|error| error.kind())
    };
    let template = KeySettings::of("https://login.microsoftonline.com/{tid}/v2.0");
    for (profile, settings) in [
        (
            Profile::AUTH0,
            KeySettings::of("https://acme.eu.auth0.com/"),
        ),
        (Profile::ENTRA, template.clone()),
        (
            Profile::ENTRA,
            KeySettings::of("https://login.microsoftonline.com/72f9/v2.0"),
        ),
        (Profile::GOOGLE, KeySettings::of("accounts.google.com")),
        (
            Profile::WORKOS_AUTHKIT,
            KeySettings::of("https://api.workos.com").with_client_id("client_01"),
        ),
        (
            Profile::SPIFFE,
            KeySettings::of("spiffe://prod").with_jwks_url("https://spire.example/keys"),
        ),
        (
            Profile::OIDC,
            template.clone().with_jwks_url("https://id.example/keys"),
        ),
    ] {
        assert_eq!(of(profile, &settings), Ok(()), "{profile:?}");
    }
    for (profile, settings) in [
        (
            Profile::WORKOS_AUTHKIT,
            KeySettings::of("https://api.workos.com"),
        ),
        (
            Profile::WORKOS_AUTHKIT,
            KeySettings::of("https://api.workos.com").with_client_id("../x"),
        ),
        (Profile::SPIFFE, KeySettings::of("spiffe://prod")),
        (Profile::OIDC, template),
    ] {
        assert_eq!(
            of(profile, &settings),
            Err(DiscoveryErrorKind::Incomplete),
            "{profile:?}"
        );
    }
    for name in ["http://id.example", "https://169.254.169.254", "id.example"] {
        assert_eq!(
            of(Profile::OIDC, &KeySettings::of(name)),
            Err(DiscoveryErrorKind::Address)
        );
    }
}

/// Moves the clock, and lets it run again: sockets do not wait for a clock that stands.
async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_document_that_is_old_is_read_again_and_the_one_at_hand_counts_while_it_cannot_be() {
    let key = Signer::new("a");
    let provider = Provider::publishing(&[&key]).await;
    let issuers = discovered(&provider);
    load(&issuers).await.unwrap();

    later(DiscoveredKeys::MAX_AGE - Duration::from_secs(30)).await;
    load(&issuers).await.unwrap();
    assert_eq!(provider.asked(DOCUMENT).len(), 1);
    later(Duration::from_secs(60)).await;
    load(&issuers).await.unwrap();
    assert_eq!(provider.asked(DOCUMENT).len(), 2);

    later(DiscoveredKeys::MAX_AGE).await;
    for down in [Reply::Gone, Reply::Status(503), Reply::Status(404)] {
        provider.answer(DOCUMENT, down);
        load(&issuers).await.unwrap();
    }
    assert_eq!(provider.asked(DOCUMENT).len(), 5);

    // One that was read and lies is a failed fetch, and what is at hand stays.
    let keys_asked = provider.asked(KEYS).len();
    provider.document("https://evil.test", &provider.url(KEYS));
    load(&issuers).await.unwrap_err();
    provider.answer(DOCUMENT, Reply::Html);
    load(&issuers).await.unwrap_err();
    assert_eq!(provider.asked(KEYS).len(), keys_asked);
    assert_passes(&issuers, &key.token(provider.origin()));
}
