//! The two services: an entry that handles its requests in every way that loses a context, and the
//! one behind it, over HTTP here and over gRPC in [`ledger`](super::ledger).

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::{Future, Ready, pending, ready};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use throughline::carry::Carried;
use throughline::tokens::EmbeddedTokens;
use throughline::{
    AcceptLayer, Carry, CarryError, CarryLayer, Freshness, InContext, ResponseBody, TenantContext,
    TrustDomain, Witness, scope,
};
use throughline_core::grant::{Grant, Scope};
use throughline_core::projection::{Member, Projection};
use throughline_core::time::Timestamp;
use throughline_core::{Actor, ActorKind, Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::mint::{SigningKey, TokenIssuer};
use throughline_jose::{AdmissionPolicy, KeySet, KeySource};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, yield_now};
use tower::ServiceExt;
use tower::retry::{Policy, Retry};
use tracing::{Instrument, Span};

use super::Wire;
use super::chance::Chance;
use super::ledger::{self, LedgerClient};
use super::truth::{Place, TENANTS, Truth, tenant};
use super::watch::{log, span};

const DOMAIN: &str = "prod.example";
const NOW: u64 = 1_700_000_000;

pub(crate) type Http = legacy::Client<HttpConnector, Full<Bytes>>;
type Failure = CarryError<legacy::Error>;

fn now() -> Timestamp {
    Timestamp::from_unix(NOW)
}

pub(crate) fn http_client(wire: Wire) -> Http {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    match wire {
        Wire::Http1 => builder.build_http(),
        Wire::Http2 | Wire::Grpc => builder.http2_only(true).build_http(),
    }
}

/// Both services, and a token for each tenant.
pub(crate) struct System {
    pub(crate) entry: SocketAddr,
    pub(crate) tokens: Vec<String>,
}

impl System {
    pub(crate) async fn start(wire: Wire, truth: &Arc<Truth>) -> Self {
        let name = TrustDomainName::new(DOMAIN).unwrap();
        let issuer = TokenIssuer::new(name, SigningKey::generate().unwrap()).with_clock(now);
        let keys = KeySet::parse(issuer.jwks().as_bytes(), &AdmissionPolicy::new()).unwrap();
        let domain = TrustDomain::new(DOMAIN)
            .unwrap()
            .with_keys(KeySource::set(keys))
            .with_freshness(Freshness::lifetime_only(Duration::from_secs(600)))
            .with_clock(now);

        let invoices = Invoices::new(truth);
        let behind = match wire {
            Wire::Http1 | Wire::Http2 => serve(billing(&domain, invoices), Arc::clone(truth)).await,
            Wire::Grpc => ledger::serve(&domain, invoices).await,
        };
        let workload = Principal::platform("spiffe", "entry").unwrap();
        let workload = Actor::new(ActorKind::Service, workload);
        let embedded = EmbeddedTokens::new(issuer.clone(), workload);
        let carry = CarryLayer::builder([format!("http://{behind}").as_str()])
            .with_renewal(embedded.clone(), Duration::from_secs(60))
            .with_clock(now)
            .build()
            .unwrap();
        let client = match wire {
            Wire::Http1 | Wire::Http2 => {
                let client = tower::Layer::layer(&carry, http_client(wire));
                Client::Billing(behind, Retry::new(Again(RETRIES), client))
            }
            Wire::Grpc => Client::Ledger(LedgerClient::new(behind, &carry, truth)),
        };
        let entry = Entry {
            client,
            embedded,
            truth: Arc::clone(truth),
        };
        Self {
            entry: serve(entry.router(&domain), Arc::clone(truth)).await,
            tokens: (0..TENANTS).map(|n| mint(&issuer, n)).collect(),
        }
    }
}

/// The token of Ada of a tenant. Every other one is about to expire, so each call renews it.
fn mint(issuer: &TokenIssuer, number: u64) -> String {
    let age = if number.is_multiple_of(2) { 0 } else { 280 };
    let born = Timestamp::from_unix(NOW - age);
    let issuer = issuer.clone().with_clock(move || born);
    let principal = Principal::new("okta", Tenant::new(&tenant(number)).unwrap(), "ada").unwrap();
    let draft = Draft::user(principal, born)
        .unwrap()
        .with_grant(Grant::new(Scope::new("orders.* documents.read").unwrap()))
        .add_projection(Projection::header(Member::Tenant, "x-tenant").unwrap())
        .add_projection(Projection::baggage(Member::Tenant, "tenant.id").unwrap());
    issuer.mint(draft).unwrap()
}

