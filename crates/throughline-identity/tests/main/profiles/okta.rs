//! Auth0 and Okta.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{Audience, CredentialKind, Issuer, IssuerBuilder, Profile, Tenancy};

use super::Vendor;
use crate::kit::{NOW, but, tenant, with, without};

fn ours() -> Audience {
    Audience::one_of(["https://orders.example"])
}

// ---- Auth0

pub(super) fn auth0() -> IssuerBuilder {
    Issuer::builder("auth0", Profile::AUTH0)
        .named("https://acme.eu.auth0.com/")
        .with_audience(ours())
}

pub(super) fn auth0_user() -> Value {
    json!({
        "iss": "https://acme.eu.auth0.com/", "sub": "auth0|64f0", "org_id": "org_9ybsU1dN2dKfDkBi",
        "aud": ["https://orders.example", "https://acme.eu.auth0.com/userinfo"],
        "azp": "SPAclient", "scope": "openid profile orders.read",
        "permissions": ["orders.create"], "iat": NOW - 10, "exp": NOW + 86_390,
    })
}

fn auth0_machine() -> Value {
    with(
        without(auth0_user(), "/permissions"),
        json!({"sub": "M2Mclient@clients", "azp": "M2Mclient", "gty": "client-credentials",
            "aud": "https://orders.example", "scope": "orders.sync"}),
    )
}

#[test]
fn auth0_tells_users_and_machines_apart_by_the_client() {
    let vendor = Vendor::new(auth0(), Some("JWT"));
    let (kind, who, scope) = vendor.accepts(&auth0_user());
    assert_eq!(kind, CredentialKind::Session);
    assert_eq!(who, "auth0/org_9ybsU1dN2dKfDkBi/auth0%7C64f0");
    assert_eq!(scope, "openid orders.create orders.read profile");
    assert_eq!(vendor.accepts(&auth0_machine()).0, CredentialKind::Machine);
    // The dialect of RFC 9068.
    let of_user = with(
        without(auth0_user(), "/azp"),
        json!({"client_id": "SPAclient", "jti": "1"}),
    );
    let of_machine = with(
        without(without(auth0_machine(), "/azp"), "/gty"),
        json!({"client_id": "M2Mclient", "jti": "1"}),
    );
    assert_eq!(
        vendor.typed(Some("at+jwt"), &of_user).unwrap().kind(),
        CredentialKind::Session
    );
    assert_eq!(
        vendor.typed(Some("at+jwt"), &of_machine).unwrap().kind(),
        CredentialKind::Machine
    );

    // How it was granted may be a list.
    let listed = with(
        auth0_user(),
        json!({"gty": ["authorization_code", "refresh_token"]}),
    );
    assert_eq!(vendor.accepts(&listed).0, CredentialKind::Session);
    let odd = with(auth0_user(), json!({"gty": [7]}));
    vendor.refuses(Reason::ClaimInvalid, &odd, "a grant that is no text");

    // A directory of one's own names its users as it likes.
    let lookalike = but(auth0_user(), "/sub", json!("auth0|mallory@clients"));
    assert_eq!(vendor.accepts(&lookalike).0, CredentialKind::Session);
    for (neighbour, what) in [
        (with(auth0_user(), json!({"nonce": "n"})), "an id token"),
        (without(auth0_user(), "/azp"), "an id token without a nonce"),
        (
            with(auth0_user(), json!({"gty": "client-credentials"})),
            "a machine that is a user",
        ),
        (
            with(
                auth0_user(),
                json!({"gty": ["refresh_token", "client-credentials"]}),
            ),
            "a machine that is a user, in a list",
        ),
        (with(auth0_user(), json!({"act": {"sub": "x"}})), "an actor"),
        (
            but(auth0_user(), "/sub", json!("user_01A")),
            "a user of another vendor",
        ),
        (
            but(auth0_user(), "/sub", json!("M2Mclient@clients")),
            "a machine of another client",
        ),
    ] {
        vendor.refuses(Reason::TypeRefused, &neighbour, what);
    }
    let id_token = with(without(auth0_user(), "/azp"), json!({"aud": "SPAclient"}));
    vendor.refuses(Reason::AudienceMismatch, &id_token, "an id token as it is");
    let slash = but(auth0_user(), "/iss", json!("https://acme.eu.auth0.com"));
    vendor.refuses(Reason::IssuerUntrusted, &slash, "without its slash");
    vendor.needs(
        &auth0_user(),
        &["iss", "aud", "sub", "org_id", "iat", "exp"],
    );
}

// ---- Okta

pub(super) fn okta() -> IssuerBuilder {
    Issuer::builder("okta", Profile::OKTA)
        .named("https://acme.okta.com/oauth2/aus1")
        .with_audience(ours())
        .with_tenancy(Tenancy::one(tenant("acme")))
}

pub(super) fn okta_user() -> Value {
    json!({
        "ver": 1, "jti": "AT.1", "iss": "https://acme.okta.com/oauth2/aus1",
        "aud": "https://orders.example", "iat": NOW - 10, "exp": NOW + 3590, "cid": "0oaWEB",
        "uid": "00uADA", "scp": ["openid", "orders.read"], "auth_time": NOW - 60,
        "sub": "ada@acme.example",
    })
}

fn okta_machine() -> Value {
    with(
        without(okta_user(), "/uid"),
        json!({"sub": "0oaM2M", "cid": "0oaM2M"}),
    )
}

#[test]
fn okta_names_a_user_by_what_cannot_change_hands() {
    let vendor = Vendor::new(okta(), None);
    let (kind, who, scope) = vendor.accepts(&okta_user());
    assert_eq!(kind, CredentialKind::Session);
    assert_eq!(who, "okta/acme/00uADA");
    assert_eq!(scope, "openid orders.read");
    let (kind, who, _) = vendor.accepts(&okta_machine());
    assert_eq!(
        (kind, who),
        (CredentialKind::Machine, "okta/acme/0oaM2M".into())
    );
    assert!(
        vendor
            .typed(Some("okta-internal-at+jwt"), &okta_user())
            .is_ok()
    );
    for (neighbour, what) in [
        (without(okta_user(), "/uid"), "neither user nor machine"),
        (with(okta_user(), json!({"sub": "0oaWEB"})), "both"),
        (with(okta_user(), json!({"act": {"sub": "x"}})), "an actor"),
    ] {
        vendor.refuses(Reason::TypeRefused, &neighbour, what);
    }
    // An id token has no `cid`, and is for the client.
    let id_token = without(okta_user(), "/cid");
    vendor.refuses(Reason::ClaimMissing, &id_token, "an id token");
    vendor.needs(&okta_user(), &["iss", "aud", "sub", "cid", "iat", "exp"]);
}
