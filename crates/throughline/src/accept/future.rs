//! The future of [`Accept`](super::Accept).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use throughline_jose::verify::DomainKeysWait;
use tower_service::Service;

use super::layer::Config;
use super::service::decide_finally;
use crate::body::ResponseBody;
use crate::carrier::Owned;
use crate::refused::Refused;

pin_project! {
    /// The response of the inner service, or a refusal.
    ///
    /// Only a request whose key is unknown, or that comes before the first key set, waits: for a
    /// bounded time, for a fetch it shares with others.
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
        Inner { #[pin] future: S::Future, owned: Arc<Owned> },
        Refused { response: Response<Bytes> },
        Waiting { wait: DomainKeysWait, waiting: Waiting<S, B> },
    }
}

/// What a request needs once the keys are there.
struct Waiting<S, B> {
    /// The instance that was polled ready.
    service: S,
    request: Request<B>,
    config: Arc<Config>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn inner(future: S::Future, owned: Arc<Owned>) -> Self {
        Self {
            state: State::Inner { future, owned },
        }
    }

    pub(super) fn refused(refused: &Refused) -> Self {
        Self {
            state: State::Refused {
                response: refused.to_response(),
            },
        }
    }

    pub(super) fn waiting(
        wait: DomainKeysWait,
        service: S,
        request: Request<B>,
        config: Arc<Config>,
    ) -> Self {
        Self {
            state: State::Waiting {
                wait,
                waiting: Waiting {
                    service,
                    request,
                    config,
                },
            },
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            match state.as_mut().project() {
                StateProj::Inner { future, owned } => {
                    let mut response = ready!(future.poll(cx))?;
                    owned.strip(response.headers_mut());
                    let owned = Arc::clone(owned);
                    let body = |body| ResponseBody::stripped(body, owned);
                    return Poll::Ready(Ok(response.map(body)));
                }
                StateProj::Waiting { wait, .. } => ready!(Pin::new(wait).poll(cx)),
                StateProj::Refused { .. } | StateProj::Done => {}
            }
            match state.as_mut().project_replace(State::Done) {
                StateReplace::Refused { response } => {
                    return Poll::Ready(Ok(response.map(ResponseBody::refusal)));
                }
                StateReplace::Waiting { waiting, .. } => {
                    let Waiting {
                        mut service,
                        mut request,
                        config,
                    } = waiting;
                    let now = config.domain.now();
                    let next = match decide_finally(&config, &mut request, now) {
                        Ok(()) => State::Inner {
                            future: service.call(request),
                            owned: Arc::clone(&config.owned),
                        },
                        Err(refused) => State::Refused {
                            response: refused.to_response(),
                        },
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
