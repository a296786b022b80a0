//! What the tests share: keys that sign like those of vendors, claims to be changed, issuers, and
//! what became of a credential.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA512, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};
use throughline_core::time::Timestamp;
use throughline_core::{Reason, Refusal, Tenant};
use throughline_identity::{Identity, Issuer, IssuerBuilder, Issuers, TrustMap};
use throughline_jose::source::{FetchError, FetchLimits, Fetched};
use throughline_jose::{AdmissionPolicy, KeySet, KeySource};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const KID: &str = "key-2023-11";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix(NOW)
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

// ---- keys

/// Made once in each process: an RSA key takes its time.
static RSA: [LazyLock<RsaKeyPair>; 2] = [const { LazyLock::new(rsa) }; 2];
static EC: [LazyLock<EcdsaKeyPair>; 2] = [const { LazyLock::new(ec) }; 2];
static ED: [LazyLock<Ed25519KeyPair>; 3] = [const { LazyLock::new(ed) }; 3];

fn rsa() -> RsaKeyPair {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap()
}

fn ec() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

fn ed() -> Ed25519KeyPair {
    Ed25519KeyPair::generate().unwrap()
}

#[derive(Clone, Copy)]
enum Pair {
    Ec(usize),
    Ed(usize),
    Rsa(usize),
}

/// A key, and how its owner publishes it.
#[derive(Clone)]
pub(crate) struct Key {
    pair: Pair,
    kid: Option<String>,
    published: Value,
}

impl Key {
    fn new(pair: Pair, published: Value) -> Self {
        let key = Self {
            pair,
            kid: None,
            published,
        };
        key.with_kid(KID)
    }

    /// RS256, as most vendors have.
    pub(crate) fn rsa(n: usize) -> Self {
        // RFC 8017 appendix A.1.1, of 2048 bits and the usual exponent.
        let der = RSA[n].public_key().as_ref();
        let (modulus, exponent) = (B64.encode(&der[9..265]), B64.encode(&der[267..]));
        let published =
            json!({"kty": "RSA", "alg": "RS256", "use": "sig", "n": modulus, "e": exponent});
        Self::new(Pair::Rsa(n), published)
    }

    /// ES256.
    pub(crate) fn ec(n: usize) -> Self {
        let point = EC[n].public_key().as_ref();
        let (x, y) = (B64.encode(&point[1..33]), B64.encode(&point[33..65]));
        let published = json!({"kty": "EC", "crv": "P-256", "use": "sig", "x": x, "y": y});
        Self::new(Pair::Ec(n), published)
    }

