//! Keys that sign whatever they are asked to: those of identity providers, and an attacker's.
//!
//! The library signs drafts only. To attack it with tokens that it would never make, the demo needs
//! a key in its own hands.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use throughline_jose::SigningKey;

use super::net::Failure;

/// A private key with a name. Cloning shares the key.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    kid: String,
    key: Arc<Key>,
}

#[derive(Debug)]
enum Key {
    Ed25519(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Signer {
    fn new(kid: &str, key: Key) -> Self {
        Self {
            kid: kid.into(),
            key: Arc::new(key),
        }
    }

    /// A new key for `ES256`.
    pub(super) fn es256(kid: &str) -> Result<Self, Failure> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        Ok(Self::new(kid, Key::Es256(pair)))
    }

    /// A new key for `EdDSA`.
    pub(super) fn ed25519(kid: &str) -> Result<Self, Failure> {
        Ok(Self::new(kid, Key::Ed25519(Ed25519KeyPair::generate()?)))
    }

    /// A new key for `RS256`.
    pub(super) fn rs256(kid: &str) -> Result<Self, Failure> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        Ok(Self::new(kid, Key::Rs256(pair)))
    }

    /// The same key as `key`, in hands that sign anything.
    pub(super) fn copy_of(key: &SigningKey) -> Result<Self, Failure> {
        let der = key.danger_to_pkcs8()?;
        let pair = Ed25519KeyPair::from_pkcs8(&der)?;
        Ok(Self::new(key.kid(), Key::Ed25519(pair)))
    }

    /// This key under another name.
    pub(super) fn named(&self, kid: &str) -> Self {
        Self {
            kid: kid.into(),
            key: Arc::clone(&self.key),
        }
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm of its honest tokens.
    pub(super) fn algorithm(&self) -> &'static str {
        match &*self.key {
            Key::Ed25519(_) => "EdDSA",
            Key::Es256(_) => "ES256",
            Key::Rs256(_) => "RS256",
        }
    }

    /// The header of an honest token of this key.
    pub(super) fn header(&self, typ: &str) -> Value {
        json!({"typ": typ, "alg": self.algorithm(), "kid": self.kid})
    }

    /// An honest token over these claims.
    pub(super) fn token(&self, typ: &str, claims: &Value) -> Result<String, Failure> {
        self.sign(&self.header(typ).to_string(), &claims.to_string())
    }

    /// A compact token over these texts, byte for byte. An RSA key signs as the header says, where
    /// it can.
    pub(super) fn sign(&self, header: &str, claims: &str) -> Result<String, Failure> {
        let mut token = unsigned(header, claims);
        let said: Value = serde_json::from_str(header).unwrap_or_default();
        let algorithm = said.get("alg").and_then(Value::as_str).unwrap_or_default();
        let random = SystemRandom::new();
        let signature = match &*self.key {
            Key::Ed25519(pair) => pair.sign(token.as_bytes()).as_ref().to_vec(),
            Key::Es256(pair) => pair.sign(&random, token.as_bytes())?.as_ref().to_vec(),
            Key::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
                    "PS256" => &RSA_PSS_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, token.as_bytes(), &mut signature)?;
                signature
            }
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The public key as a JSON Web Key.
    pub(super) fn public_jwk(&self) -> Result<Value, Failure> {
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(match &*self.key {
            Key::Ed25519(pair) => json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
                "x": encoded(pair.public_key().as_ref()),
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
                    "x": encoded(x), "y": encoded(y),
                })
            }
            Key::Rs256(pair) => {
                // RFC 8017 appendix A.1.1, of 2048 bits and the usual exponent.
                let der = pair.public_key().as_ref();
                let (n, e) = (der.get(9..265), der.get(267..));
                json!({
                    "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid,
                    "n": encoded(n.unwrap_or_default()), "e": encoded(e.unwrap_or_default()),
                })
            }
        })
    }

    /// The public key as people paste it into configurations (RFC 7468 §13).
    pub(super) fn public_pem(&self) -> Result<String, Failure> {
        let der: PublicKeyX509Der<'_> = match &*self.key {
            Key::Ed25519(pair) => pair.public_key().as_der()?,
            Key::Es256(pair) => pair.public_key().as_der()?,
            Key::Rs256(pair) => pair.public_key().as_der()?,
        };
        let text = STANDARD.encode(der.as_ref());
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        Ok(format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        ))
    }
}

/// A text that nobody guesses.
pub(super) fn random(prefix: &str) -> Result<String, Failure> {
    let mut bytes = [0; 24];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The first two parts of a token, which are what is signed.
pub(super) fn unsigned(header: &str, claims: &str) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    text
}
