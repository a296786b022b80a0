//! The future of [`BodyWitness`](super::BodyWitness).

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use throughline_core::refusal::shown;
use throughline_core::{Admitted, Place, Reason, Refusal};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::buffered::BufferedBody;
use super::decide::check_body;
use super::layer::Config;
use super::service::refuse;
use crate::body::ResponseBody;
use crate::observe::Event;
use crate::refused::Refused;

pin_project! {
    /// The response of the inner service, or a refusal.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<BufferedBody>>,
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
        S: Service<Request<BufferedBody>>,
    {
        Done,
        Inner { #[pin] future: S::Future },
        Reading { #[pin] reading: Reading<B>, pending: Pending<S> },
        Refused { response: Response<Bytes> },
    }
}

pin_project! {
    /// A body on its way into memory.
    struct Reading<B> {
        #[pin]
        body: B,
        #[pin]
        deadline: Sleep,
        data: BytesMut,
        trailers: Option<HeaderMap>,
        max_bytes: usize,
    }
}

/// What a request needs once its body is there.
struct Pending<S> {
    /// The instance that was polled ready.
    service: S,
    parts: Parts,
    context: Admitted,
    config: Arc<Config>,
    body: Result<(Bytes, Option<HeaderMap>), Refusal>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<BufferedBody>>,
{
    pub(super) fn refused(refused: &Refused) -> Self {
        Self {
            state: State::Refused {
                response: refused.to_response(),
            },
        }
    }

    pub(super) fn reading(
        service: S,
        request: Request<B>,
        context: Admitted,
        config: Arc<Config>,
    ) -> Self {
        let (parts, body) = request.into_parts();
        let reading = Reading {
            body,
            deadline: sleep(config.deadline),
            data: BytesMut::new(),
            trailers: None,
            max_bytes: config.max_bytes,
        };
        let body = Err(Refusal::new(Reason::BodyTimeout));
        let pending = Pending {
            service,
            parts,
            context,
            config,
            body,
        };
        Self {
            state: State::Reading { reading, pending },
        }
    }
}

impl<B> Reading<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Bytes, Option<HeaderMap>), Refusal>> {
        let mut this = self.project();
        let refuse = |reason| Refusal::new(reason).at(Place::new("body", "json"));
        let too_large = |max: usize| {
            Err(refuse(Reason::BodyOversized).because(format!("has more than {max} bytes")))
        };
        if this.body.size_hint().lower() > *this.max_bytes as u64 {
            return Poll::Ready(too_large(*this.max_bytes));
        }
        loop {
            if this.deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(refuse(Reason::BodyTimeout)));
            }
            let frame = match ready!(this.body.as_mut().poll_frame(cx)) {
                None => {
                    let data = std::mem::take(this.data).freeze();
                    return Poll::Ready(Ok((data, this.trailers.take())));
                }
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let error: Box<dyn Error + Send + Sync> = error.into();
                    return Poll::Ready(Err(refuse(Reason::ContextMalformed).because(format!(
                        "broke off: {}",
                        shown(error.to_string().as_bytes())
                    ))));
                }
            };
            match frame.into_data() {
                Ok(data) if data.len() > this.max_bytes.saturating_sub(this.data.len()) => {
                    return Poll::Ready(too_large(*this.max_bytes));
                }
                Ok(data) => this.data.extend_from_slice(&data),
                Err(frame) => *this.trailers = frame.into_trailers().ok().or(this.trailers.take()),
            }
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<BufferedBody>, Response = Response<R>>,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            match state.as_mut().project() {
                StateProj::Inner { future } => {
                    let response = ready!(future.poll(cx))?;
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
                StateProj::Reading { reading, pending } => {
                    pending.body = ready!(reading.poll_read(cx));
                }
                StateProj::Refused { .. } | StateProj::Done => {}
            }
            match state.as_mut().project_replace(State::Done) {
                StateReplace::Refused { response } => {
                    return Poll::Ready(Ok(response.map(ResponseBody::refusal)));
                }
                StateReplace::Reading { pending, .. } => {
                    let next = match pending.decide() {
                        Ok((mut service, request)) => State::Inner {
                            future: service.call(request),
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

impl<S> Pending<S> {
    fn decide(self) -> Result<(S, Request<BufferedBody>), Refused> {
        let Self {
            service,
            parts,
            context,
            config,
            body,
        } = self;
        let checked = body.and_then(|(data, trailers)| {
            check_body(&config.fields, &context, &parts.headers, &data)?;
            Ok(BufferedBody::new(data, trailers))
        });
        match checked {
            Ok(body) => Ok((service, Request::from_parts(parts, body))),
            Err(refusal) => {
                let refused = refuse(refusal, &parts.extensions);
                config.observe.observe(&Event::Refused {
                    refused: &refused,
                    verified: None,
                });
                Err(refused)
            }
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<BufferedBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
