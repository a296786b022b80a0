//! Orders: an axum service that calls billing with the context it was called with.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use throughline::accept::AcceptBuilder;
use throughline::{
    AcceptLayer, BodyWitnessLayer, Observed, RequireLayer, TenantContext, TrustDomain, Witness,
};
use throughline_core::ActorKind;

use super::log::{Answer, CALL_FIELD, Hop, Log};
use super::net::{self, Client, Failure, Server};

/// Tenants have hosts of their own in front of this.
pub(super) const HOSTS: &str = "tenants.example";
/// How recent an authentication a payment needs.
pub(super) const PAYMENT_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// What orders compares with the context.
pub(super) fn accept(domain: TrustDomain) -> Result<AcceptBuilder, Failure> {
    Ok(AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .add_witness(Witness::subdomain_of(HOSTS)?.optional())
        .add_witness(Witness::header("x-tenant-id")?.optional())
        .add_witness(Witness::query("tenant").optional())
        .add_witness(Witness::baggage("tenant.id")?.optional())
        .exempt("/health"))
}

#[derive(Clone, Debug)]
struct Orders {
    billing: SocketAddr,
    client: Client,
    log: Log,
}

/// Serves orders behind `accept`, in front of billing at `billing`.
pub(super) async fn serve(
    accept: AcceptLayer,
    billing: SocketAddr,
    log: Log,
) -> Result<Server, Failure> {
    let body = BodyWitnessLayer::builder()
        .add_tenant_field("/order/tenant_id")
        .build()?;
    let pay = RequireLayer::builder()
        .scope("payments.create")
        .authenticated_within(PAYMENT_MAX_AGE)
        .build()?;
    let report = RequireLayer::builder()
        .actor(ActorKind::Agent)
        .purpose("report")
        .data("order", "read")
        .build()?;
    let app = Router::new()
        .route(
            "/t/{tenant}/orders",
            get(handle).merge(post(handle).layer(body)),
        )
        .route("/t/{tenant}/payments", post(handle).layer(pay))
        .route("/t/{tenant}/reports", get(handle).layer(report))
        .route("/t/{tenant}/observed", get(observe))
        .route("/health", get(|| async { "ok" }))
        .layer(accept)
        .with_state(Orders {
            billing,
            client: net::client(),
            log,
        });
    Ok(net::serve(app).await?)
}

/// Every order ends in an invoice, so every route calls billing.
async fn handle(State(orders): State<Orders>, cx: TenantContext, headers: HeaderMap) -> Response {
    let hop = Hop::of("orders", cx.admitted());
    orders.log.note(&headers, &hop);
    match bill(&orders, &cx, &headers).await {
        Ok((StatusCode::OK, body)) => match serde_json::from_slice::<Answer>(&body) {
            Ok(mut answer) => {
                answer.hops.insert(0, hop);
                net::json(StatusCode::OK, &answer).map(Body::from)
            }
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        },
        Ok((status, body)) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// Forwards the context byte for byte. Nothing else of the request goes along.
async fn bill(
    orders: &Orders,
    cx: &TenantContext,
    headers: &HeaderMap,
) -> Result<(StatusCode, bytes::Bytes), Failure> {
    let uri = format!("http://{}/t/{}/invoices", orders.billing, cx.tenant());
    let mut token = HeaderValue::from_bytes(cx.admitted().token())?;
    token.set_sensitive(true);
    let mut request = Request::get(uri)
        .header("txn-token", token)
        .body(Full::default())?;
    if let Some(call) = headers.get(CALL_FIELD) {
        request.headers_mut().insert(CALL_FIELD, call.clone());
    }
    let response = orders.client.request(request).await?;
    let status = response.status();
    Ok((status, net::collect(response.into_body()).await?))
}

/// For a service that is being moved behind `Accept`: answers either way, and says which.
async fn observe(
    State(orders): State<Orders>,
    Observed(observed): Observed,
    headers: HeaderMap,
) -> Response {
    let answer = match observed {
        Ok(cx) => {
            let hop = Hop::of("orders", cx.admitted());
            orders.log.note(&headers, &hop);
            json!({"hops": [hop]})
        }
        Err(refused) => json!({"hops": [], "would_refuse": refused.reason().code()}),
    };
    net::json(StatusCode::OK, &answer).map(Body::from)
}
