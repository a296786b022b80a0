//! What is wrong with where keys are said to be.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why keys are not, or cannot be, found. The text is for the log and for whoever configures.
#[derive(Clone, Debug)]
pub struct DiscoveryError {
    kind: DiscoveryErrorKind,
    about: Box<str>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// The way in which finding keys failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscoveryErrorKind {
    /// An address in the configuration cannot be asked.
    Address,
    /// Something that the profile needs is not in the configuration.
    Incomplete,
    /// The document is none: no JSON object, a member twice, or one of the wrong type.
    Document,
    /// The document is of another issuer.
    Issuer,
    /// The document points to an origin that is not listed.
    Origin,
    /// The document could not be read.
    Unreachable,
}

impl DiscoveryError {
    pub(super) fn new(kind: DiscoveryErrorKind, about: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            about: about.into(),
            cause: None,
        }
    }

    pub(super) fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// The way in which it failed.
    #[must_use]
    pub fn kind(&self) -> DiscoveryErrorKind {
        self.kind
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.about)
    }
}

impl Error for DiscoveryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}
