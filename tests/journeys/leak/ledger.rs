//! The second service over gRPC. It speaks tonic's own health protocol: the text of a request names
//! the tenant, how to answer and the number of the request, and the status of an answer is the
//! number of the tenant that was seen.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use throughline::carry::Carried;
use throughline::{Carry, CarryLayer, RequireLayer, TenantContext, TrustDomain, scope};
use throughline_core::Tenant;
use throughline_tonic::{DropTrailersLayer, RequestExt, refusal_of};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::Layer;
use tower::filter::AsyncFilterLayer;
use tracing::{Instrument, Span};

use super::services::{Invoices, RETRIES, accept};
use super::truth::{Place, TENANTS, Truth, tenant};
use super::watch::span;

/// Says which request a call is made for, to the span that the server opens before anybody reads
/// the message.
const REQUEST: &str = "x-request";

// ---- the service

struct Ledger {
    invoices: Invoices,
    domain: TrustDomain,
}

/// Serves, and counts connections: those of one channel come after each other.
pub(crate) async fn serve(domain: &TrustDomain, invoices: Invoices) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let truth = Arc::clone(&invoices.truth);
    let sockets = TcpListenerStream::new(listener).map(move |socket| {
        truth.opened();
        socket
    });
    let ledger = Ledger {
        invoices,
        domain: domain.clone(),
    };
    let require = RequireLayer::builder().scope("documents.read").build();
    let server = Server::builder()
        .trace_fn(|request| {
            let number = request.headers().get(REQUEST);
            let number = number.and_then(|number| number.to_str().ok()?.parse().ok());
            span(number.unwrap_or(0))
        })
        // tonic enters that span when the call is polled; until then nobody decides on it.
        .layer(AsyncFilterLayer::new(|request: http::Request<Body>| {
            ready(Ok::<_, Infallible>(request))
        }))
        .layer(DropTrailersLayer)
        .layer(accept(domain))
        .layer(require.unwrap())
        .add_service(HealthServer::new(ledger));
    tokio::spawn(server.serve_with_incoming(sockets));
    address
}

impl Ledger {
    /// Who asks, how to answer, and for which request.
    fn read(
        &self,
        request: &Request<HealthCheckRequest>,
    ) -> Result<(TenantContext, String, u64), Status> {
        let cx = request.tenant_context()?;
        request.agree("service", |message| {
            message.service.split('/').next().unwrap_or("")
        })?;
        let mut words = request.get_ref().service.split('/').skip(1);
        let how = words.next().unwrap().to_owned();
        let number = words.next().unwrap().parse().unwrap();
        self.invoices.truth.bare(number);
        Ok((cx, how, number))
    }
}

/// An answer that says who was seen.
fn answer(seen: Option<Tenant>) -> Result<HealthCheckResponse, Status> {
    let seen = seen.ok_or_else(|| Status::unavailable("busy"))?;
    let number = seen.as_str().rsplit('-').next().unwrap();
    Ok(HealthCheckResponse {
        status: number.parse().unwrap(),
    })
}

#[tonic::async_trait]
impl Health for Ledger {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let (cx, how, number) = self.read(&request)?;
        let seen = self.invoices.answer(&how, number, &cx).await;
        let mut response = Response::new(answer(seen)?);
        // Tells whose call it is, as careless handlers do.
        for field in ["txn-token", "x-tenant"] {
            let own = cx.tenant().as_str().parse().unwrap();
            response.metadata_mut().insert(field, own);
        }
        Ok(response)
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// Three items, of which the second is late, or never there, or a panic.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (cx, how, number) = self.read(&request)?;
        let (invoices, span) = (self.invoices.clone(), Span::current());
        let ways = ["ok".to_owned(), how, "ok".to_owned()];
        let items = tokio_stream::iter(ways).then(move |how| {
            let invoices = invoices.clone();
            let item = async move {
                // The stream knows nothing but its scope.
                let cx = scope::current().map_err(|none| Status::aborted(none.to_string()))?;
                answer(invoices.answer(&how, number, &cx).await)
            };
            item.instrument(span.clone())
        });
        let guarded = cx.guard_stream(self.domain.clone(), items);
        let items = guarded
            .map(|item| item.unwrap_or_else(|ended| Err(Status::aborted(ended.to_string()))));
        Ok(Response::new(Box::pin(items)))
    }
}

