//! Every vendor's token at every other vendor's issuer, all of which are configured at once and sign
//! with one key under one name.

use serde_json::Value;
use throughline_core::Reason;
use throughline_identity::IssuerBuilder;

use super::{clerk, cloud, entra, generic, keycloak, okta, platforms, workos};
use crate::kit::{Key, assert_refused, but, set, several, verdict};

/// An issuer, the `typ` of its tokens, and one of them.
fn all() -> Vec<(IssuerBuilder, &'static str, Value)> {
    let spiffe = platforms::spiffe("mesh", "spiffe://prod.example");
    vec![
        (okta::auth0(), "JWT", okta::auth0_user()),
        (okta::okta(), "JWT", okta::okta_user()),
        (keycloak::keycloak(), "JWT", keycloak::keycloak_user()),
        (cloud::cognito(), "JWT", cloud::cognito_user()),
        (cloud::google(), "JWT", cloud::google_user()),
        (clerk::clerk(), "JWT", clerk::clerk_user()),
        (entra::entra(), "JWT", entra::user()),
        (generic::rfc9068(), "at+jwt", generic::access()),
        (spiffe, "JWT", platforms::svid()),
        (platforms::cluster(), "JWT", platforms::pod()),
        (workos::authkit(), "JWT", workos::session()),
    ]
}

#[test]
fn a_credential_is_judged_by_the_issuer_that_it_names_and_by_no_other() {
    let key = Key::rsa(0);
    let keyed = |issuer: IssuerBuilder| issuer.with_keys(set(&[&key]));
    let together = all();
    let issuers: Vec<IssuerBuilder> = all().into_iter().map(|(it, ..)| keyed(it)).collect();
    let issuers = several::<11>(issuers.try_into().ok().unwrap());
    let sign = |typ: &str, claims: &Value| key.sign_as(&key.header(Some(typ)), claims);
    for (n, (_, typ, claims)) in together.iter().enumerate() {
        let identity = verdict(&issuers, &sign(typ, claims)).unwrap();
        let own = issuers.iter().nth(n).unwrap();
        assert_eq!(identity.issuer(), own.alias());
        // Alone, every other issuer refuses it, though its key has signed.
        for (m, (other, ..)) in all().into_iter().enumerate() {
            if m != n {
                let alone = several([keyed(other)]);
                let found = verdict(&alone, &sign(typ, claims));
                assert_refused(found, Reason::IssuerUntrusted, format!("{n} at {m}"));
            }
        }
    }
}

#[test]
fn the_name_and_the_audience_of_another_vendor_make_no_token_of_it() {
    let key = Key::rsa(0);
    let vendors = all();
    let mut passed = Vec::new();
    for (n, (_, typ, claims)) in vendors.iter().enumerate() {
        for (m, (other, other_typ, own)) in all().into_iter().enumerate() {
            let (Some(name), true) = (own.get("iss"), n != m) else {
                continue;
            };
            let mut dressed = but(claims.clone(), "/iss", name.clone());
            for claim in ["aud", "azp", "client_id"] {
                if let Some(value) = own.get(claim) {
                    dressed = but(dressed, &format!("/{claim}"), value.clone());
                }
            }
            let issuers = several([other.with_keys(set(&[&key]))]);
            let typ = if other_typ == "JWT" { "JWT" } else { typ };
            let token = key.sign_as(&key.header(Some(typ)), &dressed);
            match verdict(&issuers, &token) {
                Ok(identity) => passed.push(format!("{n} as {}", identity.issuer())),
                Err(reason) => {
                    let named = [
                        Reason::AudienceMismatch,
                        Reason::TypeRefused,
                        Reason::ClaimMissing,
                        Reason::ClaimInvalid,
                        Reason::IssuerUntrusted,
                        Reason::LifetimeExcessive,
                    ];
                    assert!(named.contains(&reason), "{n} as {m}: {reason}");
                }
            }
        }
    }
    assert_eq!(passed, [""; 0], "its shape alone must tell it");
}
