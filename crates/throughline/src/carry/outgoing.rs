//! What a call carries: the admitted context, or a narrower one.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Builder;
use http::{Extensions, Request};
use throughline_core::grant::{DataScope, Grant, Scope, ScopeError, Task};
use throughline_core::projection::Projection;
use throughline_core::{Admitted, Context, Refusal};

use crate::context::TenantContext;
use crate::tokens::{Replaced, Replacement, Tokens};

/// In the extensions of a call: the context it was given.
#[derive(Clone, Debug)]
pub enum Outgoing {
    Admitted(Admitted),
    Narrowed(Narrowed),
}

impl Outgoing {
    pub(crate) fn context(&self) -> &Context {
        match self {
            Self::Admitted(admitted) => admitted,
            Self::Narrowed(narrowed) => narrowed,
        }
    }

    pub(crate) fn token(&self) -> &Bytes {
        match self {
            Self::Admitted(admitted) => admitted.token(),
            Self::Narrowed(narrowed) => narrowed.token(),
        }
    }
}

/// Which copies travel with a call, and are taken out where it goes without a context.
pub(super) enum Promised {
    Nothing,
    By(Outgoing),
    /// By a context that was verified and not admitted.
    Reported(Arc<[Projection]>),
}

impl Promised {
    pub(super) fn copies(&self) -> &[Projection] {
        match self {
            Self::Nothing => &[],
            Self::By(outgoing) => outgoing.context().projections(),
            Self::Reported(copies) => copies,
        }
    }
}

/// What can be carried: a [`TenantContext`], an [`Admitted`] or a [`Narrowed`]. Proofs, and nothing
/// that somebody put together: the trait cannot be implemented elsewhere, as its method's type
/// cannot be named.
pub trait Carried {
    #[doc(hidden)]
    fn outgoing(&self) -> Outgoing;
}

/// Gives a call this context, by its extensions: for requests of other types than [`Request`].
pub fn set_context(extensions: &mut Extensions, context: &impl Carried) {
    extensions.insert(context.outgoing());
}

/// Takes out what [`set_context`] put there.
pub(crate) fn drop_given(extensions: &mut Extensions) {
    extensions.remove::<Outgoing>();
}

impl Carried for TenantContext {
    fn outgoing(&self) -> Outgoing {
        Outgoing::Admitted(self.admitted().clone())
    }
}

impl Carried for Admitted {
    fn outgoing(&self) -> Outgoing {
        Outgoing::Admitted(self.clone())
    }
}

impl Carried for Narrowed {
    fn outgoing(&self) -> Outgoing {
        Outgoing::Narrowed(self.clone())
    }
}

/// Gives a call the context it is made in. By value: what the request carries later does not depend
/// on where it is sent from.
pub trait InContext: Sized {
    /// Gives the call this context: a [`TenantContext`], an [`Admitted`] or a [`Narrowed`].
    #[must_use]
    fn in_context(self, context: &impl Carried) -> Self;
}

impl<B> InContext for Request<B> {
    fn in_context(mut self, context: &impl Carried) -> Self {
        self.extensions_mut().insert(context.outgoing());
        self
    }
}

impl InContext for Builder {
    fn in_context(self, context: &impl Carried) -> Self {
        self.extension(context.outgoing())
    }
}

/// A context with a narrower grant, for the next hop. Whoever narrowed it is its nearest actor.
#[derive(Clone)]
pub struct Narrowed(Arc<Replaced>);

impl Narrowed {
    /// The token, byte for byte.
    #[must_use]
    pub fn token(&self) -> &Bytes {
        self.0.token()
    }
}

impl Deref for Narrowed {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.0.context()
    }
}

impl fmt::Debug for Narrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Narrowed").field(self.0.context()).finish()
    }
}

impl TenantContext {
    /// Starts a narrower context for the next hop.
    pub fn narrow(&self) -> Narrowing {
        Narrowing {
            parent: self.admitted().clone(),
            scope: None,
            task: None,
            data: None,
        }
    }
}

/// What a narrower context is to allow. What is not said stays as it is; wider is refused.
///
/// ```
/// use throughline::{Narrowed, NarrowingError, TenantContext};
/// use throughline::tokens::EmbeddedTokens;
/// use throughline_core::grant::{DataGrant, DataScope, Task};
///
/// # async fn example(cx: TenantContext, tokens: EmbeddedTokens) -> Result<(), Box<dyn std::error::Error>> {
/// let narrowed = cx.narrow()
///     .scope("documents.read")
///     .task(Task::new("summarise-q3")?.for_purpose("report")?)
///     .data(DataScope::limited([DataGrant::of("document")?.selecting("folder", ["q3"])?]))
///     .request(&tokens)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a narrowing does nothing until it is requested"]
pub struct Narrowing {
    parent: Admitted,
    scope: Option<Result<Scope, ScopeError>>,
    task: Option<Task>,
    data: Option<DataScope>,
}

impl Narrowing {
    /// Only these operations.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Some(Scope::new(scope));
        self
    }

    /// Only for this task.
    pub fn task(mut self, task: Task) -> Self {
        self.task = Some(task);
        self
    }

    /// Only on this data.
    pub fn data(mut self, data: DataScope) -> Self {
        self.data = Some(data);
        self
    }

    /// Asks the token service for it. The actor is whoever authenticates there, never a text passed
    /// here.
    ///
    /// # Errors
    ///
    /// The scope is malformed, what is asked for is wider than the parent, the parent has expired,
    /// or the token service does not answer.
    pub async fn request(self, tokens: &impl Tokens) -> Result<Narrowed, NarrowingError> {
        let own = self.parent.grant();
        let scope = match self.scope {
            Some(scope) => scope.map_err(NarrowingError::Scope)?,
            None => own.scope().clone(),
        };
        let mut asked = Grant::new(scope);
        if let Some(task) = self.task {
            asked = asked.for_task(task);
        }
        if let Some(data) = self.data {
            asked = asked.with_data(data);
        }
        let grant = own
            .narrow(asked)
            .map_err(|reason| NarrowingError::Refused(Refusal::new(reason)))?;
        let request = Replacement::narrower(grant.clone());
        let replaced = tokens.replace(&self.parent, request).await;
        let replaced = replaced.map_err(NarrowingError::Refused)?;
        // Whoever replaces a token is not believed either: neither wider than the parent, nor than
        // what was asked.
        replaced
            .check(&self.parent)
            .and_then(|()| {
                let given = replaced.context().grant();
                grant.check_covers(given).map_err(Refusal::new)
            })
            .map_err(NarrowingError::Refused)?;
        Ok(Narrowed(Arc::new(replaced)))
    }
}

/// A narrower context was not given.
#[derive(Debug)]
pub enum NarrowingError {
    /// It would be wider, the parent has expired, or the token service did not answer.
    Refused(Refusal),
    /// The scope is malformed.
    Scope(ScopeError),
}

impl fmt::Display for NarrowingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "context was not narrowed: {refusal}"),
            Self::Scope(error) => error.fmt(f),
        }
    }
}

impl Error for NarrowingError {}
