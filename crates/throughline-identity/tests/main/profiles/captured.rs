//! Key sets that were captured from the providers themselves.

use serde_json::Value;
use throughline_core::Reason;
use throughline_identity::{Audience, Issuer, Issuers, Profile, Tenancy};

use crate::kit::{Key, assert_refused, load, one, published, tenant, verdict};

fn vector(path: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{path}")).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    // Some captures keep the status beside the body.
    match document.get_mut("body") {
        Some(body) => body.take(),
        None => document,
    }
}

async fn issuer_of(profile: Profile, path: &str) -> Issuers {
    let name = if profile == Profile::SPIFFE {
        "spiffe://prod.example"
    } else {
        "https://id.example"
    };
    let issuer = Issuer::builder("captured", profile)
        .named(name)
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("hd").only([tenant("acme")]))
        .with_keys(published(vector(path).to_string()));
    let issuers = one(issuer);
    load(&issuers).await;
    issuers
}

/// How many keys the profile admits, of how many that were published.
async fn admitted(profile: Profile, path: &str) -> (usize, usize) {
    let published = vector(path)["keys"].as_array().unwrap().len();
    let issuers = issuer_of(profile, path).await;
    let keys = issuers.iter().next().unwrap().keys().current();
    (keys.set().len(), published)
}

#[tokio::test]
async fn each_profile_admits_of_its_vendor_what_signs_and_nothing_else() {
    let dockyard = "oidc-provider-fixtures/dockyard/http";
    for (profile, path, admits) in [
        (
            Profile::AUTH0,
            format!("{dockyard}/auth0/jwks.json"),
            (2, 2),
        ),
        (
            Profile::COGNITO,
            format!("{dockyard}/cognito/jwks.json"),
            (2, 2),
        ),
        (
            Profile::ENTRA,
            format!("{dockyard}/azure/jwks.json"),
            (10, 10),
        ),
        (
            Profile::ENTRA,
            "oidc-provider-fixtures/uaa/JwkSet-Microsoft.json".into(),
            (3, 3),
        ),
        (
            Profile::GOOGLE,
            format!("{dockyard}/google/jwks.json"),
            (2, 2),
        ),
        // One of the two encrypts.
        (
            Profile::KEYCLOAK,
            format!("{dockyard}/keycloak/jwks.json"),
            (1, 2),
        ),
        (Profile::OKTA, format!("{dockyard}/okta/jwks.json"), (2, 2)),
        // The first is for TLS.
        (
            Profile::SPIFFE,
            "jwks/spiffe/spiffebundle_valid_2.json".into(),
            (6, 7),
        ),
    ] {
        assert_eq!(admitted(profile, &path).await, admits, "{path}");
    }
}

#[tokio::test]
async fn keys_without_an_algorithm_are_nobodys_where_the_profile_knows_several() {
    let azure = "oidc-provider-fixtures/dockyard/http/azure/jwks.json";
    let document = vector(azure).to_string();
    let generic = Issuer::builder("captured", Profile::RFC9068)
        .named("https://id.example")
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::one(tenant("acme")))
        .with_keys(published(document));
    let issuers = one(generic);
    let loaded = issuers.iter().next().unwrap().keys().load().await;
    assert!(loaded.is_err(), "an RSA key fits six algorithms");
    assert!(!issuers.is_ready());
}

#[tokio::test]
async fn keys_of_entra_keep_the_issuer_for_which_they_are_published() {
    let azure = "oidc-provider-fixtures/dockyard/http/azure/jwks.json";
    let issuers = issuer_of(Profile::ENTRA, azure).await;
    let keys = issuers.iter().next().unwrap().keys().current();
    let issuers: Vec<&str> = keys.set().iter().filter_map(|key| key.issuer()).collect();
    assert_eq!(issuers.len(), keys.set().len());
    assert!(
        issuers.iter().any(|it| it.contains("{tenantid}")),
        "{issuers:?}"
    );
    assert!(
        issuers.iter().any(|it| it.contains("9188040d-")),
        "{issuers:?}"
    );
}

// A name of another vendor's key is public; a signature by it is not.
#[tokio::test]
async fn the_name_of_a_captured_key_opens_nothing() {
    let path = "oidc-provider-fixtures/dockyard/http/google/jwks.json";
    let issuers = issuer_of(Profile::GOOGLE, path).await;
    let kid = vector(path)["keys"][0]["kid"].as_str().unwrap().to_owned();
    let claims = serde_json::json!({"iss": "https://id.example", "aud": "api://orders"});
    let forged = Key::rsa(0).with_kid(&kid).sign(&claims);
    assert_refused(
        verdict(&issuers, &forged),
        Reason::SignatureInvalid,
        "forged",
    );
}
