//! Our verdicts beside those of `jsonwebtoken`, set up as strictly as it can be.
//!
//! What we accept it accepts; what it accepts and we refuse is listed here, each with our reason.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_core::time::Clock as _;

use super::forge::{Signer, claims};
use super::{DOMAIN, accepted, domain, refused};
use crate::SystemClock;
use crate::TrustDomain;

const ISSUER: &str = "https://tokens.internal";

/// Both verifiers with one key. The other one reads the system's clock, so here both do.
struct Pair {
    signer: Signer,
    ours: TrustDomain,
    key: DecodingKey,
    validation: Validation,
}

impl Pair {
    fn new() -> Self {
        let signer = Signer::ed25519("a");
        let ours = domain([&signer])
            .with_clock(SystemClock)
            .with_policy(|policy| policy.with_issuer(ISSUER));
        let jwk: Jwk = serde_json::from_value(signer.jwk()).unwrap();
        let mut validation = Validation::new(jsonwebtoken::Algorithm::EdDSA);
        validation.set_audience(&[DOMAIN]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 30;
        Self {
            key: DecodingKey::from_jwk(&jwk).unwrap(),
            signer,
            ours,
            validation,
        }
    }

    fn theirs(&self, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
        jsonwebtoken::decode::<Value>(token, &self.key, &self.validation).map(|data| data.claims)
    }

    #[track_caller]
    fn both_accept(&self, token: &str) {
        accepted(&self.ours, token);
        self.theirs(token).unwrap();
    }

    /// They accept it and we refuse it.
    #[track_caller]
    fn only_theirs(&self, token: &str, reason: Reason) {
        refused(&self.ours, token, reason);
        if let Err(error) = self.theirs(token) {
            panic!("no difference any more: {error}");
        }
    }

    #[track_caller]
    fn both_refuse(&self, token: &str, reason: Reason) {
        refused(&self.ours, token, reason);
        assert!(self.theirs(token).is_err());
    }
}

/// The claims of an accepted token by the system's clock.
fn fresh() -> Value {
    let now = SystemClock.now().as_unix();
    let mut claims = claims();
    claims["iss"] = ISSUER.into();
    claims["iat"] = (now - 10).into();
    claims["exp"] = (now + 200).into();
    claims["rctx"]["as_of"] = (now - 10).into();
    claims
}

fn fresh_but(name: &str, value: Value) -> Value {
    let mut claims = fresh();
    claims[name] = value;
    claims
}

#[test]
fn an_honest_token_is_accepted_by_both() {
    let pair = Pair::new();
    let token = pair.signer.token(&fresh());
    pair.both_accept(&token);
    assert_eq!(pair.theirs(&token).unwrap()["tctx"]["tenant"], "acme");
}

#[test]
fn they_take_headers_that_we_do_not() {
    let pair = Pair::new();
    let with = |member: &str| {
        pair.signer.seal(
            format!(r#"{{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt"{member}}}"#),
            fresh().to_string(),
        )
    };
    pair.both_accept(&with(""));
    pair.both_accept(&with(r#","x-note":"harmless""#));
    let key = Signer::ed25519("a").jwk();
    for member in [
        r#","crit":["x"]"#,
        r#","crit":[]"#,
        r#","crit":["exp"]"#,
        r#","b64":false"#,
        r#","cty":"JWT""#,
        r#","zip":"DEF""#,
        r#","jku":"https://attacker.example/keys""#,
        &format!(r#","jwk":{key}"#),
        r#","x":1,"x":2"#,
    ] {
        pair.only_theirs(&with(member), Reason::ContextMalformed);
    }

    let header = |text: &str| pair.signer.seal(text, fresh().to_string());
    for (text, reason) in [
        (r#"{"alg":"EdDSA","kid":"a"}"#, Reason::TypeRefused),
        (
            r#"{"alg":"EdDSA","kid":"a","typ":"at+jwt"}"#,
            Reason::TypeRefused,
        ),
        (
            r#"{"alg":"EdDSA","kid":"a","typ":"JWT"}"#,
            Reason::TypeRefused,
        ),
        // They leave the choice of the key to the caller, who has this text in hand.
        (
            r#"{"alg":"EdDSA","kid":"../a","typ":"txntoken+jwt"}"#,
            Reason::KeyUnknown,
        ),
        (
            r#"{"alg":"EdDSA","kid":"a\u0000","typ":"txntoken+jwt"}"#,
            Reason::KeyUnknown,
        ),
    ] {
        pair.only_theirs(&header(text), reason);
    }
}

#[test]
fn they_take_claims_that_we_do_not() {
    let pair = Pair::new();
    let now = SystemClock.now().as_unix();
    for (claims, reason) in [
        (fresh_but("iss", json!([ISSUER])), Reason::ClaimInvalid),
        (
            fresh_but("iss", json!(["https://attacker.example", ISSUER])),
            Reason::ClaimInvalid,
        ),
        (
            fresh_but("aud", json!([DOMAIN, "prod.globex.internal"])),
            Reason::AudienceMismatch,
        ),
        (
            fresh_but("aud", vec![DOMAIN; 1_000].into()),
            Reason::AudienceMismatch,
        ),
        (
            fresh_but("exp", json!((now + 200) * 1_000)),
            Reason::ClaimInvalid,
        ),
        (fresh_but("exp", json!(u64::MAX)), Reason::ClaimInvalid),
        (
            fresh_but("exp", json!(now + 86_400)),
            Reason::LifetimeExcessive,
        ),
        (
            fresh_but("iat", json!(now + 86_400)),
            Reason::ContextNotYetValid,
        ),
        (fresh_but("txn", json!(7)), Reason::ClaimInvalid),
    ] {
        pair.only_theirs(&pair.signer.token(&claims), reason);
    }
    for name in ["txn", "scope", "tctx", "rctx", "iat", "req_wl"] {
        let mut claims = fresh();
        claims.as_object_mut().unwrap().remove(name);
        pair.only_theirs(&pair.signer.token(&claims), Reason::ClaimMissing);
    }

    let honest = fresh().to_string();
    let seal = |payload: String| pair.signer.seal(pair.signer.header().to_string(), payload);
    for repeated in [
        r#""tenant":"acme","tenant":"globex""#,
        r#""tenant":"acme","ten\u0061nt":"globex""#,
    ] {
        let token = seal(honest.replace(r#""tenant":"acme""#, repeated));
        pair.only_theirs(&token, Reason::ClaimInvalid);
        // They answer with another tenant than a reader who takes the first.
        assert_eq!(pair.theirs(&token).unwrap()["tctx"]["tenant"], "globex");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    pair.only_theirs(
        &seal(honest.replacen('{', &format!(r#"{{"x":{deep},"#), 1)),
        Reason::ClaimInvalid,
    );
    let long = "x".repeat(1 << 20);
    pair.only_theirs(
        &seal(honest.replacen('{', &format!(r#"{{"x":"{long}","#), 1)),
        Reason::ContextMalformed,
    );
}

#[test]
fn both_refuse_what_every_verifier_must() {
    let pair = Pair::new();
    let now = SystemClock.now().as_unix();
    let honest = pair.signer.token(&fresh());
    pair.both_accept(&honest);
    let end = honest.chars().last().unwrap();
    for (token, reason) in [
        (
            pair.signer.with_member("alg", json!("none")),
            Reason::AlgorithmRefused,
        ),
        (
            pair.signer.with_member("alg", json!("eddsa")),
            Reason::AlgorithmRefused,
        ),
        (format!("{honest}="), Reason::ContextMalformed),
        (format!(" {honest}"), Reason::ContextMalformed),
        (format!("{honest}.{honest}"), Reason::ContextMalformed),
        (
            honest.strip_suffix(end).unwrap().into(),
            Reason::ContextTruncated,
        ),
        (
            pair.signer.token(&fresh_but("aud", json!("elsewhere"))),
            Reason::AudienceMismatch,
        ),
        (
            pair.signer
                .token(&fresh_but("iss", json!("https://attacker.example"))),
            Reason::IssuerUntrusted,
        ),
        (
            pair.signer.token(&fresh_but("exp", json!(now - 60))),
            Reason::ContextExpired,
        ),
        (
            pair.signer.token(&fresh_but("nbf", json!(now + 3_600))),
            Reason::ContextNotYetValid,
        ),
        (
            pair.signer.token(&fresh_but("exp", json!("1700000000"))),
            Reason::ClaimInvalid,
        ),
    ] {
        pair.both_refuse(&token, reason);
    }
}

#[test]
fn we_take_the_newer_name_of_ed25519_and_they_do_not_know_it() {
    let pair = Pair::new();
    let mut header = pair.signer.header();
    header["alg"] = "Ed25519".into();
    let token = pair.signer.seal(header.to_string(), fresh().to_string());
    accepted(&pair.ours, &token);
    assert!(pair.theirs(&token).is_err());
}

type Member = (&'static str, Value);

/// Changes to header and claims; most combinations are refused, some are not.
fn variants() -> impl Strategy<Value = (Vec<Member>, Vec<Member>)> {
    let now = SystemClock.now().as_unix();
    let header = select(vec![
        ("typ", json!("TXNTOKEN+JWT")),
        ("typ", json!("application/txntoken+jwt")),
        ("typ", json!("at+jwt")),
        ("kid", json!("b")),
        ("x", json!({"y": [1, null]})),
        ("crit", json!(["x"])),
        ("alg", json!("HS256")),
    ]);
    let claim = select(vec![
        ("aud", json!([DOMAIN])),
        ("aud", json!("elsewhere")),
        ("exp", json!(now as f64 + 100.5)),
        ("exp", json!(now + 600)),
        ("exp", json!(now - 20)),
        ("exp", json!(now - 60)),
        ("iat", json!(now as f64 - 5.25)),
        ("iat", json!(now + 20)),
        ("nbf", json!(now - 20)),
        ("nbf", json!(now + 20)),
        ("nbf", json!(now + 60)),
        ("iss", json!([ISSUER])),
        ("iss", json!(ISSUER)),
        ("jti", json!("j-1")),
        ("x", json!([[[]]])),
        ("scope", json!("")),
        ("sub", json!("okta/globex/ada")),
    ]);
    (
        proptest::collection::vec(header, 0..2),
        proptest::collection::vec(claim, 0..4),
    )
}

proptest! {
    #[test]
    fn what_we_accept_they_accept_too((header_changes, claim_changes) in variants()) {
        let pair = Pair::new();
        let mut header = pair.signer.header();
        for (name, value) in header_changes {
            header[name] = value;
        }
        let mut claims = fresh();
        for (name, value) in claim_changes {
            claims[name] = value;
        }
        let token = pair.signer.seal(header.to_string(), claims.to_string());
        if pair.ours.verify(token.as_bytes()).is_ok() {
            let theirs = pair.theirs(&token);
            prop_assert!(theirs.is_ok(), "{:?}: {header} {claims}", theirs);
        }
    }
}
