//! What goes wrong between a key set and us.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::keys::KeySetError;

type Cause = Box<dyn Error + Send + Sync>;

/// Why a document could not be fetched.
#[derive(Debug)]
pub struct FetchError {
    kind: FetchErrorKind,
    cause: Option<Cause>,
}

/// The way in which a fetch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// A [`Fetch`](super::Fetch) of the user's own failed.
    Custom,
    /// The answer points elsewhere. Redirects are not followed.
    Redirected,
    /// The answer has a status other than 200.
    Status,
    /// The fetch took longer than [`with_fetch_limit`](super::RefreshPolicy::with_fetch_limit).
    TimedOut,
    /// The document is longer than the policy allows.
    TooLarge,
    /// The place did not answer, or the answer broke off.
    Unreachable,
}

impl FetchError {
    /// A failure of one's own [`Fetch`](super::Fetch). `cause` goes to logs; it must not hold key
    /// material or credentials.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: FetchErrorKind::Custom,
            cause: Some(cause.into()),
        }
    }

    /// The way in which the fetch failed.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    pub(super) fn unreachable(cause: impl Into<Cause>) -> Self {
        Self {
            kind: FetchErrorKind::Unreachable,
            cause: Some(cause.into()),
        }
    }
}

impl From<FetchErrorKind> for FetchError {
    fn from(kind: FetchErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FetchErrorKind::Custom => "fetch of the key set failed",
            FetchErrorKind::Redirected => "key set answered with a redirect",
            FetchErrorKind::Status => "key set answered with a status other than 200",
            FetchErrorKind::TimedOut => "key set did not arrive in time",
            FetchErrorKind::TooLarge => "key set is larger than its policy allows",
            FetchErrorKind::Unreachable => "key set could not be reached",
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

/// Why a refresh left things as they were, or left no usable key.
#[derive(Clone, Debug)]
pub struct KeysError {
    kind: KeysErrorKind,
    // Shared, as all who waited for one fetch get its outcome.
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// The way in which a refresh failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysErrorKind {
    /// The fetch ended without an outcome: its task panicked, or its runtime was shut down.
    Abandoned,
    /// The document was not fetched: [`FetchError`].
    Fetch,
    /// The document is no key set: [`KeySetError`].
    KeySet,
    /// There is no tokio runtime to fetch on.
    NoRuntime,
    /// The document was read and holds no usable key. What was there before is gone.
    NoUsableKey,
}

impl KeysError {
    /// The way in which the refresh failed.
    #[must_use]
    pub fn kind(&self) -> KeysErrorKind {
        self.kind
    }
}

impl From<KeysErrorKind> for KeysError {
    fn from(kind: KeysErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl From<FetchError> for KeysError {
    fn from(cause: FetchError) -> Self {
        Self {
            kind: KeysErrorKind::Fetch,
            cause: Some(Arc::new(cause)),
        }
    }
}

impl From<KeySetError> for KeysError {
    fn from(cause: KeySetError) -> Self {
        Self {
            kind: KeysErrorKind::KeySet,
            cause: Some(Arc::new(cause)),
        }
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            KeysErrorKind::Abandoned => "refresh of the keys was abandoned",
            KeysErrorKind::Fetch => "keys could not be fetched",
            KeysErrorKind::KeySet => "fetched document is no key set",
            KeysErrorKind::NoRuntime => "keys need a tokio runtime to be fetched",
            KeysErrorKind::NoUsableKey => "fetched key set holds no usable key",
        })
    }
}

impl Error for KeysError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}
