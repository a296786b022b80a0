//! Requests without trailers: tonic would put them into the metadata.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Drops the trailers of requests. A gRPC request has none ("Requests" of the gRPC specification:
/// headers, messages, end of stream), so whoever sends some wants them to be taken for metadata.
///
/// ```
/// use throughline::{AcceptLayer, TrustDomain};
/// use throughline_tonic::DropTrailersLayer;
///
/// # fn example(domain: TrustDomain) {
/// tonic::transport::Server::builder()
///     .layer(DropTrailersLayer)
///     .layer(AcceptLayer::new(domain));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DropTrailersLayer;

impl<S> Layer<S> for DropTrailersLayer {
    type Service = DropTrailers<S>;

    fn layer(&self, inner: S) -> DropTrailers<S> {
        DropTrailers { inner }
    }
}

/// Hands requests on without their trailers. See [`DropTrailersLayer`].
#[derive(Clone, Copy, Debug)]
pub struct DropTrailers<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for DropTrailers<S>
where
    S: Service<Request<WithoutTrailers<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        self.inner
            .call(request.map(|body| WithoutTrailers { body }))
    }
}

pin_project! {
    /// A body that ends with its data.
    #[derive(Debug)]
    pub struct WithoutTrailers<B> {
        #[pin]
        body: B,
    }
}

impl<B: Body<Data = Bytes>> Body for WithoutTrailers<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(self.project().body.poll_frame(cx));
        // Trailers are the last frame, so nothing is lost with them but the trailers.
        Poll::Ready(frame.filter(|frame| !matches!(frame, Ok(frame) if frame.is_trailers())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;

    use http::{HeaderMap, HeaderValue};
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn the_message_arrives_and_its_trailers_do_not() {
        let mut trailers = HeaderMap::new();
        trailers.insert("txn-token", HeaderValue::from_static("another"));
        let body = Full::new(Bytes::from_static(b"message"));
        let body = body.with_trailers(ready(Some(Ok::<_, Infallible>(trailers))));
        let collected = WithoutTrailers { body }.collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "message");
    }
}
