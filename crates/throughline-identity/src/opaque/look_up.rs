//! The seam behind which a credential is looked up.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use throughline_core::Refusal;

use crate::claims::Claims;
use crate::config::Secret;

/// What a source says of a credential.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It stands behind it, and this is what it knows: claims, as in a signed token. `exp` and `iat`
    /// may be absent; an answer is good for the time it is kept, then.
    Active(Claims),
    /// It does not stand behind it, and does not say why: it ended, was withdrawn, or never was.
    /// Refused with `context_expired`.
    Inactive,
    /// It was withdrawn. Refused with `revoked`.
    Revoked,
    /// It never was. Refused with `key_unknown`.
    Unknown,
}

/// Knows what stands behind an opaque credential. Any closure from a [`Secret`] to a future is one.
///
/// Time, questions under way and answers at hand are kept by
/// [`OpaqueCredentials`](super::OpaqueCredentials).
pub trait LookUpCredential: Send + Sync + 'static {
    /// Looks `credential` up, whole.
    fn look_up(&self, credential: Secret) -> LookUpFuture;
}

impl<F, Fut> LookUpCredential for F
where
    F: Fn(Secret) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Standing, LookUpError>> + Send + 'static,
{
    fn look_up(&self, credential: Secret) -> LookUpFuture {
        LookUpFuture::new(self(credential))
    }
}

/// The answer of a source, under way.
#[must_use = "futures do nothing unless polled"]
pub struct LookUpFuture(
    // Boxed, as it waits for a network and is made only for what is not known.
    Pin<Box<dyn Future<Output = Result<Standing, LookUpError>> + Send>>,
);

impl LookUpFuture {
    /// Wraps the future of an implementation.
    pub fn new(
        future: impl Future<Output = Result<Standing, LookUpError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for LookUpFuture {
    type Output = Result<Standing, LookUpError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for LookUpFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookUpFuture").finish_non_exhaustive()
    }
}

/// A source could not be asked, or answered what cannot count.
#[derive(Clone, Debug)]
pub struct LookUpError(pub(super) Why);

#[derive(Clone, Debug)]
pub(super) enum Why {
    Refused(Refusal),
    Unavailable(Box<str>),
}

impl LookUpError {
    /// The source could not be asked. `why` is for the log, and holds no credential.
    #[must_use]
    pub fn unavailable(why: impl Into<Box<str>>) -> Self {
        Self(Why::Unavailable(why.into()))
    }
}

/// The source answered, and its answer is refused for this.
impl From<Refusal> for LookUpError {
    fn from(refusal: Refusal) -> Self {
        Self(Why::Refused(refusal))
    }
}

impl fmt::Display for LookUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Refused(refusal) => refusal.fmt(f),
            Why::Unavailable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for LookUpError {}
