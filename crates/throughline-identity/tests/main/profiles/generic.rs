//! Issuers that keep to the standards: RFC 9068, and OpenID providers without a `typ`.

use serde_json::{Value, json};
use throughline_core::{ActorKind, Reason};
use throughline_identity::{Audience, CredentialKind, Issuer, IssuerBuilder, Profile, Tenancy};

use super::Vendor;
use crate::kit::{Key, NOW, actors, assert_refused, but, problem, set, with, without};

const NAME: &str = "https://id.example";

fn issuer(profile: Profile) -> IssuerBuilder {
    Issuer::builder("id", profile)
        .named(NAME)
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("org"))
}

pub(super) fn rfc9068() -> IssuerBuilder {
    issuer(Profile::RFC9068)
}

pub(super) fn access() -> Value {
    json!({
        "iss": NAME, "aud": "api://orders", "sub": "ada", "client_id": "web", "org": "acme",
        "scope": "openid orders.read", "auth_time": NOW - 60, "acr": "urn:loa2", "amr": ["pwd"],
        "jti": "1", "iat": NOW - 10, "exp": NOW + 290,
    })
}

#[test]
fn an_access_token_says_so_in_its_type() {
    let vendor = Vendor::new(rfc9068(), Some("at+jwt"));
    let (kind, who, scope) = vendor.accepts(&access());
    assert_eq!(
        (kind, &*who, &*scope),
        (CredentialKind::Session, "id/acme/ada", "openid orders.read")
    );
    let identity = vendor.verdict(&access()).unwrap();
    assert_eq!(identity.authentication().class(), Some("urn:loa2"));
    let machine = but(access(), "/sub", json!("web"));
    assert_eq!(vendor.accepts(&machine).0, CredentialKind::Machine);
    for typ in ["application/at+jwt", "AT+JWT"] {
        assert!(vendor.typed(Some(typ), &access()).is_ok(), "{typ}");
    }
    // advisory 21: an id token, a transaction token and others of the same signer are no access token.
    for typ in [
        "JWT",
        "txntoken+jwt",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "oauth-id-jag+jwt",
        "at+jwt ",
        "",
    ] {
        assert_refused(vendor.typed(Some(typ), &access()), Reason::TypeRefused, typ);
    }
    assert_refused(
        vendor.typed(None, &access()),
        Reason::TypeRefused,
        "no type",
    );
    vendor.needs(
        &access(),
        &["iss", "aud", "sub", "client_id", "iat", "exp", "org"],
    );
}

#[test]
fn a_provider_without_types_tells_its_tokens_by_their_audience() {
    let vendor = Vendor::new(issuer(Profile::OIDC), None);
    assert!(vendor.verdict(&access()).is_ok());
    for typ in ["JWT", "at+jwt"] {
        assert!(vendor.typed(Some(typ), &access()).is_ok(), "{typ}");
    }
    let id_token = but(access(), "/aud", json!("web"));
    vendor.refuses(Reason::AudienceMismatch, &id_token, "an id token");
    for typ in ["txntoken+jwt", "logout+jwt", "secevent+jwt"] {
        assert_refused(vendor.typed(Some(typ), &access()), Reason::TypeRefused, typ);
    }
    vendor.needs(&access(), &["iss", "aud", "sub", "iat", "exp", "org"]);
}

#[test]
fn an_actor_is_what_the_configuration_says_and_nothing_by_default() {
    let delegated = with(
        access(),
        json!({"act": {"sub": "bot-1", "act": {"sub": "bot-2"}}}),
    );
    let silent = Vendor::new(rfc9068(), Some("at+jwt"));
    silent.refuses(
        Reason::TypeRefused,
        &delegated,
        "an actor of an unknown kind",
    );

    let agents = Vendor::new(rfc9068().with_actor(ActorKind::Agent), Some("at+jwt"));
    let identity = agents.verdict(&delegated).unwrap();
    assert_eq!(identity.kind(), CredentialKind::DelegatedAgent);
    assert_eq!(identity.principal().subject(), "ada");
    // RFC 8693 §4.1: the outermost is the nearest.
    assert_eq!(
        actors(&identity),
        ["agent id/acme/bot-1", "agent id/acme/bot-2"]
    );
    assert!(agents.verdict(&access()).is_ok());

    let admins = Vendor::new(rfc9068().with_actor(ActorKind::Person), Some("at+jwt"));
    let identity = admins.verdict(&delegated).unwrap();
    assert_eq!(identity.kind(), CredentialKind::ImpersonatedSession);

    for (act, reason, what) in [
        (json!("bot-1"), Reason::ClaimInvalid, "no object"),
        (json!(null), Reason::ClaimInvalid, "null"),
        (json!([{"sub": "bot-1"}]), Reason::ClaimInvalid, "a list"),
        (json!({}), Reason::ClaimMissing, "nobody"),
        (
            json!({"sub": "bot-1", "act": "bot-2"}),
            Reason::ClaimInvalid,
            "a nested one that is no object",
        ),
        (json!({"sub": ""}), Reason::ClaimInvalid, "an empty name"),
    ] {
        agents.refuses(reason, &with(access(), json!({"act": act})), what);
    }
    let nested = |depth: usize| {
        let act = (1..depth).fold(
            json!({"sub": "bot-0"}),
            |act, n| json!({"sub": format!("bot-{n}"), "act": act}),
        );
        with(access(), json!({"act": act}))
    };
    assert!(agents.verdict(&nested(8)).is_ok());
    agents.refuses(Reason::DepthExceeded, &nested(9), "nine actors");
}

