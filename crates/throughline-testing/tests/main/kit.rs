//! Services to attack: our own, in several fronts.

use std::convert::Infallible;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use throughline::{
    AcceptBuilder, AcceptLayer, BodyWitnessLayer, BufferedBody, ResponseBody, TenantContext,
    Witness,
};
use throughline_core::projection::{Member, Projection};
use throughline_testing::TestDomain;
use throughline_testing::run::RequestBody;
use tonic::service::Routes;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, service_fn};

/// An answer that says whose it is.
pub(crate) fn orders_of(tenant: &str) -> String {
    format!("{{\"orders\":[\"a chair for {tenant}\"]}}")
}

/// A layer with a witness in the header, in the query, in baggage and in the host.
pub(crate) fn four_witnesses(domain: &TestDomain) -> AcceptBuilder {
    AcceptLayer::builder(domain.trust_domain())
        .add_witness(Witness::subdomain_of("orders.test").unwrap())
        .add_witness(Witness::header("x-tenant-id").unwrap())
        .add_witness(Witness::query("tenant"))
        .add_witness(Witness::baggage("tenant").unwrap())
}

/// A service of ours in axum, with one more in the path.
pub(crate) fn ours(domain: &TestDomain) -> Router {
    let accept = four_witnesses(domain)
        .add_witness(Witness::path("tenant"))
        .exempt("/health")
        .build()
        .unwrap();
    let orders = |cx: TenantContext| async move { orders_of(cx.tenant().as_str()) };
    Router::new()
        .route("/t/{tenant}/orders", any(orders))
        .route("/health", any(|| async { "well" }))
        .layer(accept)
}

pub(crate) type App<B> = BoxCloneSyncService<Request<RequestBody>, Response<B>, Infallible>;

/// A handler without any framework, that says whose orders it gives.
async fn handle<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = match TenantContext::of(request.extensions()) {
        Ok(cx) => Response::new(Full::from(orders_of(cx.tenant().as_str()))),
        Err(refused) => refused.to_response().map(Full::new),
    };
    Ok(answer)
}

/// The same layer over a bare tower service, with a body that names the tenant too.
pub(crate) fn bare(domain: &TestDomain) -> App<ResponseBody<ResponseBody<Full<Bytes>>>> {
    let accept = four_witnesses(domain)
        .add_witness(Witness::path_in("tenant", ["/t/{tenant}/orders"]).unwrap())
        .build()
        .unwrap();
    let body = BodyWitnessLayer::builder()
        .add_tenant_field("/order/tenant")
        .build()
        .unwrap();
    let inner = service_fn(|request: Request<BufferedBody>| handle(request));
    BoxCloneSyncService::new(accept.layer(body.layer(inner)))
}

/// A service that relies on a copy of the tenant.
pub(crate) fn relying(domain: &TestDomain) -> App<ResponseBody<Full<Bytes>>> {
    let copy = Projection::header(Member::Tenant, "x-copy").unwrap();
    let accept = AcceptLayer::builder(domain.trust_domain())
        .relies_on(copy)
        .add_witness(Witness::path_segment(1))
        .build()
        .unwrap();
    BoxCloneSyncService::new(accept.layer(service_fn(handle)))
}

/// A unary method of a service that answers of its tenant.
struct Ledger;

#[tonic::async_trait]
impl Health for Ledger {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, tonic::Status> {
        let cx = TenantContext::of(request.extensions());
        let cx = cx.map_err(|refused| tonic::Status::internal(refused.reason().code()))?;
        let status = match cx.tenant().as_str() {
            "acme" => ServingStatus::Serving,
            _ => ServingStatus::NotServing,
        };
        Ok(tonic::Response::new(HealthCheckResponse {
            status: status.into(),
        }))
    }

    type WatchStream = tokio_stream::Empty<Result<HealthCheckResponse, tonic::Status>>;

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, tonic::Status> {
        Ok(tonic::Response::new(tokio_stream::empty()))
    }
}

/// A service of ours in tonic, with a witness in the metadata.
pub(crate) fn grpc(domain: &TestDomain) -> App<ResponseBody<tonic::body::Body>> {
    let accept = AcceptLayer::builder(domain.trust_domain())
        .add_witness(Witness::header("x-tenant-id").unwrap())
        .build()
        .unwrap();
    let routes = Routes::new(HealthServer::new(Ledger));
    BoxCloneSyncService::new(accept.layer(routes))
}
