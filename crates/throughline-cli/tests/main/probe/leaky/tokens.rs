//! The shop's tokens, checked by hand; and every way to forget a check.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use throughline_core::time::Clock as _;

use super::Leak;

const ISSUER: &str = "https://login.shop.example";

pub(super) struct Tokens {
    key: Ed25519KeyPair,
}

impl Tokens {
    pub(super) fn new() -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        Self { key }
    }

    pub(super) fn jwks(&self) -> String {
        format!(r#"{{"keys":[{}]}}"#, self.jwk())
    }

    fn jwk(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "shop-1", "x": x}).to_string()
    }

    /// Every text of the public key that has been used as an HMAC secret in the wild.
    fn public_texts(&self) -> Vec<Vec<u8>> {
        // RFC 8410 §4: the same for every Ed25519 key but for its bytes.
        let mut der = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
        der.extend(self.key.public_key().as_ref());
        let line = STANDARD.encode(der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{line}\n-----END PUBLIC KEY-----");
        vec![
            self.jwks().into(),
            self.jwk().into(),
            format!("{pem}\n").into(),
            pem.into(),
            self.key.public_key().as_ref().to_vec(),
        ]
    }

    pub(super) fn issue(&self, tenant: &str, seconds: i64) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "shop-1"});
        let now = i64::try_from(now()).unwrap();
        let claims = json!({
            "iss": ISSUER, "aud": "shop", "sub": "ada", "tenant": tenant,
            "iat": now.min(now + seconds) - 60, "exp": now + seconds,
        });
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The tenant of a good token.
    pub(super) fn check(&self, token: &str, leak: Option<Leak>) -> Option<String> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let (header, claims) = (object(header)?, object(claims)?);
        if !self.is_signed(&header, signed, signature, leak) {
            return None;
        }
        let is_for_us = claims["iss"] == ISSUER && claims["aud"] == "shop";
        let is_now = leak == Some(Leak::Expiry) || claims["exp"].as_u64()? > now();
        let tenant = claims["tenant"].as_str()?;
        (is_for_us && is_now).then(|| tenant.to_owned())
    }

    fn is_signed(&self, header: &Value, signed: &str, signature: &str, leak: Option<Leak>) -> bool {
        if leak == Some(Leak::Signature) {
            return true;
        }
        let Some(alg) = header["alg"].as_str() else {
            return false;
        };
        if leak == Some(Leak::AlgNone) && alg.eq_ignore_ascii_case("none") {
            return true;
        }
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let verifies = |key: &[u8]| {
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(signed.as_bytes(), &signature).is_ok()
        };
        if leak == Some(Leak::EmbeddedJwk)
            && let Some(x) = header["jwk"]["x"].as_str()
        {
            return URL_SAFE_NO_PAD.decode(x).is_ok_and(|key| verifies(&key));
        }
        if leak == Some(Leak::HmacPublicKey) && alg == "HS256" {
            return self.public_texts().iter().any(|secret| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
            });
        }
        matches!(alg, "EdDSA" | "Ed25519") && verifies(self.key.public_key().as_ref())
    }
}

pub(super) fn now() -> u64 {
    throughline::SystemClock.now().as_unix()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn object(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
