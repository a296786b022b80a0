//! The edge: exchanges a foreign credential for a context, compares it with the request like any
//! hop, and forwards.
//!
//! [`throughline_identity`] does all of that; what it goes by is in [`Trusted`].

mod trusted;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderName, StatusCode};
use http_body_util::BodyDataStream;
use throughline::TenantContext;
use throughline_identity::AuthenticateLayer;
use tokio_stream::StreamExt as _;

pub(super) use self::trusted::{Addresses, SESSION_COOKIE, Sources, Trusted, layer};
use super::log::{Answer, Hop, Log};
use super::net::{self, Failure, Port, Server};
use super::orders;
use super::outbound::{self, Outbound};

/// Fields of one connection (RFC 9110 §7.6.1), and those this proxy writes itself. The credential
/// is not among them: the layer in front takes it away.
const NOT_FORWARDED: [HeaderName; 7] = [
    http::header::CONNECTION,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    CONTENT_LENGTH,
    HOST,
];

#[derive(Clone)]
struct Edge {
    orders: SocketAddr,
    agent: SocketAddr,
    outbound: Outbound,
    log: Log,
}

/// Serves the edge behind `layer`, in front of orders and an agent.
pub(super) fn serve(
    port: Port,
    layer: AuthenticateLayer,
    (orders, agent): (SocketAddr, SocketAddr),
    log: Log,
) -> Result<Server, Failure> {
    let edge = Edge {
        outbound: Outbound::new(&outbound::carry(&[orders, agent]).build()?),
        orders,
        agent,
        log,
    };
    let app = Router::new()
        .route("/t/{tenant}/{*rest}", any(forward))
        .layer(layer)
        .with_state(edge);
    Ok(net::serve_at(port, app)?)
}

/// Sends the request on, in its context and without what belongs to this hop.
async fn forward(State(edge): State<Edge>, cx: TenantContext, request: Request) -> Response {
    let hop = Hop::of("edge", cx.admitted());
    edge.log.note(request.headers(), &hop);
    let onward = match edge.onward(request).await {
        Ok(onward) => onward,
        Err(_) => return StatusCode::BAD_GATEWAY.into_response(),
    };
    let (mut head, body) = match edge.outbound.follow(&cx, onward).await {
        Ok(response) => response.into_parts(),
        Err(error) => return outbound::failed(&error).map(Body::from),
    };
    head.headers.remove(CONTENT_LENGTH);
    if head.headers.get(CONTENT_TYPE) == Some(&orders::EVENTS) {
        // As it comes: there is no end to wait for.
        let own = tokio_stream::once(Ok(orders::line(&hop)));
        let events = own.chain(BodyDataStream::new(body));
        return Response::from_parts(head, Body::from_stream(events));
    }
    let Ok(body) = net::collect(body).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let answer = serde_json::from_slice::<Answer>(&body).ok();
    match answer.filter(|_| head.status.is_success()) {
        Some(mut answer) => {
            answer.hops.insert(0, hop);
            net::json(head.status, &answer).map(Body::from)
        }
        None => Response::from_parts(head, Body::from(body)),
    }
}

impl Edge {
    async fn onward(&self, request: Request) -> Result<http::Request<Bytes>, Failure> {
        let (head, body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let to = match head.uri.path().split('/').nth(3) {
            Some("summaries") => self.agent,
            Some(_) | None => self.orders,
        };
        let mut onward = http::Request::new(net::collect(body).await?);
        *onward.method_mut() = head.method;
        *onward.uri_mut() = format!("http://{to}{target}").parse()?;
        *onward.headers_mut() = head.headers;
        for name in NOT_FORWARDED {
            onward.headers_mut().remove(name);
        }
        Ok(onward)
    }
}
