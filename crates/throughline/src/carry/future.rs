//! The future of [`Carry`](super::Carry).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use throughline_core::{Admitted, Reason, Refusal};
use tower_service::Service;

use super::error::CarryError;
use super::layer::Config;
use super::outgoing::{Outgoing, Promised};
use super::service::{finish, refuse};
use super::write::{owned_by, strip_message};
use crate::body::ResponseBody;
use crate::refused::Refused;
use crate::tokens::Replaced;

pin_project! {
    /// The response of the client, or the refusal to send.
    ///
    /// Only a call whose token is about to expire waits before it is sent.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateReplace]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Done,
        Inner { #[pin] future: S::Future, promised: Promised, config: Arc<Config> },
        Refused { refused: Refused },
        Renewing { renewing: Renewing, waiting: Waiting<S, B> },
    }
}

// Boxed, as it waits for a token service and is made only for tokens about to expire.
type Renewing = Pin<Box<dyn Future<Output = Result<Replaced, Refusal>> + Send>>;

/// What a call needs once its token was replaced.
struct Waiting<S, B> {
    /// The instance that was polled ready.
    service: S,
    request: Request<B>,
    config: Arc<Config>,
    /// What is replaced.
    parent: Admitted,
    replaced: Result<Replaced, Refusal>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn inner(future: S::Future, promised: Promised, config: Arc<Config>) -> Self {
        let state = State::Inner {
            future,
            promised,
            config,
        };
        Self { state }
    }

    pub(super) fn refused(refused: Refused) -> Self {
        Self {
            state: State::Refused { refused },
        }
    }

    pub(super) fn renewing(
        parent: Admitted,
        service: S,
        request: Request<B>,
        config: Arc<Config>,
    ) -> Self {
        let (shared, replaced) = (Arc::clone(&config), parent.clone());
        let renewing = Box::pin(async move {
            match &shared.renewal {
                Some(renewal) => renewal.renew(&replaced, &shared.clock).await,
                None => Err(Refusal::new(Reason::ExchangeUnavailable)),
            }
        });
        let replaced = Err(Refusal::new(Reason::ExchangeUnavailable));
        let waiting = Waiting {
            service,
            request,
            config,
            parent,
            replaced,
        };
        Self {
            state: State::Renewing { renewing, waiting },
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, CarryError<S::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            match state.as_mut().project() {
                StateProj::Inner {
                    future,
                    promised,
                    config,
                } => {
                    let mut response = ready!(future.poll(cx)).map_err(CarryError::Client)?;
                    strip_message(config, promised.copies(), response.headers_mut());
                    let owned = owned_by(config, promised.copies());
                    return Poll::Ready(Ok(
                        response.map(|body| ResponseBody::stripped(body, owned))
                    ));
                }
                StateProj::Renewing { renewing, waiting } => {
                    waiting.replaced = ready!(renewing.as_mut().poll(cx));
                }
                StateProj::Refused { .. } | StateProj::Done => {}
            }
            match state.as_mut().project_replace(State::Done) {
                StateReplace::Refused { refused } => {
                    return Poll::Ready(Err(CarryError::Refused(refused)));
                }
                StateReplace::Renewing { waiting, .. } => {
                    let Waiting {
                        mut service,
                        mut request,
                        config,
                        parent,
                        replaced,
                    } = waiting;
                    let written = replaced
                        .map_err(|refusal| refuse(&config, refusal))
                        .and_then(|replaced| finish(&config, &replaced, &mut request));
                    let next = match written {
                        Ok(()) => State::Inner {
                            future: service.call(request),
                            promised: Promised::By(Outgoing::Admitted(parent)),
                            config,
                        },
                        Err(refused) => State::Refused { refused },
                    };
                    state.set(next);
                }
                // Polled after it was done, which a future may answer as it likes.
                StateReplace::Done | StateReplace::Inner { .. } => return Poll::Pending,
            }
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
