//! Keycloak.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{Audience, CredentialKind, Issuer, IssuerBuilder, Profile, Tenancy};

use super::Vendor;
use crate::kit::{NOW, but, tenant, with, without};

pub(super) fn keycloak() -> IssuerBuilder {
    Issuer::builder("keycloak", Profile::KEYCLOAK)
        .named("https://sso.example/realms/acme")
        .with_audience(Audience::one_of(["orders"]))
        .with_tenancy(Tenancy::one(tenant("acme")))
}

pub(super) fn keycloak_user() -> Value {
    json!({
        "exp": NOW + 290, "iat": NOW - 10, "auth_time": NOW - 20, "jti": "onrtac:1",
        "iss": "https://sso.example/realms/acme", "aud": ["orders", "account"],
        "sub": "f3c1a5a0-9b1f-4a93-8d7a-0c1f0c2a9d11", "typ": "Bearer", "azp": "web",
        "sid": "8c5c6f0a", "acr": "1", "allowed-origins": ["https://web.example"],
        "realm_access": {"roles": ["offline_access", "orders.read"]},
        "scope": "openid email", "email_verified": true, "preferred_username": "ada",
    })
}

fn keycloak_machine() -> Value {
    with(
        without(keycloak_user(), "/sid"),
        json!({"azp": "Sync", "client_id": "Sync", "preferred_username": "service-account-sync"}),
    )
}

#[test]
fn keycloak_says_in_a_claim_what_a_token_is() {
    let vendor = Vendor::new(keycloak(), Some("JWT"));
    let (kind, who, scope) = vendor.accepts(&keycloak_user());
    assert_eq!(kind, CredentialKind::Session);
    assert_eq!(who, "keycloak/acme/f3c1a5a0-9b1f-4a93-8d7a-0c1f0c2a9d11");
    assert_eq!(scope, "email offline_access openid orders.read");
    assert_eq!(
        vendor.accepts(&keycloak_machine()).0,
        CredentialKind::Machine
    );
    for typ in [
        "ID", "Refresh", "Offline", "Logout", "DPoP", "bearer", "Bearer ",
    ] {
        let neighbour = but(keycloak_user(), "/typ", json!(typ));
        vendor.refuses(Reason::TypeRefused, &neighbour, typ);
    }
    // Where people choose their names, somebody chooses that of a machine.
    let named = but(
        keycloak_user(),
        "/preferred_username",
        json!("service-account-sync"),
    );
    vendor.refuses(
        Reason::TypeRefused,
        &named,
        "a user with the name of a machine",
    );
    // A lightweight token of a client may leave the name out: only a session is a person's.
    let nameless = without(keycloak_machine(), "/preferred_username");
    vendor.refuses(
        Reason::TypeRefused,
        &nameless,
        "neither a name nor a session",
    );
    let nameless = without(keycloak_user(), "/preferred_username");
    assert_eq!(vendor.accepts(&nameless).0, CredentialKind::Session);
    let offline = without(keycloak_user(), "/sid");
    assert_eq!(vendor.accepts(&offline).0, CredentialKind::Session);
    // A role with a blank is not two scopes.
    let smuggled = json!(["viewer payments.create"]);
    let smuggled = but(keycloak_user(), "/realm_access/roles", smuggled);
    vendor.refuses(Reason::ClaimInvalid, &smuggled, "a role with a blank");
    vendor.needs(
        &keycloak_user(),
        &["iss", "aud", "sub", "typ", "iat", "exp"],
    );
}

// advisory 19 (CVE-2026-23552, CAMEL-24448): one key under two realms.
#[test]
fn one_key_under_two_realms_vouches_for_each_and_not_across() {
    let vendor = Vendor::new(keycloak(), Some("JWT"));
    assert!(vendor.verdict(&keycloak_user()).is_ok());
    for other in [
        "https://sso.example/realms/globex",
        "https://sso.example/realms/acme2",
        "",
    ] {
        let claims = but(keycloak_user(), "/iss", json!(other));
        let reason = vendor.verdict(&claims).unwrap_err();
        assert_eq!(reason, Reason::IssuerUntrusted, "{other}");
    }
    let nameless = without(keycloak_user(), "/iss");
    vendor.refuses(Reason::ClaimMissing, &nameless, "no `iss`");
}
