//! Signs whatever a test wants signed, with real keys.

use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{DOMAIN, NOW};
use crate::Algorithm;
use crate::keys::{AdmissionPolicy, KeySet, VerifyingKey};

/// A key that signs any header and payload.
pub(super) struct Signer {
    pub(super) kid: &'static str,
    pub(super) algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(Vec<u8>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl Signer {
    pub(super) fn new(kid: &'static str, algorithm: Algorithm) -> Self {
        let ecdsa = |curve| Pair::Ecdsa(EcdsaKeyPair::generate(curve).unwrap());
        let rsa = |padding| Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), padding);
        let pair = match algorithm.name() {
            "EdDSA" => Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
            "ES256" => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            other => panic!("no test signs with {other}"),
        };
        Self {
            kid,
            algorithm,
            pair,
        }
    }

    pub(super) fn ed25519(kid: &'static str) -> Self {
        Self::new(kid, Algorithm::EdDsa)
    }

    /// Signs with HMAC over any secret, as whoever forges a token would.
    pub(super) fn hs256(kid: &'static str, secret: &[u8]) -> Self {
        Self {
            kid,
            algorithm: Algorithm::Hs256,
            pair: Pair::Hmac(secret.to_vec()),
        }
    }

    /// The public half, through the admission that every key goes through.
    pub(super) fn public(&self) -> VerifyingKey {
        match &self.pair {
            Pair::Hmac(secret) => {
                let set = KeySet::danger_from_hmac_secret(Some(self.kid), self.algorithm, secret);
                set.unwrap().iter().next().unwrap().clone()
            }
            Pair::Ecdsa(_) | Pair::Ed25519(_) | Pair::Rsa(..) => {
                VerifyingKey::from_jwk(self.jwk().to_string().as_bytes(), &AdmissionPolicy::new())
                    .unwrap()
            }
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Ecdsa(pair) => {
                let point: EcPublicKeyUncompressedBin<'_> =
                    pair.public_key().as_be_bytes().unwrap();
                let (x, y) = point.as_ref()[1..].split_at(point.as_ref().len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
            Pair::Hmac(_) => panic!("a secret has no public half"),
            Pair::Rsa(pair, _) => {
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({"kty": "RSA", "n": text(n), "e": text(e)})
            }
        };
        jwk["alg"] = self.algorithm.name().into();
        jwk["kid"] = self.kid.into();
        jwk
    }

    /// The bytes of the public key as a forger would feed them to HMAC.
    pub(super) fn public_bytes(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Hmac(secret) => secret.clone(),
            Pair::Rsa(pair, _) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub(super) fn header(&self) -> Value {
        json!({"alg": self.algorithm.name(), "kid": self.kid, "typ": "txntoken+jwt"})
    }

    /// An honest token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.seal(self.header().to_string(), claims.to_string())
    }

    /// An honest token but for its header.
    pub(super) fn with_header(&self, header: &str) -> String {
        self.seal(header, claims().to_string())
    }

    /// An honest token but for one member of its header; a `null` removes it.
    pub(super) fn with_member(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        set(&mut header, name, value);
        self.with_header(&header.to_string())
    }

    pub(super) fn seal(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign(format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        ))
    }

    /// Signs header and payload as they are, whatever they are.
    pub(super) fn sign(&self, signing_input: String) -> String {
        let signature = URL_SAFE_NO_PAD.encode(self.signature(signing_input.as_bytes()));
        format!("{signing_input}.{signature}")
    }

    pub(super) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Pair::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }
}

/// The claims of a token that is accepted.
pub(super) fn claims() -> Value {
    json!({
        "aud": DOMAIN,
        "iat": NOW - 10,
        "exp": NOW + 290,
        "txn": "t-1",
        "sub": "okta/acme/ada",
        "scope": "orders.read",
        "req_wl": "edge",
        "tctx": {"kind": "user", "tenant": "acme", "idp": "okta", "sub": "ada"},
        "rctx": {"as_of": NOW - 10},
    })
}

/// The claims of a token that is accepted, but for one member (`tctx.tenant`); a `null` removes it.
pub(super) fn claims_but(path: &str, value: Value) -> Value {
    let mut claims = claims();
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut object = &mut claims;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        object = &mut object[parent];
    }
    set(object, name, value);
    claims
}

fn set(object: &mut Value, name: &str, value: Value) {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(name);
    } else {
        object[name] = value;
    }
}
