//! The ordinary way to an admitted context: a request through `Accept`, with nothing behind it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, HeaderValue, Request, Response};
use http_body_util::Empty;
use throughline::{AcceptLayer, Refused, TenantContext, TrustDomain};
use tower_layer::Layer as _;
use tower_service::Service;

/// Sends one request with `token` and gives what a handler would get.
pub(super) async fn admit(domain: TrustDomain, token: &str) -> Result<TenantContext, Refused> {
    let mut request = Request::new(());
    if let Ok(value) = HeaderValue::from_str(token) {
        request.headers_mut().insert("txn-token", value);
    }
    let mut accept = AcceptLayer::new(domain).layer(Keep);
    let response = match accept.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let Some(refused) = response.extensions().get::<Refused>() {
        return Err(refused.clone());
    }
    let none = Extensions::new();
    let kept = response.extensions().get::<Kept>();
    TenantContext::of(kept.map_or(&none, |Kept(extensions)| extensions))
}

/// Answers with the extensions of the request.
#[derive(Clone, Copy, Debug)]
struct Keep;

#[derive(Clone, Debug)]
struct Kept(Extensions);

impl Service<Request<()>> for Keep {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let mut response = Response::new(Empty::new());
        let kept = Kept(request.into_parts().0.extensions);
        response.extensions_mut().insert(kept);
        ready(Ok(response))
    }
}
