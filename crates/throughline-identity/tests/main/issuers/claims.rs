//! Claims are read by their type, and names byte for byte.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_identity::{Audience, Issuer, Profile, Tenancy};

use super::{ONE, claims, issuer};
use crate::kit::{Key, NOW, assert_refused, but, one, set, verdict, with, without};

// advisory 6 (GHSA-75c5-xw7c-p5pm): `iss` is one string, byte for byte.
#[test]
fn an_issuer_is_named_byte_for_byte() {
    let key = Key::ed(0);
    let issuers = one(issuer("one", "https://one.example/tenants/a").with_keys(set(&[&key])));
    let named = |iss: Value| {
        let token = key.sign_access(&but(claims(ONE, "acme"), "/iss", iss));
        verdict(&issuers, &token)
    };
    assert!(named(json!("https://one.example/tenants/a")).is_ok());
    for other in [
        "https://one.example/tenants/",
        "https://one.example/tenants",
        "https://one.example/tenants/ab",
        "https://one.example/tenants/a/",
        "https://one.example/tenants/a?x",
        "https://one.example/tenants/A",
        "https://ONE.example/tenants/a",
        "https://one.example:443/tenants/a",
        "http://one.example/tenants/a",
        "https://one.example/x/../tenants/a",
        "https://one.example/tenants/a\u{0}",
        " https://one.example/tenants/a",
        "https://one.example.evil.test/tenants/a",
        "https://one.example@evil.test/tenants/a",
        "one.example/tenants/a",
        "",
    ] {
        assert_refused(named(json!(other)), Reason::IssuerUntrusted, other);
    }
    let name = "https://one.example/tenants/a";
    for odd in [
        json!([name]),
        json!([name, "https://evil.test"]),
        json!(null),
        json!({"0": name}),
        json!(7),
    ] {
        assert_refused(named(odd.clone()), Reason::ClaimInvalid, odd);
    }
    let nameless = key.sign_access(&without(claims(ONE, "acme"), "/iss"));
    assert_refused(
        verdict(&issuers, &nameless),
        Reason::ClaimMissing,
        "no `iss`",
    );
}

// advisory 5 (CVE-2026-25537): every claim by its type.
#[test]
fn each_claim_has_its_type_or_is_refused() {
    let key = Key::ed(0);
    let issuers = one(issuer("one", ONE).with_keys(set(&[&key])));
    let honest = with(
        claims(ONE, "acme"),
        json!({
            "nbf": NOW - 10, "auth_time": NOW - 60, "acr": "a", "amr": ["pwd"], "sid": "s",
        }),
    );
    assert!(verdict(&issuers, &key.sign_access(&honest)).is_ok());
    let odd = |name: &str, odd: Value| {
        let claims = but(honest.clone(), &format!("/{name}"), odd.clone());
        let reason = verdict(&issuers, &key.sign_access(&claims)).unwrap_err();
        let named = [Reason::ClaimInvalid, Reason::AudienceMismatch];
        assert!(named.contains(&reason), "{name} is {odd}: {reason}");
    };
    for name in ["exp", "iat", "nbf", "auth_time"] {
        for value in [
            json!("1700000290"),
            json!(null),
            json!([NOW]),
            json!({}),
            json!(true),
            json!(-1),
        ] {
            odd(name, value);
        }
    }
    for name in ["iss", "sub", "client_id", "org", "acr", "sid"] {
        for value in [
            json!(null),
            json!(["ada"]),
            json!({"a": 1}),
            json!(7),
            json!(""),
        ] {
            if (name, &value) != ("iss", &json!("")) {
                odd(name, value);
            }
        }
    }
    for value in [
        json!(null),
        json!({}),
        json!(7),
        json!([7]),
        json!([["api://orders"]]),
    ] {
        odd("aud", value);
    }
    for value in [json!("pwd"), json!(null), json!([1])] {
        odd("amr", value);
    }
    // A member that stands twice says two things, at any depth and however it is spelt.
    let header = key.header(Some("at+jwt")).to_string();
    let text = honest.to_string();
    let text = text.strip_suffix('}').unwrap();
    for twice in [
        r#","org":"globex"}"#,
        r#","\u006frg":"globex"}"#,
        r#","x":{"a":1,"a":2}}"#,
    ] {
        let token = key.sign_text(&header, &format!("{text}{twice}"));
        assert_refused(verdict(&issuers, &token), Reason::ClaimInvalid, twice);
    }
    for payload in ["[]", "null", "\"x\"", "", "{", &format!("[{text}}}]")] {
        let token = key.sign_text(&header, payload);
        let reason = verdict(&issuers, &token).unwrap_err();
        let named = [Reason::ClaimInvalid, Reason::ClaimMissing];
        assert!(named.contains(&reason), "{payload}: {reason}");
    }
}

// advisory 21 (CVE-2020-26160, CAMEL-24497): an audience that is absent is not ours.
#[test]
fn an_audience_is_ours_or_there_is_none_as_configured() {
    let key = Key::ed(0);
    let required = one(issuer("one", ONE).with_keys(set(&[&key])));
    let none = Issuer::builder("one", Profile::OIDC)
        .named(ONE)
        .with_audience(Audience::none())
        .with_tenancy(Tenancy::claim("org"));
    let none = one(none.with_keys(set(&[&key])));
    let token = |aud: Value| key.sign_access(&but(claims(ONE, "acme"), "/aud", aud));
    let without = key.sign_access(&without(claims(ONE, "acme"), "/aud"));
    assert!(verdict(&required, &token(json!("api://orders"))).is_ok());
    assert!(verdict(&none, &without).is_ok());
    assert_refused(verdict(&required, &without), Reason::ClaimMissing, "none");
    for other in [
        json!(""),
        json!([]),
        json!("api://billing"),
        json!(["api://order", "api://orders/"]),
    ] {
        assert_refused(
            verdict(&required, &token(other.clone())),
            Reason::AudienceMismatch,
            &other,
        );
        assert_refused(
            verdict(&none, &token(other.clone())),
            Reason::AudienceMismatch,
            &other,
        );
    }
}
