//! The trust domain that all targets attack: fixed keys, a fixed time, and a signer that signs
//! whatever it is told to.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_core::freshness::Freshness;
use throughline_core::time::Timestamp;
use throughline_jose::{AdmissionPolicy, KeySet, KeySource, TokenType, TrustDomain};

/// The time at every hop: that of the golden vectors, so that their tokens count here.
pub(crate) const NOW: u64 = 1_790_000_000;
/// The trust domain.
pub(crate) const DOMAIN: &str = "prod.example";
/// The header of an honest token.
pub(crate) const HEADER: &str = r#"{"alg":"EdDSA","kid":"main","typ":"txntoken+jwt"}"#;

/// RFC 8037 appendix A.1, as in the golden vectors: a key that everybody knows, trusted here only.
const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

/// Made once; nothing in it changes.
pub(crate) static WORLD: LazyLock<World> = LazyLock::new(World::new);

pub(crate) struct World {
    pair: Ed25519KeyPair,
    domain: TrustDomain,
    /// A token of ada of acme.
    pub(crate) acme: String,
    /// The same of globex.
    pub(crate) globex: String,
}

impl World {
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).expect("the seed is a key");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let set = json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "main", "x": x},
        ]});
        let keys = KeySet::parse(set.to_string().as_bytes(), &AdmissionPolicy::new());
        let domain = TrustDomain::new(DOMAIN)
            .expect("the name is one")
            .with_keys(KeySource::set(keys.expect("the set is one")))
            .with_freshness(Freshness::lifetime_only(Duration::from_secs(600)))
            .with_clock(|| Timestamp::from_unix(NOW))
            .with_cache_capacity(8);
        let mut world = Self {
            pair,
            domain,
            acme: String::new(),
            globex: String::new(),
        };
        world.acme = world.seal(HEADER, honest("acme").to_string());
        world.globex = world.seal(HEADER, honest("globex").to_string());
        world
    }

    /// The trust domain as at its start: it has seen no token, and knows no header.
    pub(crate) fn domain(&self) -> TrustDomain {
        self.domain.clone().with_token_type(TokenType::Transaction)
    }

    /// Signs any header and any payload.
    pub(crate) fn seal(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.pair.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// Whether the one key of this domain signed `message`, by the cryptographic library alone.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.pair.public_key());
        key.verify(message, signature).is_ok()
    }
}

/// The claims of a token that is accepted, for ada of `tenant`.
pub(crate) fn honest(tenant: &str) -> Value {
    json!({
        "aud": DOMAIN,
        "iat": NOW - 10,
        "exp": NOW + 290,
        "txn": "t-1",
        "sub": format!("okta/{tenant}/ada"),
        "scope": "orders.read",
        "req_wl": "edge",
        "tctx": {"kind": "user", "tenant": tenant, "idp": "okta", "sub": "ada"},
        "rctx": {"as_of": NOW - 10},
    })
}

/// Lays a JSON merge patch (RFC 7386) over `target`.
pub(crate) fn patch(target: &mut Value, patch: Value) {
    let Value::Object(members) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(into) = target else { return };
    for (name, value) in members {
        if value.is_null() {
            into.remove(&name);
        } else {
            self::patch(into.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Composes `sub` from the parts that the claims name, as an issuer does.
///
/// Written anew from the design: each part percent-encoded beyond `[A-Za-z0-9._~-]`, joined by `/`.
pub(crate) fn recompose(claims: &mut Value) {
    let part = |name: &str| claims.pointer(name).and_then(Value::as_str);
    let parts = ["/tctx/idp", "/tctx/tenant", "/tctx/sub"].map(part);
    let [Some(idp), tenant, Some(sub)] = parts else {
        return;
    };
    let composed = [idp, tenant.unwrap_or_default(), sub]
        .map(escaped)
        .join("/");
    if let Value::Object(members) = claims {
        members.insert("sub".into(), composed.into());
    }
}

fn escaped(part: &str) -> String {
    let mut text = String::new();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"._~-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
