//! Opens a token at the signature layer, and signs whatever a test wants signed.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_core::{Reason, Refusal};
use throughline_jose::verify::Envelope;
use throughline_jose::{AdmissionPolicy, Algorithm, KeySet, TokenType};

/// Steps 3 and 4, for a token of any kind: its payload, or why not.
pub(crate) fn open(keys: &KeySet, token: &str) -> Result<Vec<u8>, Refusal> {
    let envelope = Envelope::read(token.as_bytes(), TokenType::DangerAny)?;
    let key = keys.find(envelope.kid()).ok_or(Reason::KeyUnknown)?;
    envelope.open(key).map(<[u8]>::to_vec)
}

/// The set of one published key, or of one secret by the name that says danger.
pub(crate) fn key_set(jwk: &Value, policy: &AdmissionPolicy) -> KeySet {
    if jwk["kty"] == "oct" {
        let secret = URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).unwrap();
        let algorithm = jwk["alg"].as_str().unwrap_or("HS256");
        let algorithm = Algorithm::from_name(algorithm).unwrap();
        return KeySet::danger_from_hmac_secret(jwk["kid"].as_str(), algorithm, &secret).unwrap();
    }
    KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes(), policy).unwrap()
}

/// An Ed25519 key named `a`.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) const HEADER: &str = r#"{"alg":"EdDSA","kid":"a","typ":"txntoken+jwt"}"#;

    pub(crate) fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x})
    }

    pub(crate) fn keys(&self) -> KeySet {
        key_set(&self.jwk(), &AdmissionPolicy::new())
    }

    pub(crate) fn seal(&self, header: &str, payload: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(header);
        self.sign(&format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload)))
    }

    pub(crate) fn sign(&self, signing_input: &str) -> String {
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signing_input.as_bytes()));
        format!("{signing_input}.{signature}")
    }
}
