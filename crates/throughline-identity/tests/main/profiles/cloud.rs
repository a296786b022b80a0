//! Amazon Cognito and Google.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{Audience, CredentialKind, Issuer, IssuerBuilder, Profile, Tenancy};

use super::Vendor;
use crate::kit::{Key, NOW, but, problem, set, tenant, with, without};

// ---- Cognito

pub(super) fn cognito() -> IssuerBuilder {
    Issuer::builder("cognito", Profile::COGNITO)
        .named("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Pool")
        .with_audience(Audience::one_of(["1h57web", "1h57m2m"]))
        .with_tenancy(Tenancy::one(tenant("acme")))
}

pub(super) fn cognito_user() -> Value {
    json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "device_key": "eu-west-1_d",
        "cognito:groups": ["admin"],
        "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Pool", "version": 2,
        "client_id": "1h57web", "origin_jti": "o-1", "token_use": "access",
        "scope": "openid orders.read", "auth_time": NOW - 60, "exp": NOW + 3590, "iat": NOW - 10,
        "jti": "j-1", "username": "ada",
    })
}

fn cognito_machine() -> Value {
    let claims = without(without(cognito_user(), "/username"), "/origin_jti");
    with(claims, json!({"sub": "1h57m2m", "client_id": "1h57m2m"}))
}

#[test]
fn cognito_says_for_which_client_a_token_is_and_how_it_is_used() {
    let key = Key::rsa(0).with_kid("Dl1VYNCQW9mLEkLGkGuSGcyXqdnyVzdnH0uWkQ0zH4E=");
    let vendor = Vendor::with_key(cognito(), None, key);
    let (kind, who, scope) = vendor.accepts(&cognito_user());
    assert_eq!(kind, CredentialKind::Session);
    assert_eq!(who, "cognito/acme/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    assert_eq!(scope, "openid orders.read");
    assert_eq!(
        vendor.accepts(&cognito_machine()).0,
        CredentialKind::Machine
    );
    let id_token = with(cognito_user(), json!({"token_use": "id"}));
    vendor.refuses(Reason::TypeRefused, &id_token, "an id token");
    let id_token = with(without(id_token, "/client_id"), json!({"aud": "1h57web"}));
    vendor.refuses(Reason::ClaimMissing, &id_token, "an id token as it is");
    let other = but(cognito_user(), "/client_id", json!("1h57other"));
    vendor.refuses(Reason::AudienceMismatch, &other, "of another client");
    for (neighbour, what) in [
        (
            without(cognito_user(), "/username"),
            "neither user nor machine",
        ),
        (with(cognito_machine(), json!({"username": "ada"})), "both"),
    ] {
        vendor.refuses(Reason::TypeRefused, &neighbour, what);
    }
    vendor.needs(
        &cognito_user(),
        &["iss", "client_id", "sub", "token_use", "iat", "exp"],
    );
}

// ---- Google

pub(super) fn google() -> IssuerBuilder {
    let audience = Audience::one_of(["1234.apps.googleusercontent.com", "https://orders.example"]);
    Profile::GOOGLE
        .names(None)
        .iter()
        .fold(
            Issuer::builder("google", Profile::GOOGLE),
            |issuer, name| issuer.named(name),
        )
        .with_audience(audience)
        .with_tenancy(Tenancy::claim("hd").only([tenant("acme.example")]))
}

pub(super) fn google_user() -> Value {
    json!({
        "iss": "https://accounts.google.com", "azp": "1234.apps.googleusercontent.com",
        "aud": "1234.apps.googleusercontent.com", "sub": "1071", "hd": "acme.example",
        "email": "ada@acme.example", "email_verified": true, "at_hash": "HK6E", "iat": NOW - 10,
        "exp": NOW + 3590,
    })
}

fn google_service() -> Value {
    with(
        without(google_user(), "/hd"),
        json!({"sub": "1081", "email": "sync@acme-prod.iam.gserviceaccount.com",
            "aud": "https://orders.example"}),
    )
}

#[test]
fn google_vouches_for_a_workspace_and_for_no_consumer() {
    let vendor = Vendor::new(google(), Some("JWT"));
    let (kind, who, scope) = vendor.accepts(&google_user());
    assert_eq!(kind, CredentialKind::Session);
    assert_eq!((&*who, &*scope), ("google/acme.example/1071", ""));
    let bare = but(google_user(), "/iss", json!("accounts.google.com"));
    assert!(vendor.verdict(&bare).is_ok());
    // A service account belongs to a project, so its tenant is said.
    let tenancy = Tenancy::claim("email").mapped([(
        "sync@acme-prod.iam.gserviceaccount.com",
        tenant("acme.example"),
    )]);
    let services = Vendor::new(google().with_tenancy(tenancy), Some("JWT"));
    assert_eq!(
        services.accepts(&google_service()).0,
        CredentialKind::Machine
    );
    vendor.refuses(
        Reason::ClaimMissing,
        &google_service(),
        "a service account, tenant unsaid",
    );

    let consumer = without(google_user(), "/hd");
    vendor.refuses(Reason::ClaimMissing, &consumer, "a consumer");
    for (neighbour, what) in [
        (
            but(google_user(), "/email_verified", json!(false)),
            "an address that is not verified",
        ),
        (
            without(google_user(), "/email_verified"),
            "an address that may be verified",
        ),
        (
            with(google_service(), json!({"hd": "acme.example"})),
            "a service in a workspace",
        ),
    ] {
        vendor.refuses(Reason::TypeRefused, &neighbour, what);
    }
    vendor.needs(&google_user(), &["iss", "aud", "sub", "hd", "iat", "exp"]);
}

/// Any project of the world can have an ID token for our audience.
#[test]
fn one_tenant_for_all_of_google_is_an_error_of_the_start() {
    let keyed = |tenancy: Tenancy| {
        google()
            .with_keys(set(&[&Key::rsa(0)]))
            .with_tenancy(tenancy)
    };
    let acme = || tenant("acme.example");
    for tenancy in [
        Tenancy::one(acme()),
        Tenancy::claim("hd"),
        Tenancy::claim("email"),
        Tenancy::claim("azp").only([acme()]),
    ] {
        let problem = problem(keyed(tenancy.clone()));
        assert!(problem.contains("list of its claim `hd`"), "{problem}");
        let said = keyed(tenancy).danger_open_to_every_tenant();
        assert!(said.build().is_ok());
    }
    for claim in ["hd", "email", "sub"] {
        for tenancy in [
            Tenancy::claim(claim).only([acme()]),
            Tenancy::claim(claim).mapped([("1081", acme())]),
        ] {
            assert!(keyed(tenancy).build().is_ok(), "{claim}");
        }
    }
    let vendor = Vendor::new(google(), Some("JWT"));
    assert!(vendor.verdict(&google_user()).is_ok());
    let stranger = but(google_user(), "/hd", json!("evil.test"));
    vendor.refuses(Reason::TenantInvalid, &stranger, "another workspace");
}
