//! What a token brings along to be believed, and is not.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::json;
use throughline_core::Reason;
use throughline_identity::{Audience, Issuer, Profile};

use super::{ONE, claims, issuer};
use crate::kit::{KID, Key, assert_refused, jwks, one, set, verdict, with};

// advisories 2 and 3 (CVE-2026-44699, CVE-2022-29217, CVE-2026-34950): what everybody can read is
// no secret.
#[test]
fn a_public_text_is_no_key_for_hmac() {
    let key = Key::rsa(0);
    let issuers = one(issuer("one", ONE).with_keys(set(&[&key])));
    assert!(verdict(&issuers, &key.sign_access(&claims(ONE, "acme"))).is_ok());
    let document = jwks(&[&key]);
    let n = key.jwk()["n"].as_str().unwrap().to_owned();
    let secrets = [
        "",
        " ",
        &n,
        &document,
        &key.jwk().to_string(),
        &format!("\n{document}"),
        KID,
    ];
    for secret in secrets {
        for alg in ["HS256", "HS384", "RS256"] {
            let header = json!({"alg": alg, "kid": KID, "typ": "at+jwt"});
            let input = format!(
                "{}.{}",
                B64.encode(header.to_string()),
                B64.encode(claims(ONE, "acme").to_string())
            );
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let tag = B64.encode(hmac::sign(&secret, input.as_bytes()));
            let reason = verdict(&issuers, &format!("{input}.{tag}")).unwrap_err();
            let named = [Reason::AlgorithmRefused, Reason::ContextTruncated];
            assert!(named.contains(&reason), "{alg}: {reason}");
        }
    }
}

// advisories 4, 7, 8 and 10: what a header may not bring along, and how much is read of a token.
#[test]
fn a_header_brings_no_key_and_changes_no_meaning() {
    let key = Key::ed(0);
    let issuers = one(issuer("one", ONE).with_keys(set(&[&key])));
    let header = key.header(Some("at+jwt"));
    assert!(verdict(&issuers, &key.sign_as(&header, &claims(ONE, "acme"))).is_ok());
    let thumbprint = with(header.clone(), json!({"x5t": "abc", "x5t#S256": "abc"}));
    assert!(verdict(&issuers, &key.sign_as(&thumbprint, &claims(ONE, "acme"))).is_ok());
    let attacker = Key::ed(1);
    for member in [
        json!({"crit": ["x"]}),
        json!({"crit": []}),
        json!({"crit": ["exp"]}),
        json!({"crit": "b64"}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"cty": "JWT"}),
        json!({"enc": "A256GCM"}),
        json!({"jwk": attacker.jwk()}),
        json!({"jku": "https://evil.test/jwks"}),
        json!({"x5u": "https://evil.test/x"}),
        json!({"x5c": ["MIIB"]}),
        json!({"kid": null}),
        json!({"kid": ["a"]}),
        json!({"alg": null}),
    ] {
        let odd = with(header.clone(), member.clone());
        for signer in [&key, &attacker] {
            let found = verdict(&issuers, &signer.sign_as(&odd, &claims(ONE, "acme")));
            assert_refused(found, Reason::ContextMalformed, &member);
        }
    }
    let token = key.sign_access(&claims(ONE, "acme"));
    let dots = ".".repeat(1 << 20);
    for odd in [
        format!("{token}."),
        format!("{token}.a.b"),
        format!("a.{token}"),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}="),
        token.replacen('.', "..", 1),
        dots,
        String::new(),
        token.rsplit_once('.').unwrap().0.to_owned(),
    ] {
        let reason = verdict(&issuers, &odd).unwrap_err();
        assert_eq!(reason, Reason::ContextMalformed, "{:.40}", odd);
    }
    let nested = key.sign_text(&header.to_string(), &token);
    assert_refused(
        verdict(&issuers, &nested),
        Reason::ClaimInvalid,
        "a payload that is a token",
    );
}

// advisory 9 (CVE-2022-21449): a signature of nothing.
#[test]
fn a_signature_of_zeros_signs_nothing() {
    let key = Key::ec(0);
    let issuers = one(issuer("one", ONE).with_keys(set(&[&key])));
    let token = key.sign_access(&claims(ONE, "acme"));
    assert!(verdict(&issuers, &token).is_ok());
    let input = token.rsplit_once('.').unwrap().0;
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (mut one, mut below) = ([0_u8; 32], order);
    one[31] = 1;
    below[31] -= 1;
    for r in [[0; 32], one, below, order] {
        for s in [[0; 32], one, below, order] {
            let forged = format!("{input}.{}", B64.encode([r, s].concat()));
            assert_refused(
                verdict(&issuers, &forged),
                Reason::SignatureInvalid,
                "forged",
            );
        }
    }
    let cut = format!("{input}.{}", B64.encode([0; 63]));
    assert_refused(verdict(&issuers, &cut), Reason::ContextTruncated, "cut");
}

#[test]
fn a_key_of_another_algorithm_than_the_profile_allows_is_not_for_it() {
    let key = Key::ed(0);
    let auth0 = Issuer::builder("auth0", Profile::AUTH0)
        .named("https://acme.eu.auth0.com/")
        .with_audience(Audience::one_of(["api://orders"]))
        .with_keys(set(&[&key]));
    let issuers = one(auth0);
    let claims = with(
        claims("https://acme.eu.auth0.com/", "acme"),
        json!({
            "sub": "auth0|1", "azp": "web", "org_id": "acme",
        }),
    );
    assert_refused(
        verdict(&issuers, &key.sign(&claims)),
        Reason::AlgorithmRefused,
        "EdDSA",
    );
}