    /// EdDSA: quick, for what does not depend on the algorithm.
    pub(crate) fn ed(n: usize) -> Self {
        let x = B64.encode(ED[n].public_key().as_ref());
        let published =
            json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x});
        Self::new(Pair::Ed(n), published)
    }

    pub(crate) fn with_kid(mut self, kid: &str) -> Self {
        self.kid = Some(kid.to_owned());
        self.publishing("kid", json!(kid))
    }

    pub(crate) fn without_kid(mut self) -> Self {
        self.kid = None;
        self.publishing("kid", Value::Null)
    }

    /// A member of the published key; `null` takes it out.
    pub(crate) fn publishing(mut self, member: &str, value: Value) -> Self {
        let place = format!("/{member}");
        self.published = if value.is_null() {
            without(self.published, &place)
        } else {
            but(self.published, &place, value)
        };
        self
    }

    pub(crate) fn jwk(&self) -> Value {
        self.published.clone()
    }

    fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    fn signature(&self, input: &[u8], alg: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match self.pair {
            Pair::Ec(n) => EC[n].sign(&random, input).unwrap().as_ref().to_vec(),
            Pair::Ed(n) => ED[n].sign(input).as_ref().to_vec(),
            Pair::Rsa(n) => {
                let padding = match alg {
                    "RS512" => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; RSA[n].public_modulus_len()];
                RSA[n]
                    .sign(padding, &random, input, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// The header of its tokens.
    pub(crate) fn header(&self, typ: Option<&str>) -> Value {
        let mut header = json!({"alg": self.alg()});
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        header
    }

    /// A token of the type that most vendors write.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(Some("JWT")), claims)
    }

    /// An access token as RFC 9068 wants it.
    pub(crate) fn sign_access(&self, claims: &Value) -> String {
        self.sign_as(&self.header(Some("at+jwt")), claims)
    }

    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Texts as they are, which need not be JSON.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let alg: Value = serde_json::from_str(header).unwrap_or_default();
        let input = format!("{}.{}", B64.encode(header), B64.encode(claims));
        let signature = self.signature(input.as_bytes(), alg["alg"].as_str().unwrap_or_default());
        format!("{input}.{}", B64.encode(signature))
    }
}

/// A key set as it is published.
pub(crate) fn jwks(keys: &[&Key]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({"keys": keys}).to_string()
}

/// Keys at hand.
pub(crate) fn set(keys: &[&Key]) -> KeySource {
    let set = KeySet::parse(jwks(keys).as_bytes(), &AdmissionPolicy::new()).unwrap();
    assert_eq!(set.len(), keys.len(), "{:?}", set.skipped());
    KeySource::set(set)
}

/// A document to be fetched, so that the profile decides which of its keys are admitted.
pub(crate) fn published(document: impl Into<String>) -> KeySource {
    let document = document.into();
    KeySource::fetch(move |_: FetchLimits| {
        let document = document.clone();
        async move { Ok::<_, FetchError>(Fetched::new(document)) }
    })
}

pub(crate) async fn load(issuers: &Issuers) {
    for issuer in issuers.iter() {
        issuer.keys().load().await.unwrap();
    }
}

// ---- claims

/// `claims` with the value at a JSON Pointer replaced or added.
pub(crate) fn but(mut claims: Value, pointer: &str, value: Value) -> Value {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let object = claims.pointer_mut(above).unwrap().as_object_mut().unwrap();
    object.insert(name.replace("~1", "/"), value);
    claims
}

/// `claims` without the member at a JSON Pointer.
pub(crate) fn without(mut claims: Value, pointer: &str) -> Value {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let object = claims.pointer_mut(above).unwrap().as_object_mut().unwrap();
    object.remove(&name.replace("~1", "/"));
    claims
}

/// `claims` with all of these on top.
pub(crate) fn with(mut claims: Value, more: Value) -> Value {
    let object = claims.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        object.insert(name.clone(), value.clone());
    }
    claims
}

// ---- issuers

pub(crate) fn trust() -> TrustMap {
    TrustMap::new("identity team", "platform security")
}

pub(crate) fn one(issuer: IssuerBuilder) -> Issuers {
    Issuers::new([issuer.build().unwrap()], trust()).unwrap()
}

pub(crate) fn several<const N: usize>(issuers: [IssuerBuilder; N]) -> Issuers {
    let built: Vec<Issuer> = issuers.into_iter().map(|it| it.build().unwrap()).collect();
    Issuers::new(built, trust()).unwrap()
}

/// What is wrong with an issuer.
pub(crate) fn problem(issuer: IssuerBuilder) -> String {
    issuer.build().unwrap_err().to_string()
}

pub(crate) type Verdict = Result<Arc<Identity>, Reason>;

pub(crate) fn refusal(issuers: &Issuers, token: &str) -> Refusal {
    issuers.verify(token.as_bytes(), now()).unwrap_err()
}

pub(crate) fn verdict(issuers: &Issuers, token: &str) -> Verdict {
    let verdict = issuers.verify(token.as_bytes(), now());
    verdict.map_err(|refusal| refusal.reason())
}

/// The principal of a credential that is accepted.
pub(crate) fn principal(issuers: &Issuers, token: &str) -> Result<String, Reason> {
    verdict(issuers, token).map(|identity| identity.principal().to_string())
}

pub(crate) fn assert_refused(verdict: Verdict, reason: Reason, what: impl std::fmt::Display) {
    match verdict {
        Err(found) => assert_eq!(found, reason, "{what}"),
        Ok(identity) => panic!("{what} was accepted: {identity:?}"),
    }
}

/// The actors, nearest first.
pub(crate) fn actors(identity: &Identity) -> Vec<String> {
    let actors = identity.actors();
    actors
        .map(|actor| format!("{} {}", actor.kind(), actor.principal()))
        .collect()
}
