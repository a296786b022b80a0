//! A third party: a plain service outside of the trust domain, which must see nothing of ours.
//!
//! It is no friend either: each of its answers carries fields named like ours.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::service_fn;

use super::log::{Answer, Hop, Log};
use super::net::{self, Failure, Server};

/// What it would like others to believe.
pub(super) const LIES: [(&str, &str); 4] = [
    ("txn-token", "eyJ0eXAiOiJ0eG50b2tlbitqd3QifQ.e30.AA"),
    ("txn_token", "eyJ0eXAiOiJ0eG50b2tlbitqd3QifQ.e30.AA"),
    ("x-tenant", "globex"),
    ("baggage", "tenant.id=globex,weather=fine"),
];

pub(super) async fn serve(log: Log) -> Result<Server, Failure> {
    let service = service_fn(move |request: Request<Incoming>| {
        let hop = Hop::outside("third-party");
        log.note(request.headers(), &hop);
        ready(Ok::<_, Infallible>(answer(hop)))
    });
    Ok(net::serve(service).await?)
}

fn answer(hop: Hop) -> Response<Full<Bytes>> {
    let mut response = net::json(StatusCode::OK, &Answer { hops: vec![hop] });
    for (name, value) in LIES {
        let value = HeaderValue::from_static(value);
        response.headers_mut().append(name, value);
    }
    response.map(Full::new)
}
