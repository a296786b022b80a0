//! What an edge costs: a credential of a provider that was never seen, one that was, and one whose
//! key nobody knows.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use throughline::TrustDomain;
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_core::{Reason, Tenant, TrustDomainName};
use throughline_identity::{
    Audience, AuthenticateLayer, Issuer, Issuers, Profile, Tenancy, TrustMap,
};
use throughline_jose::keys::{AdmissionPolicy, KeySet};
use throughline_jose::{KeySource, SigningKey, TokenIssuer};
use tower::Layer as _;

use crate::Error;
use crate::meter::Row;
use crate::peers::SessionDecode;
use crate::rows::{bare, status};

/// The names of the rows that ratios are made of.
pub mod name {
    /// A credential that was seen before.
    pub const WARM: &str = "edge, warm, RS256";
    /// A request with a credential that was seen before: its context minted, accepted, installed.
    pub const REQUEST: &str = "edge, request, known credential";
    /// A credential whose key its issuer does not publish, within the cool-down.
    pub const UNKNOWN_KEY: &str = "edge refused, unknown key";
    /// Never seen, by algorithm; the library's verification with a parsed key; and the peer that
    /// most services use, which verifies, checks audience and times, and reads the claims.
    pub const COLD: [(&str, &str, &str); 3] = [
        (
            "edge, cold, EdDSA",
            "edge, raw verify, EdDSA",
            "edge, jsonwebtoken decode, EdDSA",
        ),
        (
            "edge, cold, ES256",
            "edge, raw verify, ES256",
            "edge, jsonwebtoken decode, ES256",
        ),
        (
            "edge, cold, RS256",
            "edge, raw verify, RS256",
            "edge, jsonwebtoken decode, RS256",
        ),
    ];
    /// As the library does it with the bytes of a key.
    pub const RAW_UNPARSED: &str = "edge, raw verify, RS256, key unparsed";
}

type Sign = dyn Fn(&[u8]) -> Result<Vec<u8>, Error>;

/// A key of a provider: signs, and is published.
struct ProviderKey {
    alg: &'static str,
    jwk: Value,
    public: Vec<u8>,
    verification: &'static dyn VerificationAlgorithm,
    sign: Box<Sign>,
}

impl ProviderKey {
    fn ed25519() -> Result<Self, Error> {
        let pair = Ed25519KeyPair::generate()?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self {
            alg: "EdDSA",
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&public)}),
            public,
            verification: &ED25519,
            sign: Box::new(move |text| Ok(pair.sign(text).as_ref().to_vec())),
        })
    }

    fn p256() -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let public = pair.public_key().as_ref().to_vec();
        let half = |range| public.get::<std::ops::Range<usize>>(range).map(b64);
        let (x, y) = (half(1..33), half(33..65));
        Ok(Self {
            alg: "ES256",
            jwk: json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}),
            public,
            verification: &ECDSA_P256_SHA256_FIXED,
            sign: Box::new(move |text| {
                Ok(pair.sign(&SystemRandom::new(), text)?.as_ref().to_vec())
            }),
        })
    }

    fn rsa() -> Result<Self, Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let key = pair.public_key();
        let (n, e) = (
            key.modulus().big_endian_without_leading_zero().to_vec(),
            key.exponent().big_endian_without_leading_zero().to_vec(),
        );
        Ok(Self {
            alg: "RS256",
            jwk: json!({"kty": "RSA", "n": b64(&n), "e": b64(&e)}),
            public: key.as_der()?.as_ref().to_vec(),
            verification: &RSA_PKCS1_2048_8192_SHA256,
            sign: Box::new(move |text| {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    text,
                    &mut signature,
                )?;
                Ok(signature)
            }),
        })
    }

    /// A session as a provider writes it: about 700 bytes of claims, signed.
    fn token(&self, kid: &str, now: Timestamp) -> Result<String, Error> {
        let header = json!({"typ": "at+jwt", "alg": self.alg, "kid": kid}).to_string();
        let claims = json!({
            "iss": "https://id.acme.example/oauth2/default",
            "aud": ["https://api.acme.example", "https://id.acme.example/userinfo"],
            "sub": "auth0|65f1c2d3e4b5a69788990011",
            "client_id": "wGk3J8sQm2Zr5TtVb1Xn4Yp7",
            "azp": "wGk3J8sQm2Zr5TtVb1Xn4Yp7",
            "jti": "f3b1c2d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
            "iat": now.as_unix(),
            "exp": now.as_unix() + 3_600,
            "auth_time": now.as_unix(),
            "scope": "openid profile orders.read orders.create invoices.read",
            "org_id": "org_01J8ZK3W4V5X6Y7Z",
            "sid": "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
        })
        .to_string();
        let input = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let signature = (self.sign)(input.as_bytes())?;
        Ok(format!("{input}.{}", b64(&signature)))
    }
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn issuers(key: &ProviderKey, cache: usize) -> Result<Issuers, Error> {
    let mut jwk = key.jwk.clone();
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".into(), "2026-11".into());
        members.insert("alg".into(), key.alg.into());
    }
    let document = json!({"keys": [jwk]}).to_string();
    let keys = KeySet::parse(document.as_bytes(), &AdmissionPolicy::new())?;
    let issuer = Issuer::builder("workforce", Profile::RFC9068)
        .named("https://id.acme.example/oauth2/default")
        .with_keys(KeySource::set(keys))
        .with_audience(Audience::one_of(["https://api.acme.example"]))
        .with_tenancy(Tenancy::claim("org_id").only([Tenant::new("org_01J8ZK3W4V5X6Y7Z")?]))
        .build()?;
    let trust = TrustMap::new("identity team", "platform security");
    Ok(Issuers::new([issuer], trust)?.with_cache_capacity(cache))
}