#[test]
fn an_actor_that_nobody_could_be_is_an_error_of_configuration() {
    let keys = || set(&[&Key::ed(0)]);
    let service = rfc9068().with_actor(ActorKind::Service).with_keys(keys());
    assert!(problem(service).contains("service"));
    let pointless = super::okta::auth0()
        .with_actor(ActorKind::Agent)
        .with_keys(keys());
    assert!(problem(pointless).contains("knows by itself"));
    // What it says is wanted; who lists the kinds has the last word.
    let listed = rfc9068()
        .with_actor(ActorKind::Agent)
        .with_kinds([CredentialKind::Session]);
    let listed = Vendor::new(listed, Some("at+jwt"));
    let delegated = with(access(), json!({"act": {"sub": "bot-1"}}));
    listed.refuses(
        Reason::TypeRefused,
        &delegated,
        "an agent that is not listed",
    );
    assert!(listed.verdict(&access()).is_ok());
}

// RFC 9449 §7.2: whoever stole it has no proof, and nobody here would ask for one.
#[test]
fn a_token_that_is_bound_to_a_proof_counts_for_nothing_without_it() {
    let vendor = Vendor::new(rfc9068(), Some("at+jwt"));
    assert!(vendor.verdict(&access()).is_ok());
    for cnf in [
        json!({"jkt": "0ZcOCORZ"}),
        json!({"x5t#S256": "bwcK"}),
        json!(null),
    ] {
        let bound = with(access(), json!({"cnf": cnf}));
        vendor.refuses(Reason::ClaimInvalid, &bound, &cnf.to_string());
    }
}

#[test]
fn words_of_authority_are_words() {
    let vendor = Vendor::new(rfc9068(), Some("at+jwt"));
    let scope = |scope: Value| vendor.verdict(&but(access(), "/scope", scope));
    let words = scope(json!(["b", "a", "a"])).unwrap();
    assert_eq!(words.scope().to_string(), "a b");
    assert_eq!(vendor.accepts(&without(access(), "/scope")).2, "");
    for odd in [
        json!(["orders.read admin"]),
        json!([""]),
        json!(null),
        json!(7),
        json!({}),
        json!("orders.*.read"),
    ] {
        assert_refused(scope(odd.clone()), Reason::ClaimInvalid, odd);
    }
}

/// Whoever can name a claim of their own adds no actor to those that the issuer named.
#[test]
fn a_claim_with_the_name_of_a_path_is_no_actor() {
    let agents = Vendor::new(rfc9068().with_actor(ActorKind::Agent), Some("at+jwt"));
    let act = json!({"act": {"sub": "bot-1"}});
    let delegated = with(access(), act.clone());
    assert_eq!(actors(&agents.verdict(&delegated).unwrap()).len(), 1);
    for flat in ["act/act", "act/act/act", "act/sub", "act/x", "act/"] {
        for value in [json!({"sub": "bot-2"}), json!("bot-2"), json!(null)] {
            let added = with(delegated.clone(), json!({flat: value}));
            agents.refuses(Reason::ClaimInvalid, &added, flat);
        }
    }
    // A name that only looks like it is any other claim.
    let other = with(
        delegated,
        json!({"action/act": {"sub": "bot-2"}, "acts": 1}),
    );
    assert_eq!(actors(&agents.verdict(&other).unwrap()).len(), 1);
}
