//! Credentials that say nothing by themselves, and whoever knows them.
//!
//! An opaque token and an API key are random texts. A source ([`LookUpCredential`]) is asked what
//! stands behind one: an introspection endpoint ([`Introspection`](crate::Introspection)), a table,
//! an API of a vendor. [`OpaqueCredentials`] asks, and judges the answer:
//!
//! 1. **As every credential of that issuer.** The claims of an answer pass the checks of a signed
//!    token: issuer, audience, times, kind, tenant, ownership of attributes ([`crate::issuer`]).
//! 2. **An answer names its issuer.** One without `iss` is refused, unless it is said that this
//!    source answers for one issuer only ([`OpaqueBuilder::answering_for_one_issuer`]): a source of
//!    many realms would vouch for all of them at once (CVE-2026-23552).
//! 3. **An answer counts for a bounded time**, 60 s unless said otherwise and never beyond `exp`; a
//!    refusal for 5 s. The key is the full credential, every byte of it. Within the bound, what was
//!    withdrawn since is not seen.
//! 4. **One question at a time** for one credential, shared by all who ask; so many at a time in
//!    all. Nobody who stops waiting ends it for the others.
//! 5. **Who cannot be asked is not believed**: `keys_unavailable`, which is 503 and worth trying
//!    again, and never a pass. An answer at hand goes on counting until its time is over.
//! 6. **It was true when it was asked**: the identity's `as_of` is the time of the question, as its
//!    source then vouched for it.
//!
//! # Caveat
//!
//! Whoever makes credentials up makes questions: they share the bound of rule 4 with everybody whose
//! credential is not known yet. Limit the rate of a client in front of it.
//!
//! # Example
//!
//! ```
//! use throughline_core::time::Timestamp;
//! use throughline_core::{Reason, Tenant};
//! use throughline_identity::opaque::{LookUpError, OpaqueCredentials, Secret, Standing};
//! use throughline_identity::{Audience, Claims, Issuer, Profile, Tenancy, TrustMap};
//!
//! // API keys in a table of ours.
//! let issuer = Issuer::builder("keys", Profile::API_KEYS)
//!     .named("https://keys.acme.example")
//!     .without_keys()
//!     .with_audience(Audience::none())
//!     .with_tenancy(Tenancy::claim("org"))
//!     .build()?;
//! let table = |key: Secret| async move {
//!     Ok::<_, LookUpError>(match key.danger_expose() {
//!         "sk_live_1" => Standing::Active(Claims::read(
//!             br#"{"sub": "key_01", "org": "acme", "permissions": ["orders.read"]}"#,
//!         )?),
//!         "sk_live_0" => Standing::Revoked,
//!         _ => Standing::Unknown,
//!     })
//! };
//! let keys = OpaqueCredentials::builder(issuer, TrustMap::new("identity", "security"), table)
//!     .with_prefix("sk_")
//!     .build()?;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! # let now = Timestamp::from_unix(1_700_000_000);
//! let key = keys.verify(b"sk_live_1", now).await?;
//! assert_eq!(key.principal().to_string(), "keys/acme/key_01");
//!
//! let revoked = keys.verify(b"sk_live_0", now).await.unwrap_err();
//! assert_eq!(revoked.reason(), Reason::Revoked);
//! # Ok::<(), throughline_core::Refusal>(())
//! # })?;
//! assert!(!keys.is_for(b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod api_key;
mod builder;
mod flight;
mod look_up;

use std::fmt;
use std::sync::Arc;

use throughline_core::reason::Fault;
use throughline_core::time::Timestamp;
use throughline_core::{Reason, Refusal};
use throughline_jose::verify::CacheMetrics;

use self::answers::Answers;
use self::builder::Settings;
use self::flight::{Flights, Landed};
use crate::identity::Identity;
use crate::issuer::Issuer;

pub use self::builder::{OpaqueBuilder, OpaqueError};
pub use self::look_up::{LookUpCredential, LookUpError, LookUpFuture, Standing};
pub use crate::config::Secret;

/// The longest credential that a source is asked about, in bytes.
const MAX_LEN: usize = 4 * 1024;

/// Opaque credentials of one issuer. Cloning shares what is known. See the [module](self).
#[derive(Clone)]
pub struct OpaqueCredentials(Arc<Shared>);

struct Shared {
    settings: Settings,
    answers: Answers,
    flights: Flights,
}

impl OpaqueCredentials {
    /// The issuer that the answers are judged as.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.settings.issuer
    }

    /// Whether `credential` is one of these, by its prefix. Without prefixes, whether it is no
    /// compact JWS.
    #[must_use]
    pub fn is_for(&self, credential: &[u8]) -> bool {
        let prefixes = &self.0.settings.prefixes;
        if prefixes.is_empty() {
            return credential.iter().filter(|b| **b == b'.').count() != 2;
        }
        prefixes
            .iter()
            .any(|prefix| credential.starts_with(prefix.as_bytes()))
    }

    /// What is known of `credential` at `now`, without asking.
    #[must_use]
    pub fn known(
        &self,
        credential: &[u8],
        now: Timestamp,
    ) -> Option<Result<Arc<Identity>, Refusal>> {
        self.0.answers.known(credential, now)
    }

    /// What `credential` is worth: by what is known, else by asking.
    ///
    /// # Errors
    ///
    /// It cannot be one ([`Reason::ContextMalformed`]); its source does not stand behind it
    /// ([`Reason::ContextExpired`], [`Reason::Revoked`], [`Reason::KeyUnknown`]); what it answered
    /// does not pass the checks of the issuer; or it could not be asked
    /// ([`Reason::KeysUnavailable`]).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting. The question goes on, for whoever else waits.
    pub async fn verify(
        &self,
        credential: &[u8],
        now: Timestamp,
    ) -> Result<Arc<Identity>, Refusal> {
        // RFC 6750 §2.1: b64token.
        let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
        let text = str::from_utf8(credential).ok();
        let Some(text) = text.filter(|text| {
            !text.is_empty() && text.len() <= MAX_LEN && text.as_bytes().iter().all(is_plain)
        }) else {
            return Err(Refusal::new(Reason::ContextMalformed).because(format!(
                "is no opaque credential, {} bytes",
                credential.len()
            )));
        };
        if let Some(known) = self.known(credential, now) {
            return known;
        }
        let shared = Arc::clone(&self.0);
        let secret = Secret::new(text);
        self.0
            .flights
            .join(credential, self.0.settings.max_questions, move || {
                ask(shared, secret, now)
            })
            .await
            .unwrap_or_else(|why| Err(self.0.settings.unavailable(why)))
    }

    /// What the store of accepted answers has counted.
    #[must_use]
    pub fn cache_metrics(&self) -> CacheMetrics {
        self.0.answers.metrics()
    }
}

/// One question, and its answer judged and kept.
async fn ask(shared: Arc<Shared>, secret: Secret, now: Timestamp) -> Landed {
    let settings = &shared.settings;
    let judged = settings.ask(secret.clone(), now).await;
    let credential = secret.danger_expose().as_bytes();
    match &judged {
        Ok(identity) => shared
            .answers
            .accept(credential, identity, now, settings.max_age),
        // Who could not be asked has said nothing.
        Err(refusal) if refusal.reason().fault() == Fault::Dependency => {}
        Err(refusal) => shared
            .answers
            .refuse(credential, refusal, now, settings.max_refusal_age),
    }
    judged
}

impl fmt::Debug for OpaqueCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpaqueCredentials")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
