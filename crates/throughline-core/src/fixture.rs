//! A context to test with: one that says everything a context can say.

use std::time::Duration;

use serde_json::{Value, json};

use crate::context::{Context, Issuers, Verified, Vouched, read_claims};
use crate::freshness::Freshness;
use crate::hop::{self, TokenPolicy};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::trust_domain::TrustDomainName;

/// Milliseconds of this second lie past the year 9999, as those of every real clock do.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_700_000_010);
pub(crate) const IAT: u64 = 1_700_000_000;
pub(crate) const AS_OF: u64 = IAT - 100;
pub(crate) const ISSUER: &str = "https://tokens.example";

/// Claims of `ada` of `acme`, for whom an agent acts that a service had asked.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": "prod.example",
        "iat": IAT,
        "nbf": IAT,
        "exp": IAT + 300,
        "txn": "t-1",
        "sub": "okta/acme/ada",
        "scope": "orders.read orders.refunds.*",
        "req_wl": "edge",
        "act": {
            "sub": "agents/acme/bot", "kind": "agent", "sid": "a-1",
            "act": {"sub": "ops/globex/broker", "kind": "service", "sid": "a-2"},
        },
        "tctx": {
            "kind": "delegated_agent",
            "tenant": "acme",
            "idp": "okta",
            "sub": "ada",
            "task": {"id": "q3", "purpose": "audit", "deadline": IAT + 200},
            "data": [{
                "type": "order",
                "actions": ["read", "refund"],
                "select": {"region": {"one_of": ["eu", "us"]}, "amount": {"max": 100}},
            }],
            "attr": {"plan": {"value": "gold", "source": "billing", "at": IAT - 500}},
            "proj": ["tenant@header:x-tenant", "principal@baggage:principal.id"],
        },
        "rctx": {
            "as_of": AS_OF,
            "epoch": 7,
            "auth_time": IAT - 50,
            "acr": "urn:strong",
            "amr": ["pwd", "otp"],
            "sid": "s-1",
            "trace": "0af7651916cd43dd8448eb211c80319c",
            "req": {"ip": "192.0.2.1"},
        },
    })
}

/// `claims` with the value at a JSON pointer replaced or added.
pub(crate) fn with(mut claims: Value, pointer: &str, value: Value) -> Value {
    put(&mut claims, pointer, value);
    claims
}

/// `claims` with the value at a JSON pointer removed.
pub(crate) fn without(mut claims: Value, pointer: &str) -> Value {
    cut(&mut claims, pointer);
    claims
}

pub(crate) fn put(claims: &mut Value, pointer: &str, value: Value) {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    match claims.pointer_mut(above) {
        Some(Value::Object(object)) => {
            object.insert(name.to_owned(), value);
        }
        Some(Value::Array(array)) => array[name.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer} leads to {other:?}"),
    }
}

pub(crate) fn cut(claims: &mut Value, pointer: &str) {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let object = claims.pointer_mut(above).and_then(Value::as_object_mut);
    // Two tests in one may cut the same branch.
    object.and_then(|object| object.remove(name));
}

/// Claims of work that belongs to no tenant.
pub(crate) fn platform_claims() -> Value {
    let mut claims = claims();
    put(&mut claims, "/sub", json!("okta//ada"));
    put(&mut claims, "/tctx/kind", json!("platform"));
    for pointer in ["/tctx/tenant", "/act"] {
        cut(&mut claims, pointer);
    }
    claims
}

pub(crate) fn policy() -> TokenPolicy {
    TokenPolicy::new(TrustDomainName::new("prod.example").unwrap())
}

/// Step 5 alone.
pub(crate) fn read(claims: &Value) -> Result<Context, Refusal> {
    read_bytes(claims.to_string().as_bytes())
}

pub(crate) fn read_bytes(payload: &[u8]) -> Result<Context, Refusal> {
    read_claims(payload, &policy(), &Issuers::any(), NOW)
}

pub(crate) fn vouched() -> Vouched {
    Vouched {
        key: [7; 32],
        generation: 1,
        issuers: Issuers::OneOf([ISSUER.into()].into()),
    }
}

/// Steps 3 to 6 with a signature nobody doubts and a feed that knows of nothing.
pub(crate) fn verified(claims: &Value) -> Verified {
    let seam = |token: &[u8]| Ok((token.to_vec(), vouched()));
    let token = claims.to_string();
    let genuine = hop::authenticate(token.as_bytes(), &seam, &policy(), NOW).unwrap();
    let freshness = Freshness::lifetime_only(Duration::from_secs(3600));
    hop::verify(genuine, &policy(), &freshness, NOW).unwrap()
}