/// The rows of the edge.
///
/// # Errors
///
/// The machine has no randomness, or the library made no key.
pub fn rows(now: Timestamp) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let keys = [
        ProviderKey::ed25519()?,
        ProviderKey::p256()?,
        ProviderKey::rsa()?,
    ];
    for (key, (cold, raw, peer)) in keys.iter().zip(name::COLD) {
        let token: Arc<str> = key.token("2026-11", now)?.into();
        let edge = issuers(key, 0)?;
        let text = Arc::clone(&token);
        let verify = move |()| edge.verify(black_box(text.as_bytes()), now).is_ok();
        rows.push(Row::new(cold, || (), verify));

        let (message, signature) = token.rsplit_once('.').ok_or("the token has no signature")?;
        let (message, signature) = (message.to_owned(), URL_SAFE_NO_PAD.decode(signature)?);
        let parsed = UnparsedPublicKey::new(key.verification, key.public.clone()).parse()?;
        let verify = move |()| {
            parsed
                .verify_sig(black_box(message.as_bytes()), &signature)
                .is_ok()
        };
        rows.push(Row::new(raw, || (), verify));

        let peer_decode = SessionDecode::new(key.alg, &key.jwk)?;
        let text = Arc::clone(&token);
        let verify = move |()| peer_decode.accepts(black_box(text.as_bytes()));
        rows.push(Row::new(peer, || (), verify));
    }
    let [.., rsa] = &keys;
    rows.push(raw_unparsed(rsa, now)?);
    let edge = issuers(rsa, 1_000)?;
    let token = rsa.token("2026-11", now)?;
    let _ = edge.verify(token.as_bytes(), now)?;
    let unknown = rsa.token("nobody-knows", now)?;
    rows.push(request(&edge, &token, now)?);
    let warm = edge.clone();
    let verify = move |()| warm.verify(black_box(token.as_bytes()), now).is_ok();
    rows.push(Row::new(name::WARM, || (), verify));
    let refuse = move |()| {
        let refused = edge.verify(black_box(unknown.as_bytes()), now).err();
        refused.is_some_and(|refusal| {
            refusal.reason() == Reason::KeyUnknown
                && edge.keys_wait(unknown.as_bytes(), &refusal).is_none()
        })
    };
    rows.push(Row::new(name::UNKNOWN_KEY, || (), refuse));
    Ok(rows)
}

/// What the library's verification costs where it is given the key in bytes each time.
fn raw_unparsed(key: &ProviderKey, now: Timestamp) -> Result<Row, Error> {
    let token = key.token("2026-11", now)?;
    let (message, signature) = token.rsplit_once('.').ok_or("the token has no signature")?;
    let (message, signature) = (message.to_owned(), URL_SAFE_NO_PAD.decode(signature)?);
    let unparsed = UnparsedPublicKey::new(key.verification, key.public.clone());
    let verify = move |()| {
        let message = black_box(message.as_bytes());
        unparsed.verify(message, &signature).is_ok()
    };
    Ok(Row::new(name::RAW_UNPARSED, || (), verify))
}

/// The whole layer, around the bare service.
fn request(issuers: &Issuers, token: &str, now: Timestamp) -> Result<Row, Error> {
    let tokens = TokenIssuer::new(TrustDomainName::new("bench")?, SigningKey::generate()?);
    let published = KeySet::parse(tokens.jwks().as_bytes(), &AdmissionPolicy::new())?;
    let domain = TrustDomain::new("bench")?
        .with_keys(KeySource::set(published))
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(3_600)))
        .with_clock(move || now);
    let tokens = tokens.with_clock(move || now);
    let edge = AuthenticateLayer::builder(issuers.clone(), tokens, domain).build()?;
    let mut service = edge.layer(bare());
    let bearer = format!("Bearer {token}");
    let request = move || {
        let request = Request::get("/orders").header("authorization", &bearer);
        request.body(()).unwrap_or_default()
    };
    let call = move |request| status(&mut service, request) == Some(StatusCode::OK);
    Ok(Row::new(name::REQUEST, request, call))
}
