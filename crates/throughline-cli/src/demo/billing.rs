//! Billing: a bare hyper service, without a framework.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use throughline::accept::AcceptBuilder;
use throughline::{AcceptLayer, Refused, TenantContext, TrustDomain, Witness, admitted};
use tower::{Layer as _, Service};

use super::log::{Answer, Hop, Log};
use super::net::{self, Failure, Server};
use super::orders::HOSTS;

/// A legacy field that billing's handler still reads. It is set anew from the proof.
pub(super) const LEGACY_FIELD: &str = "x-tenant";

/// What billing compares with the context.
pub(super) fn accept(domain: TrustDomain) -> Result<AcceptBuilder, Failure> {
    Ok(AcceptLayer::builder(domain)
        .add_witness(Witness::path_in(
            "tenant",
            ["/t/{tenant}/invoices", "/t/{tenant}/invoices/{id}"],
        )?)
        .add_witness(Witness::header("x-tenant-id")?.optional())
        // A gateway of this machine sends a constant `Host`, and the original beside it.
        .add_witness(
            Witness::subdomain_of(HOSTS)?
                .behind_proxies(["127.0.0.1"])?
                .optional(),
        )
        .with_legacy_header(LEGACY_FIELD)
        .exempt("/health"))
}

/// Serves billing behind `accept`.
pub(super) async fn serve(accept: &AcceptLayer, log: Log) -> Result<Server, Failure> {
    Ok(net::serve(accept.layer(Billing { log })).await?)
}

/// The handler. It reads no body, so it is ready at once.
#[derive(Clone, Debug)]
struct Billing {
    log: Log,
}

impl Service<Request<Incoming>> for Billing {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let response = match request.uri().path() {
            "/health" => match admitted(request.extensions()) {
                Ok(context) => self.answer(request.headers(), Hop::of("billing", context)),
                Err(_) => self.answer(request.headers(), Hop::anonymous("billing")),
            },
            _ => match TenantContext::of(request.extensions()) {
                Ok(cx) => self.answer(request.headers(), Hop::of("billing", cx.admitted())),
                Err(refused) => Refused::to_response(&refused),
            },
        };
        ready(Ok(response.map(Full::new)))
    }
}

impl Billing {
    fn answer(&self, headers: &HeaderMap, hop: Hop) -> Response<Bytes> {
        self.log.note(headers, &hop);
        net::json(StatusCode::OK, &Answer { hops: vec![hop] })
    }
}
