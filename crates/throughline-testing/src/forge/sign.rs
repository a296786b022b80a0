//! Signatures, honest in form only.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::json::Node;
use super::{ForgeError, Material, public, read};
use crate::attack::{Algorithm, Data, Edit, Sign};
use crate::key::TestKey;

/// The attacker's own keys, made when they are first used.
pub struct Attacker {
    ed25519: TestKey,
    es256: OnceLock<Option<EcdsaKeyPair>>,
    rs256: OnceLock<Option<RsaKeyPair>>,
}

impl Attacker {
    /// New keys, which nobody trusts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ed25519: TestKey::generate(),
            es256: OnceLock::new(),
            rs256: OnceLock::new(),
        }
    }

    fn es256(&self) -> Option<&EcdsaKeyPair> {
        let make = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok();
        self.es256.get_or_init(make).as_ref()
    }

    fn rs256(&self) -> Option<&RsaKeyPair> {
        let make = || RsaKeyPair::generate(rsa::KeySize::Rsa2048).ok();
        self.rs256.get_or_init(make).as_ref()
    }

    fn jwk(&self, algorithm: Algorithm) -> Option<Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match algorithm {
            Algorithm::EdDsa => Some(self.ed25519.public_jwk()),
            Algorithm::Es256 => {
                let point = self.es256()?.public_key().as_ref();
                let (x, y) = point.get(1..)?.split_at_checked(32)?;
                Some(json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)}))
            }
            Algorithm::Rs256 => {
                // `RSAPublicKey` (RFC 8017 §A.1.1) of 2048 bits and the exponent 65537, which has
                // one form in DER only.
                let der = self.rs256()?.public_key().as_ref();
                let n = der.get(9..265).filter(|_| der.len() == 270)?;
                let e = der.get(267..)?;
                Some(json!({"kty": "RSA", "n": text(n), "e": text(e)}))
            }
        }
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match algorithm {
            Algorithm::EdDsa => Some(self.ed25519.signature(message)),
            Algorithm::Es256 => {
                let signature = self.es256()?.sign(&random, message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Algorithm::Rs256 => {
                let key = self.rs256()?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }
}

impl Default for Attacker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Attacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attacker").finish_non_exhaustive()
    }
}

/// A token without its last part; both parts encoded.
pub(super) struct Unsigned {
    pub(super) header: String,
    pub(super) claims: String,
}

impl Unsigned {
    fn with(&self, signature: &str) -> String {
        format!("{}.{}.{signature}", self.header, self.claims)
    }

    fn signed(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let input = format!("{}.{}", self.header, self.claims);
        let signature = URL_SAFE_NO_PAD.encode(sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// Edits the header once more, as the way of signing asks for.
    fn declaring(
        mut self,
        members: &[(&str, Value)],
        material: &Material<'_>,
    ) -> Result<Self, ForgeError> {
        let mut header: Node = read(&self.header)?;
        for (place, value) in members {
            let edit = Edit::Set((*place).to_owned(), Data::literal(value.clone()));
            header.edit(&edit, material.fill)?;
        }
        self.header = URL_SAFE_NO_PAD.encode(header.to_string());
        Ok(self)
    }
}

pub(super) fn sign(
    unsigned: Unsigned,
    how: &Sign,
    honest: &str,
    material: &Material<'_>,
) -> Result<String, ForgeError> {
    let attacker = material.attacker;
    Ok(match how {
        Sign::Attacker(algorithm) => {
            let unsigned = unsigned.declaring(&[("/alg", algorithm.name().into())], material)?;
            let mut done = None;
            let token = unsigned.signed(|input| {
                done = attacker.sign(*algorithm, input);
                done.clone().unwrap_or_default()
            });
            done.map(|_| token).ok_or(ForgeError::NoAttackerKey)?
        }
        Sign::Bytes(bytes) => unsigned.signed(|_| bytes.as_bytes().to_vec()),
        Sign::Embedded(algorithm) => {
            let jwk = attacker.jwk(*algorithm).ok_or(ForgeError::NoAttackerKey)?;
            let unsigned = unsigned.declaring(&[("/jwk", jwk)], material)?;
            sign(unsigned, &Sign::Attacker(*algorithm), honest, material)?
        }
        Sign::Hmac(key) => {
            let secret = public::secret(*key, material.public_keys)?;
            let unsigned = unsigned.declaring(&[("/alg", "HS256".into())], material)?;
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            unsigned.signed(|input| hmac::sign(&key, input).as_ref().to_vec())
        }
        Sign::Keep => unsigned.with(honest),
        Sign::None => unsigned.with(""),
        Sign::Trusted => {
            let key = material.trusted.ok_or(ForgeError::NoTrustedKey)?;
            unsigned.signed(|input| key.signature(input))
        }
        Sign::Zeros(bytes) => unsigned.signed(|_| vec![0; usize::from(*bytes)]),
    })
}
