//! The seam behind which a key set is fetched.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::error::FetchError;

/// Fetches the document of a key set: over HTTP, from a secret store, from a mesh's agent.
///
/// Any closure from [`FetchLimits`] to a future is one. An implementation fetches from the place it
/// was configured with; it follows no redirect, and what it is given never comes from a token.
/// Single flight, cool-down and time limit are kept by [`Keys`](super::Keys).
pub trait Fetch: Send + Sync + 'static {
    /// Starts one fetch.
    fn fetch(&self, limits: FetchLimits) -> FetchFuture;
}

impl<F, Fut> Fetch for F
where
    F: Fn(FetchLimits) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Fetched, FetchError>> + Send + 'static,
{
    fn fetch(&self, limits: FetchLimits) -> FetchFuture {
        FetchFuture::new(self(limits))
    }
}

/// The future of a fetch.
pub struct FetchFuture {
    // Boxed so that `dyn Fetch` can be kept beside other sources. A fetch happens once in minutes
    // and waits for a network, so the allocation does not show.
    inner: Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send>>,
}

impl FetchFuture {
    /// Boxes a future.
    pub fn new(future: impl Future<Output = Result<Fetched, FetchError>> + Send + 'static) -> Self {
        Self {
            inner: Box::pin(future),
        }
    }
}

impl Future for FetchFuture {
    type Output = Result<Fetched, FetchError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for FetchFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchFuture").finish_non_exhaustive()
    }
}

/// What a fetch must keep to. Both limits are checked again behind it; an implementation that
/// knows them can stop early.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    max_bytes: usize,
    time: Duration,
}

impl FetchLimits {
    pub(super) fn new(max_bytes: usize, time: Duration) -> Self {
        Self { max_bytes, time }
    }

    /// The longest document that will be read.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The time after which the fetch is dropped.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }
}

/// A document that was fetched, not yet read. `Debug` shows its length: it may hold what should
/// never have been published.
#[derive(Clone)]
#[must_use]
pub struct Fetched {
    document: Bytes,
    max_age: Option<Duration>,
}

impl Fetched {
    /// The bytes of a JWK set.
    pub fn new(document: impl Into<Bytes>) -> Self {
        Self {
            document: document.into(),
            max_age: None,
        }
    }

    /// How long the publisher wants the document to be used. It can only hasten the next refresh.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The bytes as they came.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// How long the publisher wants the document to be used.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("bytes", &self.document.len())
            .field("max_age", &self.max_age)
            .finish()
    }
}
