//! API keys of organisations, in a table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use throughline_identity::Claims;
use throughline_identity::opaque::{LookUpError, Secret, Standing};

use super::net::Failure;
use super::signer::random;

/// The alias under which contexts name this table.
pub(super) const ALIAS: &str = "keys";
/// How a key begins.
pub(super) const PREFIX: &str = "sk_";

/// Keys, and whom they are for. Cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct ApiKeys(Arc<Mutex<HashMap<String, Key>>>);

#[derive(Debug)]
struct Key {
    id: String,
    tenant: &'static str,
    is_revoked: bool,
}

impl ApiKeys {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// A new key of `tenant`, that is called `id` where it may be told.
    pub(super) fn issue(&self, id: &str, tenant: &'static str) -> Result<String, Failure> {
        let text = random(PREFIX)?;
        let key = Key {
            id: id.into(),
            tenant,
            is_revoked: false,
        };
        self.lock().insert(text.clone(), key);
        Ok(text)
    }

    pub(super) fn revoke(&self, key: &str) {
        if let Some(key) = self.lock().get_mut(key) {
            key.is_revoked = true;
        }
    }

    /// What stands behind a key.
    pub(super) fn look_up(&self, key: &Secret) -> Result<Standing, LookUpError> {
        Ok(match self.lock().get(key.danger_expose()) {
            None => Standing::Unknown,
            Some(key) if key.is_revoked => Standing::Revoked,
            Some(key) => {
                let claims = json!({
                    "sub": key.id,
                    "org": key.tenant,
                    "permissions": ["orders.read", "orders.create"],
                });
                Standing::Active(Claims::read(claims.to_string().as_bytes())?)
            }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
