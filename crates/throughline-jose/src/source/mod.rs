//! Where keys come from, and how they stay true.
//!
//! A [`KeySource`] says where a key set lives; [`Keys`] is the live handle that the verifier reads:
//!
//! 1. **The set at hand is used**; no token waits for a fetch because time passed. When the set is
//!    older than [`RefreshPolicy::with_refresh_after`], the next use starts one fetch in the
//!    background.
//! 2. **One fetch at a time**, shared by all who ask, and no two within
//!    [`RefreshPolicy::with_cool_down`], whatever the reason. So tokens with made-up key ids cannot
//!    turn this process against its issuer. [`Keys::load`] alone, called by the operator, does not
//!    wait for the cool-down.
//! 3. **What was fetched counts.** A key that is gone from the document is gone here. A well-formed
//!    document without a usable key leaves no key: there is no falling back to what was published
//!    before.
//! 4. **What could not be fetched changes nothing**, until the set at hand reaches
//!    [`RefreshPolicy::with_max_age`]. No answer, an answer other than 200, a redirect, an error
//!    page, half a file: all are failed fetches.
//! 5. **Limits**: the time of a fetch, the bytes and the keys of a document. Redirects are not
//!    followed, and nothing is ever fetched from an address that a token names.
//!
//! Whether tokens can be checked at all is [`Keys::status`], for a readiness probe too.
//!
//! # Cancel safety
//!
//! A fetch runs in a task of its own. Dropping a [`KeyWait`], or the future of [`Keys::load`],
//! stops the waiting and not the fetch that others wait for.
//!
//! # Example
//!
//! ```
//! use throughline_jose::keys::AdmissionPolicy;
//! use throughline_jose::source::{FetchError, FetchLimits, Fetched, KeySource, KeysStatus};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! // A fetch of one's own is a closure.
//! let keys = KeySource::fetch(|_: FetchLimits| async {
//!     Ok::<_, FetchError>(Fetched::new(
//!         r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "2026-07",
//!             "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
//!     ))
//! })
//! .for_issuer("https://tokens.internal")
//! .into_keys();
//!
//! assert_eq!(keys.status(), KeysStatus::NotLoaded);
//! keys.load().await?;
//! assert_eq!(keys.status(), KeysStatus::Ready);
//! assert!(keys.current().set().find(Some("2026-07")).is_some());
//!
//! // An error page is no key set, so there is nothing to check tokens with.
//! let keys = KeySource::fetch(|_: FetchLimits| async {
//!     Ok::<_, FetchError>(Fetched::new("<html>"))
//! })
//! .into_keys();
//! assert!(keys.load().await.is_err());
//! assert_eq!(keys.status(), KeysStatus::NotLoaded);
//! # Ok::<(), throughline_jose::source::KeysError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod fetch;
mod file;
#[cfg(feature = "fetch-http")]
mod http;
mod policy;
mod refresh;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use self::file::FileFetch;
use crate::keys::{AdmissionPolicy, KeySet};

#[cfg(feature = "fetch-http")]
pub use crate::endpoint::{UrlError, UrlErrorKind};

pub use self::error::{FetchError, FetchErrorKind, KeysError, KeysErrorKind};
pub use self::fetch::{Fetch, FetchFuture, FetchLimits, Fetched};
pub use self::policy::RefreshPolicy;
pub use self::refresh::{CurrentKeys, KeyWait, Keys, KeysMetrics, KeysStatus, Snapshot};

/// Where the keys of one issuer come from. See the [module](self).
#[derive(Debug)]
#[must_use]
pub struct KeySource {
    origin: Origin,
    issuer: Option<Box<str>>,
    admission: AdmissionPolicy,
    refresh: RefreshPolicy,
}

pub(crate) enum Origin {
    Memory(KeySet),
    /// `name` is for logs.
    Remote {
        name: Box<str>,
        fetch: Arc<dyn Fetch>,
    },
}

impl KeySource {
    /// A set in memory, which stays as it is.
    pub fn set(keys: KeySet) -> Self {
        Self::new(Origin::Memory(keys))
    }

    /// A JWK set in a file, read anew at each refresh. A file that is replaced by renaming is
    /// always read whole; one that is written in place may be read half, which counts as a failed
    /// fetch.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self::remote(path.display().to_string(), FileFetch::new(path))
    }

    /// A fetch of one's own: a closure from [`FetchLimits`] to a future, or a type of [`Fetch`].
    pub fn fetch(fetch: impl Fetch) -> Self {
        Self::remote("custom fetch", fetch)
    }

    /// As [`KeySource::fetch`], under a name for logs.
    pub fn fetch_named(name: impl Into<Box<str>>, fetch: impl Fetch) -> Self {
        Self::remote(name, fetch)
    }

    fn remote(name: impl Into<Box<str>>, fetch: impl Fetch) -> Self {
        Self::new(Origin::Remote {
            name: name.into(),
            fetch: Arc::new(fetch),
        })
    }

    fn new(origin: Origin) -> Self {
        Self {
            origin,
            issuer: None,
            admission: AdmissionPolicy::new(),
            refresh: RefreshPolicy::new(),
        }
    }

    /// Names the one issuer whose tokens these keys may vouch for: the exact string of `iss`
    /// (RFC 8725bis §3.8). Default: none is named, so any issuer the verifier accepts.
    pub fn for_issuer(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Which keys are admitted. Default: [`AdmissionPolicy::new`]. A set in memory was admitted
    /// when it was made.
    pub fn with_policy(mut self, policy: AdmissionPolicy) -> Self {
        self.admission = policy;
        self
    }

    /// When the set is fetched again. Default: [`RefreshPolicy::new`]. A set in memory never is.
    pub fn with_refresh(mut self, policy: RefreshPolicy) -> Self {
        self.refresh = policy;
        self
    }

    /// The live handle. Nothing is fetched yet: see [`Keys::load`].
    #[must_use]
    pub fn into_keys(self) -> Keys {
        Keys::new(self)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(keys) => f.debug_tuple("Memory").field(keys).finish(),
            Self::Remote { name, .. } => f.debug_tuple("Remote").field(name).finish(),
        }
    }
}