// ---- its client

/// Calls the service over the one channel of the entry.
#[derive(Clone)]
pub(crate) struct LedgerClient {
    client: HealthClient<Carry<Channel>>,
    truth: Arc<Truth>,
}

impl LedgerClient {
    pub(crate) fn new(address: SocketAddr, carry: &CarryLayer, truth: &Arc<Truth>) -> Self {
        let origin: http::Uri = format!("http://{address}").parse().unwrap();
        let channel = Channel::builder(origin.clone()).connect_lazy();
        Self {
            client: HealthClient::with_origin(carry.layer(channel), origin),
            truth: Arc::clone(truth),
        }
    }

    /// Calls, tries again what failed, and says what the service saw.
    pub(crate) async fn call(
        &self,
        how: &str,
        request: u64,
        cx: &(impl Carried + Sync),
    ) -> Option<String> {
        let own = self.truth.tenant_of(request);
        if request.is_multiple_of(20) {
            self.drift(request, cx).await;
        }
        for _ in 0..=RETRIES {
            let status = match self.ask(&own, how, request, cx).await {
                Ok(()) => return Some(own),
                Err(status) => status,
            };
            // Calls break here all the time; refusals would be ours.
            let refused = refusal_of(&status).is_some() || reason(&status).is_some();
            let right = !refused && status.code() != Code::Aborted;
            self.truth.check(Place::Echo, right, || {
                format!("call of request {request}: {status:?}")
            });
        }
        None
    }

    /// A stranger on the connection of the others: the message names another tenant.
    async fn drift(&self, request: u64, cx: &(impl Carried + Sync)) {
        let other = (0..TENANTS).map(tenant);
        let other = other.filter(|other| *other != self.truth.tenant_of(request));
        let answered = self.ask(&other.last().unwrap(), "ok", request, cx).await;
        let right = match &answered {
            Ok(()) => false,
            Err(status) => reason(status).is_none_or(|reason| reason == "tenant_mismatch"),
        };
        self.truth.check(Place::Stranger, right, || {
            format!("a drifted call of request {request} was answered {answered:?}")
        });
    }

    /// One call: every other request reads a stream.
    async fn ask(
        &self,
        own: &str,
        how: &str,
        request: u64,
        cx: &(impl Carried + Sync),
    ) -> Result<(), Status> {
        let mut asked = Request::new(HealthCheckRequest {
            service: format!("{own}/{how}/{request}"),
        })
        .in_context(cx);
        asked.metadata_mut().insert(REQUEST, request.into());
        if how == "hang" {
            // Both ends give up by themselves, most often before the entry does.
            asked.set_timeout(Duration::from_millis(1));
        }
        let mut client = self.client.clone();
        if request.is_multiple_of(2) {
            let response = client.watch(asked).await?;
            self.bare(request, response.metadata());
            let mut items = response.into_inner();
            let mut count = 0;
            while let Some(item) = items.message().await? {
                self.saw(request, &item);
                count += 1;
            }
            self.truth.check(Place::Echo, count == 3, || {
                format!("the stream of request {request} ended after {count} items")
            });
        } else {
            let response = client.check(asked).await?;
            self.bare(request, response.metadata());
            self.saw(request, response.get_ref());
        }
        Ok(())
    }

    fn saw(&self, request: u64, answer: &HealthCheckResponse) {
        let seen = format!("tenant-{}", answer.status);
        self.truth.saw(Place::Echo, request, &seen);
    }

    /// Nothing of ours comes back.
    fn bare(&self, request: u64, metadata: &MetadataMap) {
        let text = format!("{metadata:?}");
        let right = !text.contains("txn-token") && !text.contains("tenant");
        self.truth.check(Place::Echo, right, || {
            format!("request {request} was answered with {text}")
        });
    }
}

/// The reason of a refusal that the service answered.
fn reason(status: &Status) -> Option<&str> {
    status.metadata().get("throughline-reason")?.to_str().ok()
}
