//! Scopes: work that goes on beside or behind a request keeps its context, explicitly.
//!
//! A context belongs to the request, never to a thread. What a handler starts on its own knows
//! nothing of it, and that is an error the code has to handle, never a default:
//!
//! 1. [`current`] answers only inside a scope that somebody entered. `tokio::spawn`,
//!    `spawn_blocking`, a thread or a `JoinSet` do not inherit it.
//! 2. Each helper takes the context when it is called, from the value it is called on, and copies
//!    that and nothing else: no other task-local crosses.
//! 3. Work that outlives its request is only as true as when it began:
//!    [`guard`](TenantContext::guard) asks again.
//!
//! | for | helper |
//! |---|---|
//! | a future | [`TenantContext::scope`] |
//! | `tokio::spawn` | [`TenantContext::spawn`] |
//! | `tokio::task::spawn_blocking` | [`TenantContext::spawn_blocking`] |
//! | `JoinSet` | [`TenantContext::spawn_on`] |
//! | `FuturesUnordered`, `join_all`, `select` | [`TenantContext::scope`] on each |
//! | rayon, `std::thread`, any closure | [`TenantContext::bind`] |
//! | a stream that is the response | [`TenantContext::scope_stream`] |
//! | SSE, WebSocket, long gRPC streams | [`TenantContext::guard_stream`] |
//!
//! ```
//! use throughline::{TenantContext, scope};
//!
//! async fn handle(cx: TenantContext) -> Result<(), Box<dyn std::error::Error>> {
//!     // Allowed: the work is started in the context.
//!     cx.spawn(async { scope::current().map(|cx| cx.tenant().to_string()) }).await??;
//!
//!     // Refused: this work was given none, and no other is put in its place.
//!     let lost = tokio::spawn(async { scope::current().is_err() }).await?;
//!     assert!(lost);
//!     Ok(())
//! }
//! ```

mod stream;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;
use throughline_core::{Refusal, hop};
use throughline_jose::TrustDomain;
use tokio::task::futures::TaskLocalFuture;
use tokio::task::{AbortHandle, JoinHandle, JoinSet, spawn, spawn_blocking};

pub use self::stream::{Guarded, ScopedStream};
use crate::context::TenantContext;

tokio::task_local! {
    /// Set by the helpers of this module for exactly the future or closure they are given.
    static CURRENT: TenantContext;
}

/// The context of the scope that this code runs in.
///
/// # Errors
///
/// Nobody entered a scope here. There is no default to fall back to.
pub fn current() -> Result<TenantContext, NoScopeError> {
    CURRENT.try_with(Clone::clone).map_err(|_| NoScopeError(()))
}

/// Code asked for a context outside of any scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoScopeError(());

impl fmt::Display for NoScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no context here, expected work that was started with `TenantContext::spawn`")
    }
}

impl Error for NoScopeError {}

impl TenantContext {
    /// Runs `future` in this context.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped {
            future: CURRENT.scope(self.clone(), future),
        }
    }

    /// Spawns `future` in this context.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn(self.scope(future))
    }

    /// Spawns `future` on a set in this context.
    pub fn spawn_on<F>(&self, set: &mut JoinSet<F::Output>, future: F) -> AbortHandle
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        set.spawn(self.scope(future))
    }

    /// Runs `work` in this context on a thread for blocking work.
    pub fn spawn_blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        spawn_blocking(self.bind(work))
    }

    /// Binds `work` to this context, for whichever thread runs it.
    pub fn bind<R, W: FnOnce() -> R>(&self, work: W) -> impl FnOnce() -> R + use<R, W> {
        let context = self.clone();
        move || CURRENT.sync_scope(context, work)
    }

    /// Polls `stream` in this context.
    pub fn scope_stream<S>(&self, stream: S) -> ScopedStream<S> {
        ScopedStream::new(self.clone(), stream)
    }

    /// Polls `stream` in this context, and asks `domain` before each item whether the context is
    /// still true. When it is not, the stream yields the refusal once and ends.
    pub fn guard_stream<S>(&self, domain: TrustDomain, stream: S) -> Guarded<S> {
        Guarded::new(self.clone(), domain, stream)
    }

    /// Whether this context is still true: for work that outlives its request.
    ///
    /// The token's own lifetime is not asked again, as the work began within it; what was revoked
    /// since, and how old the chain may grow, is. With
    /// [`Freshness::lifetime_only`](crate::Freshness::lifetime_only) the answer turns to
    /// `freshness_unknown` when that time has passed.
    ///
    /// # Errors
    ///
    /// The refusals of step 6 of the hop.
    pub fn guard(&self, domain: &TrustDomain) -> Result<(), Refusal> {
        hop::still_true(self.admitted(), domain.freshness(), domain.now())
    }
}

pin_project! {
    /// A future that runs in a context.
    pub struct Scoped<F> {
        #[pin]
        future: TaskLocalFuture<TenantContext, F>,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
