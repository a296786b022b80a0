//! Attacks on a tower service in this process.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use tower_service::Service;

use super::exchange::{Answer, Failure, Outgoing};
use super::sender::Sender;

/// Sends to a tower service: an axum router, a tonic router, or anything under a stack of layers.
///
/// Each request goes to a clone of the service, polled ready first. An answer has ten seconds and
/// one mebibyte, and a panic of the service is an answer that cannot be judged.
pub struct InProcess<S> {
    service: Mutex<S>,
    patience: Duration,
    max_bytes: usize,
}

impl<S> InProcess<S> {
    /// Sends to `service`.
    #[must_use]
    pub fn new(service: S) -> Self {
        Self {
            service: Mutex::new(service),
            patience: Duration::from_secs(10),
            max_bytes: 1024 * 1024,
        }
    }

    /// Replaces how long an answer may take. Default: ten seconds, by tokio's clock.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Replaces how many bytes an answer may have. Default: one mebibyte.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }
}

impl<S> fmt::Debug for InProcess<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl<S, B> Sender for InProcess<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send,
    S::Future: Send,
    S::Error: fmt::Display,
    B: Body + Send,
    B::Data: Send,
    B::Error: fmt::Display,
{
    fn send(&self, outgoing: Outgoing) -> impl Future<Output = Result<Answer, Failure>> + Send {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        let mut service = service.clone();
        let max_bytes = self.max_bytes;
        let exchange = async move {
            let broke = |error: S::Error| Failure::Broke(error.to_string());
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(broke)?;
            let response = service.call(outgoing.into_request()).await.map_err(broke)?;
            read(response, max_bytes).await
        };
        let patience = self.patience;
        async move {
            match timeout(patience, caught(exchange)).await {
                Ok(Some(answer)) => answer,
                Ok(None) => Err(Failure::Panicked),
                Err(_) => Err(Failure::Hung),
            }
        }
    }
}

async fn read<B>(response: Response<B>, max_bytes: usize) -> Result<Answer, Failure>
where
    B: Body,
    B::Error: fmt::Display,
{
    let (head, body) = response.into_parts();
    let mut body = Box::pin(body);
    let mut data = BytesMut::new();
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Broke(error.to_string()))?;
        match frame.into_data() {
            Ok(mut more) => {
                if data.len() + more.remaining() > max_bytes {
                    return Err(Failure::Endless);
                }
                data.extend_from_slice(&more.copy_to_bytes(more.remaining()));
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok(Answer::new(
        head.status,
        head.headers,
        data.freeze(),
        trailers,
    ))
}

/// A future whose panic is none of ours; none where it panicked.
async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    poll_fn(move |cx| {
        // After a panic it is not polled again, so what it left half-done is never seen.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// The body of an attack: its bytes, and trailers behind them.
#[derive(Debug, Default)]
pub struct RequestBody {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Outgoing {
    /// The request with a body that ends in its trailers.
    #[must_use]
    pub fn into_request(self) -> Request<RequestBody> {
        let trailers = (!self.trailers.is_empty()).then_some(self.trailers);
        self.request.map(|data| RequestBody {
            data: (!data.is_empty()).then_some(data),
            trailers,
        })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let bytes = self.data.as_ref().map_or(0, Bytes::len);
        http_body::SizeHint::with_exact(bytes as u64)
    }
}