/// Serves both versions of HTTP, and counts connections.
async fn serve(router: Router, truth: Arc<Truth>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (router, truth) = (router.clone(), Arc::clone(&truth));
            truth.opened();
            tokio::spawn(async move {
                struct Closed(Arc<Truth>);
                impl Drop for Closed {
                    fn drop(&mut self) {
                        self.0.closed();
                    }
                }
                let _closed = Closed(truth);
                let service = TowerToHyperService::new(router);
                // A connection whose handler panicked, or whose client left, ends here.
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    address
}

/// Opens a span around everything, as servers do. The number of the request is the last segment.
async fn traced(request: Request<Body>, next: Next) -> axum::response::Response {
    let number = request.uri().path().rsplit('/').next();
    let number = number.and_then(|number| number.parse().ok()).unwrap_or(0);
    next.run(request).instrument(span(number)).await
}

// ---- the second service

/// What it does, over whichever protocol it is asked.
#[derive(Clone)]
pub(crate) struct Invoices {
    pub(crate) truth: Arc<Truth>,
    /// Which requests were told once that it is busy.
    told: Arc<Mutex<HashSet<u64>>>,
}

impl Invoices {
    fn new(truth: &Arc<Truth>) -> Self {
        Self {
            truth: Arc::clone(truth),
            told: Arc::default(),
        }
    }

    /// The tenant it saw, or nothing if it is busy.
    pub(crate) async fn answer(
        &self,
        how: &str,
        request: u64,
        cx: &TenantContext,
    ) -> Option<Tenant> {
        self.truth
            .saw(Place::Downstream, request, cx.tenant().as_str());
        log(request, cx.tenant().as_str());
        match how {
            "busy" if self.told.lock().unwrap().insert(request) => return None,
            "hang" => cx.scope(pending()).await,
            "panic" => cx.scope(async { quiet_panic() }).await,
            _ => yield_now().await,
        }
        let seen = cx.scope(async { scope::current() }).await;
        Some(seen.unwrap().tenant().clone())
    }
}

/// The gate of the second service.
pub(crate) fn accept(domain: &TrustDomain) -> AcceptLayer {
    AcceptLayer::builder(domain.clone())
        .relies_on(Projection::header(Member::Tenant, "x-tenant").unwrap())
        .relies_on(Projection::baggage(Member::Tenant, "tenant.id").unwrap())
        .build()
        .unwrap()
}

fn billing(domain: &TrustDomain, invoices: Invoices) -> Router {
    Router::new()
        .route("/{how}/{request}", get(bill))
        .with_state(invoices)
        .layer(accept(domain))
        .layer(from_fn(traced))
}

async fn bill(
    State(invoices): State<Invoices>,
    Path((how, request)): Path<(String, u64)>,
    cx: TenantContext,
) -> Response<Body> {
    invoices.truth.bare(request);
    match invoices.answer(&how, request, &cx).await {
        Some(tenant) => Response::new(Body::from(tenant.to_string())),
        None => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// A panic that nobody is told about: thousands of them are part of the plan.
fn quiet_panic() {
    resume_unwind(Box::new("on purpose"));
}

// ---- the entry

/// How often a call is tried again.
pub(crate) const RETRIES: usize = 2;

/// Tries again what is busy, or whose connection broke.
#[derive(Clone)]
struct Again(usize);

impl Policy<Request<Full<Bytes>>, Response<ResponseBody<Incoming>>, Failure> for Again {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Full<Bytes>>,
        answer: &mut Result<Response<ResponseBody<Incoming>>, Failure>,
    ) -> Option<Ready<()>> {
        let again = match answer {
            Ok(response) => response.status() == StatusCode::SERVICE_UNAVAILABLE,
            Err(error) => error.refused().is_none(),
        };
        self.0 = self.0.checked_sub(1).filter(|_| again)?;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

/// What the entry may do with a request.
const WAYS: u64 = 11;

#[derive(Clone)]
struct Entry {
    client: Client,
    embedded: EmbeddedTokens,
    truth: Arc<Truth>,
}

/// The way to the second service.
#[derive(Clone)]
enum Client {
    Billing(SocketAddr, Retry<Again, Carry<Http>>),
    Ledger(LedgerClient),
}

impl Entry {
    fn router(self, domain: &TrustDomain) -> Router {
        let accept = AcceptLayer::builder(domain.clone())
            .add_witness(Witness::path("tenant"))
            .build()
            .unwrap();
        Router::new()
            .route("/t/{tenant}/{request}", get(handle))
            .with_state(Arc::new(self))
            .layer(accept)
            .layer(from_fn(traced))
    }

    /// Calls the second service, and says what it saw.
    async fn call(&self, how: &str, request: u64, cx: &(impl Carried + Sync)) -> Option<String> {
        let (billing, client) = match &self.client {
            Client::Billing(billing, client) => (billing, client.clone()),
            Client::Ledger(ledger) => return ledger.call(how, request, cx).await,
        };
        let to = Request::get(format!("http://{billing}/{how}/{request}")).in_context(cx);
        let response = match client.oneshot(to.body(Full::default()).unwrap()).await {
            Ok(response) => response,
            Err(error) => {
                // Connections break here all the time; refusals would be ours.
                let refused = error.refused();
                let what = || format!("call of request {request}: {error:?}");
                self.truth.check(Place::Echo, refused.is_none(), what);
                return None;
            }
        };
        let status = response.status();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        let seen = String::from_utf8_lossy(&body).into_owned();
        if status == StatusCode::OK {
            self.truth.saw(Place::Echo, request, &seen);
            return Some(seen);
        }
        let what = || format!("call of request {request}: {status} {seen}");
        self.truth
            .check(Place::Echo, status.is_server_error(), what);
        None
    }

    /// What spawned work does: it knows nothing but its scope.
    async fn work(&self, request: u64, mut chance: Chance) -> Option<String> {
        for _ in 0..chance.below(4) {
            yield_now().await;
        }
        let cx = scope::current().ok()?;
        self.truth.saw(Place::Scope, request, cx.tenant().as_str());
        log(request, cx.tenant().as_str());
        self.call("ok", request, &cx).await
    }
}

async fn handle(
    State(entry): State<Arc<Entry>>,
    Path((_, request)): Path<(String, u64)>,
    cx: TenantContext,
) -> Result<String, Infallible> {
    let truth = Arc::clone(&entry.truth);
    truth.saw(Place::Handler, request, cx.tenant().as_str());
    truth.bare(request);
    log(request, cx.tenant().as_str());
    let mut chance = truth.chance(request);
    let work = |chance: &Chance| {
        let (entry, chance) = (Arc::clone(&entry), chance.clone());
        async move { entry.work(request, chance).await }.instrument(Span::current())
    };
    let seen = match chance.below(WAYS) {
        0 => entry.call("ok", request, &cx).await,
        1 => cx.spawn(work(&chance)).await.unwrap(),
        2 => {
            let mut set = JoinSet::new();
            for _ in 0..3 {
                cx.spawn_on(&mut set, work(&chance));
            }
            // Work that was given nothing, between work that was.
            let bare = Arc::clone(&truth);
            set.spawn(async move {
                bare.bare(request);
                None
            });
            set.join_all().await.into_iter().flatten().next()
        }
        3 => {
            let (truth, span) = (Arc::clone(&truth), Span::current());
            let blocking = cx.spawn_blocking(move || {
                let seen = scope::current().unwrap().tenant().to_string();
                truth.saw(Place::Scope, request, &seen);
                span.in_scope(|| log(request, &seen));
                seen
            });
            Some(blocking.await.unwrap())
        }
        4 => {
            let narrowed = cx.narrow().scope("documents.read");
            let narrowed = narrowed.request(&entry.embedded).await.unwrap();
            entry.call("ok", request, &narrowed).await
        }
        5 => {
            let panics = cx.spawn(async {
                yield_now().await;
                quiet_panic();
            });
            assert!(panics.await.is_err());
            truth.bare(request);
            cx.scope(async { quiet_panic() }).await;
            None
        }
        6 => {
            let polls = chance.below(6);
            let dropped = DropAfter::new(polls, Box::pin(cx.scope(work(&chance))));
            let seen = dropped.await.flatten();
            truth.bare(request);
            seen
        }
        7 => entry.call("busy", request, &cx).await,
        8 => {
            let hangs = cx.scope(entry.call("hang", request, &cx));
            let seen = tokio::time::timeout(Duration::from_millis(3), hangs).await;
            truth.bare(request);
            seen.ok().flatten()
        }
        9 => {
            // Goes on when the response is long gone.
            drop(cx.spawn(work(&chance)));
            Some(cx.tenant().to_string())
        }
        _ => {
            // Two race, and the loser is dropped where it stands.
            tokio::select! {
                seen = cx.scope(work(&chance)) => seen,
                seen = entry.call("panic", request, &cx) => seen,
            }
        }
    };
    truth.bare(request);
    Ok(seen.unwrap_or_else(|| cx.tenant().to_string()))
}

/// Drops a future once it was polled a number of times and is not done.
pub(crate) struct DropAfter<F> {
    polls: u64,
    future: Option<F>,
}

impl<F> DropAfter<F> {
    pub(crate) fn new(polls: u64, future: F) -> Self {
        Self {
            polls,
            future: Some(future),
        }
    }
}

impl<F: Future + Unpin> Future for DropAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let left = self.polls.checked_sub(1);
        if let (Some(left), Some(future)) = (left, &mut self.future) {
            if let Poll::Ready(output) = Pin::new(future).poll(cx) {
                return Poll::Ready(Some(output));
            }
            self.polls = left;
            if left > 0 {
                return Poll::Pending;
            }
        }
        self.future = None;
        Poll::Ready(None)
    }
}
