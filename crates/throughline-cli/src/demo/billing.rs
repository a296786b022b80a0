//! Billing: a bare hyper service, without a framework, that calls the ledger over gRPC.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use throughline::accept::AcceptBuilder;
use throughline::{AcceptLayer, TenantContext, TrustDomain, Witness, admitted};
use tower::{Layer as _, Service};

use super::ledger::{self, LedgerClient};
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
        .add_witness(Witness::baggage("tenant.id")?.optional())
        .with_legacy_header(LEGACY_FIELD)
        .exempt("/health"))
}

/// Serves billing behind `accept`, in front of the ledger at `ledger`.
pub(super) async fn serve(
    accept: &AcceptLayer,
    ledger: SocketAddr,
    log: Log,
) -> Result<Server, Failure> {
    let ledger = LedgerClient::new(ledger)?;
    Ok(net::serve(accept.layer(Billing { ledger, log })).await?)
}

/// The handler.
#[derive(Clone, Debug)]
struct Billing {
    ledger: LedgerClient,
    log: Log,
}

impl Service<Request<Incoming>> for Billing {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    // Boxed, as it waits for the ledger.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    /// It reads no body, so it is ready at once.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let billing = self.clone();
        Box::pin(async move { Ok(billing.handle(&request).await.map(Full::new)) })
    }
}

impl Billing {
    async fn handle(&self, request: &Request<Incoming>) -> Response<Bytes> {
        let headers = request.headers();
        if request.uri().path() == "/health" {
            let hop = match admitted(request.extensions()) {
                Ok(context) => Hop::of("billing", context),
                Err(_) => Hop::anonymous("billing"),
            };
            self.log.note(headers, &hop);
            return net::json(StatusCode::OK, &Answer { hops: vec![hop] });
        }
        let cx = match TenantContext::of(request.extensions()) {
            Ok(cx) => cx,
            Err(refused) => return refused.to_response(),
        };
        let hop = Hop::of("billing", cx.admitted());
        self.log.note(headers, &hop);
        // Every invoice is written into the books before it is shown.
        match self.ledger.record(&cx, headers).await {
            Ok(booked) => net::json(
                StatusCode::OK,
                &Answer {
                    hops: vec![hop, booked],
                },
            ),
            Err(status) => match ledger::handed_on(&status) {
                Some(refused) => refused.to_response(),
                None => net::status(StatusCode::BAD_GATEWAY),
            },
        }
    }
}
