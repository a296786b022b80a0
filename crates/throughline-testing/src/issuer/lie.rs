//! Lies of a token service: an honest replacement with one claim changed, signed anew.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline::tokens::Replaced;
use throughline_core::context::Claimed;
use throughline_core::time::Timestamp;
use throughline_core::{Context, Principal, Reason, Refusal, Tenant};

use crate::key::TestKey;

#[derive(Clone, Copy, Debug)]
pub(super) enum Lie<'t> {
    Domain,
    Expired(Timestamp),
    /// `as_of` of the parent, and now.
    Fresher(Timestamp, Timestamp),
    Tenant(&'t Tenant),
    Wider,
    Work,
}

/// A scope that no honest test grants.
const MORE: &str = "throughline-testing.more";

impl Lie<'_> {
    /// A token that says what `honest` says, but for this.
    pub(super) fn signed(self, honest: &Replaced, key: &TestKey) -> String {
        let said = honest.context();
        let mut claims: Value = serde_json::from_slice(&said.to_claims()).unwrap_or_default();
        match self {
            Self::Domain => set(&mut claims, "/aud", json!("elsewhere.internal")),
            Self::Expired(now) => set(&mut claims, "/exp", json!(now.as_unix())),
            Self::Fresher(as_of, now) => {
                let fresher = now.as_unix().max(as_of.as_unix() + 1);
                set(&mut claims, "/rctx/as_of", json!(fresher));
                set(&mut claims, "/iat", json!(fresher));
            }
            Self::Tenant(other) => {
                let own = said.principal();
                let stranger = Principal::new(own.provider(), other.clone(), own.subject());
                if let Ok(stranger) = stranger {
                    set(&mut claims, "/sub", json!(stranger.to_string()));
                }
                set(&mut claims, "/tctx/tenant", json!(other.as_str()));
            }
            Self::Wider => {
                let more = format!("{} {MORE}", said.grant().scope());
                set(&mut claims, "/scope", json!(more.trim_start()));
            }
            Self::Work => set(&mut claims, "/txn", json!("another-work")),
        }
        key.sign(&key.header(), &claims)
    }
}

/// What a token says, as the one who hands it out would tell.
pub(super) fn said_by(token: &str) -> Result<Context, Refusal> {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| Refusal::new(Reason::ContextMalformed))?;
    Ok(Claimed::read(&payload)?.unverified().clone())
}

/// Replaces the value at a JSON Pointer, or adds it to the object there.
fn set(claims: &mut Value, pointer: &str, value: Value) {
    let (above, name) = pointer.rsplit_once('/').unwrap_or_default();
    let object = claims.pointer_mut(above).and_then(Value::as_object_mut);
    if let Some(object) = object {
        object.insert(name.to_owned(), value);
    }
}
