//! Keys that sign whatever they are asked to: the identity provider's, and an attacker's.
//!
//! The library signs drafts only. To attack it with tokens that it would never make, the demo needs
//! a key in its own hands.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_jose::SigningKey;

use super::net::Failure;

/// A private key with a name.
#[derive(Debug)]
pub(super) struct Signer {
    kid: String,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Ed25519(Box<Ed25519KeyPair>),
    Es256(Box<EcdsaKeyPair>),
}

impl Signer {
    /// A new key for `ES256`.
    pub(super) fn es256(kid: &str) -> Result<Self, Failure> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        Ok(Self {
            kid: kid.into(),
            key: Key::Es256(Box::new(pair)),
        })
    }

    /// The same key as `key`, in hands that sign anything.
    pub(super) fn copy_of(key: &SigningKey) -> Result<Self, Failure> {
        let der = key.danger_to_pkcs8()?;
        let pair = Ed25519KeyPair::from_pkcs8(&der)?;
        Ok(Self {
            kid: key.kid().into(),
            key: Key::Ed25519(Box::new(pair)),
        })
    }

    /// The header of an honest token of this key.
    pub(super) fn header(&self, typ: &str) -> Value {
        let alg = match self.key {
            Key::Ed25519(_) => "EdDSA",
            Key::Es256(_) => "ES256",
        };
        json!({"typ": typ, "alg": alg, "kid": self.kid})
    }

    /// A compact token over these texts, byte for byte.
    pub(super) fn sign(&self, header: &str, claims: &str) -> Result<String, Failure> {
        let mut token = unsigned(header, claims);
        let signature = match &self.key {
            Key::Ed25519(pair) => pair.sign(token.as_bytes()).as_ref().to_vec(),
            Key::Es256(pair) => {
                let random = SystemRandom::new();
                pair.sign(&random, token.as_bytes())?.as_ref().to_vec()
            }
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The public key as a JSON Web Key.
    pub(super) fn public_jwk(&self) -> Result<Value, Failure> {
        Ok(match &self.key {
            Key::Ed25519(pair) => json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
                "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
            }),
            Key::Es256(pair) => {
                let public = pair.public_key();
                let der: aws_lc_rs::encoding::EcPublicKeyUncompressedBin<'_> =
                    public.as_be_bytes()?;
                // SEC 1 §2.3.3: `04`, then the two coordinates.
                let point = der.as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                json!({
                    "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
                    "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
        })
    }
}

/// The first two parts of a token, which are what is signed.
pub(super) fn unsigned(header: &str, claims: &str) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    text
}
