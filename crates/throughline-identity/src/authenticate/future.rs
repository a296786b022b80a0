//! The future of [`Authenticate`](super::Authenticate).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use throughline::{Refused, RequestView, ResponseBody};
use throughline_core::Refusal;
use tower_service::Service;

use super::decide::{Brought, Progress, Step, Wait};
use super::layer::Config;
use super::marks::mark;
use super::service::{install, refuse};

pin_project! {
    /// The response of the service behind, or a refusal.
    ///
    /// A credential that was seen before waits for nothing of this layer's, unless the contexts are
    /// minted elsewhere.
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
        Answered { response: Response<Bytes> },
        Done,
        Inner { #[pin] future: S::Future, config: Arc<Config> },
        Waiting { wait: Wait, waiting: Waiting<S, B> },
    }
}

/// What a request needs once the wait is over.
struct Waiting<S, B> {
    progress: Progress,
    /// The instance that was polled ready.
    service: S,
    request: Request<B>,
    config: Arc<Config>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn answered(response: Response<Bytes>) -> Self {
        Self {
            state: State::Answered { response },
        }
    }

    pub(super) fn refused(refused: &Refused, config: &Config) -> Self {
        Self::answered(marked(refused, config))
    }

    pub(super) fn inner(future: S::Future, config: Arc<Config>) -> Self {
        Self {
            state: State::Inner { future, config },
        }
    }

    pub(super) fn waiting(
        wait: Wait,
        progress: Progress,
        service: S,
        request: Request<B>,
        config: Arc<Config>,
    ) -> Self {
        Self {
            state: State::Waiting {
                wait,
                waiting: Waiting {
                    progress,
                    service,
                    request,
                    config,
                },
            },
        }
    }
}

fn marked(refused: &Refused, config: &Config) -> Response<Bytes> {
    let mut response = refused.to_response();
    mark(response.headers_mut(), config.resource.as_ref());
    response
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResponseBody<R>>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let brought = match state.as_mut().project() {
                StateProj::Inner { future, config } => {
                    let mut response = ready!(future.poll(cx))?;
                    mark(response.headers_mut(), config.resource.as_ref());
                    return Poll::Ready(Ok(response));
                }
                StateProj::Waiting { wait, .. } => ready!(poll_wait(wait, cx)),
                StateProj::Answered { .. } | StateProj::Done => Ok(Brought::Keys),
            };
            match state.as_mut().project_replace(State::Done) {
                StateReplace::Answered { response } => {
                    return Poll::Ready(Ok(response.map(ResponseBody::full)));
                }
                StateReplace::Waiting { waiting, .. } => state.set(waiting.go_on(brought)),
                // Polled after it was done, which a future may answer as it likes.
                StateReplace::Done | StateReplace::Inner { .. } => return Poll::Pending,
            }
        }
    }
}

fn poll_wait(wait: &mut Wait, cx: &mut Context<'_>) -> Poll<Result<Brought, Refusal>> {
    Poll::Ready(match wait {
        Wait::Identity(wait) => ready!(wait.as_mut().poll(cx)).map(Brought::Identity),
        Wait::Keys(wait) => {
            ready!(Pin::new(wait).poll(cx));
            Ok(Brought::Keys)
        }
        Wait::Member(wait) => ready!(wait.as_mut().poll(cx)).map(|()| Brought::Member),
        Wait::Mint(wait) => ready!(Pin::new(wait).poll(cx)).map(Brought::Minted),
    })
}

impl<S, B> Waiting<S, B>
where
    S: Service<Request<B>>,
{
    fn go_on(mut self, brought: Result<Brought, Refusal>) -> State<S, B> {
        let step = brought.and_then(|brought| match self.progress.bring(brought) {
            Some(token) => Ok(Step::Minted(token)),
            None => {
                let view = RequestView::of(&self.request);
                // The wait may have been long.
                let now = self.config.domain.now();
                self.progress.advance(&self.config, &view, now)
            }
        });
        let refused = match step {
            Ok(Step::Wait(wait)) => {
                return State::Waiting {
                    wait,
                    waiting: self,
                };
            }
            Ok(Step::Minted(token)) => match install(&self.config, &mut self.request, &token) {
                Ok(()) => {
                    return State::Inner {
                        future: self.service.call(self.request),
                        config: self.config,
                    };
                }
                Err(refused) => refused,
            },
            Err(refusal) => refuse(&self.config, &self.request, refusal),
        };
        State::Answered {
            response: marked(&refused, &self.config),
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
