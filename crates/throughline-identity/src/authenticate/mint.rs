//! The seam to whoever makes contexts: an issuer in this process, or a token service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use throughline_core::{Draft, Refusal};
use throughline_jose::TokenIssuer;
use throughline_jose::mint::OwnToken;

/// Makes the transaction token of a draft.
///
/// An embedded issuer answers at once; a token service elsewhere takes its time, and is waited for.
pub trait MintContext: Send + Sync + 'static {
    /// Mints.
    fn mint(&self, draft: Draft) -> Minting;
}

/// A token, or the wait for one.
#[derive(Debug)]
pub enum Minting {
    /// It is there, or it will not be.
    Ready(Result<Bytes, Refusal>),
    /// It was signed in this process, so nobody here needs to check its signature.
    Own(OwnToken),
    /// It has to be waited for.
    Later(MintFuture),
}

/// The answer of a token service, under way.
#[must_use = "futures do nothing unless polled"]
pub struct MintFuture(
    // Boxed, as it waits for a network.
    Pin<Box<dyn Future<Output = Result<Bytes, Refusal>> + Send>>,
);

impl MintFuture {
    /// Wraps the future of an implementation.
    pub fn new(future: impl Future<Output = Result<Bytes, Refusal>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for MintFuture {
    type Output = Result<Bytes, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for MintFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintFuture").finish_non_exhaustive()
    }
}

impl MintContext for TokenIssuer {
    fn mint(&self, draft: Draft) -> Minting {
        match self.mint_own(draft) {
            Ok(own) => Minting::Own(own),
            Err(error) => {
                Minting::Ready(Err(Refusal::new(error.reason()).because(error.to_string())))
            }
        }
    }
}
