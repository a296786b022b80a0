//! Calls to other services over HTTP: with their context, or not at all.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as ClientError;
use throughline::carry::Carried;
use throughline::tokens::EmbeddedTokens;
use throughline::{Carry, CarryBuilder, CarryError, CarryLayer, InContext as _, ResponseBody};
use throughline_core::{Actor, ActorKind, Principal};
use throughline_jose::TokenIssuer;
use tower::{Layer as _, ServiceExt as _};

use super::billing::LEGACY_FIELD;
use super::net::{self, Client, Failure};
use super::proxy::ORDERS_FIELD;

/// How long before its end a token is replaced: longer than any call takes here.
pub(super) const RENEWED_BEFORE: Duration = Duration::from_secs(45);

/// How often a call is sent elsewhere before it is given up.
const REDIRECTS: usize = 3;

/// What a call may end as.
pub(super) type Sent = Result<Response<ResponseBody<Incoming>>, CarryError<ClientError>>;

/// What every sender of the demo owns, sending contexts to `destinations` only.
pub(super) fn carry(destinations: &[SocketAddr]) -> CarryBuilder {
    let origins: Vec<String> = destinations
        .iter()
        .map(|at| format!("http://{at}"))
        .collect();
    CarryLayer::builder(origins.iter().map(String::as_str))
        .add_owned_header(LEGACY_FIELD)
        .add_owned_header("x-tenant-id")
        .add_owned_baggage("tenant.id")
}

/// The client of one service. Cloning shares its connections.
#[derive(Clone, Debug)]
pub(super) struct Outbound(Carry<Client>);

impl Outbound {
    pub(super) fn new(carry: &CarryLayer) -> Self {
        Self(carry.layer(net::client()))
    }

    /// A client of the service `name`, which replaces tokens that are about to expire.
    pub(super) fn of(
        name: &str,
        issuer: TokenIssuer,
        destinations: &[SocketAddr],
    ) -> Result<Self, Failure> {
        let service = Actor::new(ActorKind::Service, Principal::platform("services", name)?);
        let tokens = EmbeddedTokens::new(issuer, service);
        let carry = carry(destinations).with_renewal(tokens, RENEWED_BEFORE);
        Ok(Self::new(&carry.build()?))
    }

    /// Sends a call as it is.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Sent {
        self.0.clone().oneshot(request).await
    }

    /// Sends a call in a context, and follows where it is sent to. Each step is a call of its own,
    /// so what leaves the domain on the way leaves without a context.
    pub(super) async fn follow(&self, cx: &impl Carried, request: Request<Bytes>) -> Sent {
        let (head, body) = request.into_parts();
        let mut to = head.uri.clone();
        let mut step = 0;
        loop {
            let mut request = Request::new(Full::new(body.clone())).in_context(cx);
            *request.method_mut() = head.method.clone();
            *request.headers_mut() = head.headers.clone();
            if step > 0 {
                // It was for whoever sent the call here.
                request.headers_mut().remove(ORDERS_FIELD);
            }
            *request.uri_mut() = to;
            let response = self.send(request).await?;
            match redirected(&response) {
                Some(next) if step < REDIRECTS => to = next,
                Some(_) | None => return Ok(response),
            }
            step += 1;
        }
    }
}

/// Where a response sends a call.
pub(super) fn redirected<B>(response: &Response<B>) -> Option<Uri> {
    let moves = [
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !moves.contains(&response.status()) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    location.parse().ok()
}

/// The answer to a call whose own call could not be made.
pub(super) fn failed<E>(error: &CarryError<E>) -> Response<Bytes> {
    match error.refused() {
        Some(refused) => refused.to_response(),
        None => net::status(StatusCode::BAD_GATEWAY),
    }
}
