//! The seam to whoever replaces tokens: a token service, or an issuer in this process.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use throughline_core::context::Claimed;
use throughline_core::grant::Grant;
use throughline_core::time::Timestamp;
use throughline_core::{Actor, Admitted, Context, Reason, Refusal};
use throughline_jose::TokenIssuer;

/// Replaces the token of admitted work: by one that lives longer, or allows less. Never wider, and
/// never with a younger `as_of`.
pub trait Tokens: Send + Sync + 'static {
    /// Replaces the token of `parent`.
    fn replace(&self, parent: &Admitted, request: Replacement) -> ReplaceFuture;
}

/// What is asked of a token service.
#[derive(Clone, Debug)]
pub struct Replacement {
    grant: Option<Grant>,
}

impl Replacement {
    /// The same context, with a new lifetime.
    #[must_use]
    pub fn renewed() -> Self {
        Self { grant: None }
    }

    /// A narrower grant, acted by whoever asks.
    #[must_use]
    pub fn narrower(grant: Grant) -> Self {
        Self { grant: Some(grant) }
    }

    /// The grant asked for; none to keep the parent's.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }
}

/// A token that was put in the place of another one, and what it says.
#[derive(Clone)]
pub struct Replaced {
    token: Bytes,
    context: Context,
}

impl Replaced {
    /// A token a token service handed out, with the context it says.
    #[must_use]
    pub fn new(token: impl Into<Bytes>, context: Context) -> Self {
        Self {
            token: token.into(),
            context,
        }
    }

    /// The token, byte for byte.
    #[must_use]
    pub fn token(&self) -> &Bytes {
        &self.token
    }

    /// What it says.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether it continues `parent`'s work with no more authority, and its token says so too.
    pub(crate) fn check(&self, parent: &Admitted) -> Result<(), Refusal> {
        self.context.check_descends_from(parent)?;
        if self.claimed().as_ref() != Some(&self.context) {
            return Err(Refusal::new(Reason::ParentMismatch)
                .because("the token does not say what the token service says of it"));
        }
        Ok(())
    }

    /// Whether it can still be sent.
    pub(crate) fn check_alive(&self, now: Timestamp) -> Result<(), Refusal> {
        let expires_at = self.context.lifetime().expires_at;
        if expires_at <= now {
            return Err(Refusal::new(Reason::ContextExpired).because(format!(
                "the replaced token expired at {expires_at}, now is {now}"
            )));
        }
        Ok(())
    }

    /// What the token says, unverified: the receiver verifies, and this is to notice a mix-up.
    fn claimed(&self) -> Option<Context> {
        let payload = self.token.split(|b| *b == b'.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        Some(Claimed::read(&payload).ok()?.unverified().clone())
    }
}

impl fmt::Debug for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replaced").field(&self.context).finish()
    }
}

/// The answer of a token service, under way.
#[must_use = "futures do nothing unless polled"]
pub struct ReplaceFuture(
    // Boxed, as it may wait for a network and is made only for tokens that are replaced.
    Pin<Box<dyn Future<Output = Result<Replaced, Refusal>> + Send>>,
);

impl ReplaceFuture {
    /// Wraps the future of an implementation.
    pub fn new(future: impl Future<Output = Result<Replaced, Refusal>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for ReplaceFuture {
    type Output = Result<Replaced, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ReplaceFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplaceFuture").finish_non_exhaustive()
    }
}

/// An issuer in this process, asked by one workload.
#[derive(Clone, Debug)]
pub struct EmbeddedTokens {
    issuer: TokenIssuer,
    workload: Actor,
}

impl EmbeddedTokens {
    /// `issuer`, asked by `workload`: whoever this process is authenticated as. It becomes the
    /// nearest actor of every narrower context.
    #[must_use]
    pub fn new(issuer: TokenIssuer, workload: Actor) -> Self {
        Self { issuer, workload }
    }
}

impl Tokens for EmbeddedTokens {
    fn replace(&self, parent: &Admitted, request: Replacement) -> ReplaceFuture {
        let replaced = match request.grant {
            None => self.issuer.renew(parent),
            Some(grant) => self.issuer.narrow(parent, grant, self.workload.clone()),
        };
        let replaced = replaced
            .map(|minted| Replaced::new(minted.token, minted.context))
            .map_err(|error| Refusal::new(error.reason()).because(error.to_string()));
        ReplaceFuture::new(ready(replaced))
    }
}
