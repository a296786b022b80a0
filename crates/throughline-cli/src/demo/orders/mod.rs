//! Orders: an axum service that calls billing, the ledger and a third party, in one piece and from
//! work it starts on its own.

mod fan_out;
mod stream;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;
use throughline::accept::AcceptBuilder;
use throughline::{
    AcceptLayer, BodyWitnessLayer, Observed, RequireLayer, TenantContext, TrustDomain, Witness,
};
use throughline_core::ActorKind;
use throughline_jose::TokenIssuer;

pub(super) use self::stream::{EVENTS, line};
use super::ledger::LedgerClient;
use super::log::{self, Answer, Hop, Log};
use super::net::{self, Failure, Server};
use super::outbound::{self, Outbound};

/// Tenants have hosts of their own in front of this.
pub(super) const HOSTS: &str = "tenants.example";
/// How recent an authentication a payment needs.
pub(super) const PAYMENT_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Baggage of somebody else, that a call takes along wherever it goes.
pub(super) const FOREIGN_BAGGAGE: &str = "weather=fine";

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

/// Whom orders calls, and what it needs for that.
#[derive(Clone, Debug)]
pub(super) struct Neighbours {
    /// Who gets contexts from it.
    pub(super) inside: Vec<SocketAddr>,
    pub(super) billing: SocketAddr,
    pub(super) ledger: SocketAddr,
    pub(super) third_party: SocketAddr,
    pub(super) issuer: TokenIssuer,
    /// What long work asks whether its context is still true.
    pub(super) domain: TrustDomain,
}

#[derive(Clone, Debug)]
struct Orders {
    neighbours: Neighbours,
    outbound: Outbound,
    ledger: LedgerClient,
    log: Log,
}

/// Serves orders behind `accept`.
pub(super) async fn serve(
    accept: AcceptLayer,
    neighbours: Neighbours,
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
    // The third party is not listed: it is outside.
    let outbound = Outbound::of("orders", neighbours.issuer.clone(), &neighbours.inside)?;
    let app = Router::new()
        .route(
            "/t/{tenant}/orders",
            get(handle).merge(post(handle).layer(body)),
        )
        .route("/t/{tenant}/payments", post(handle).layer(pay))
        .route("/t/{tenant}/reports", get(handle).layer(report))
        .route("/t/{tenant}/shipments", post(ship))
        .route("/t/{tenant}/bulk", get(fan_out::all))
        .route("/t/{tenant}/lost", get(fan_out::lost))
        .route("/t/{tenant}/unsaid", get(fan_out::unsaid))
        .route("/t/{tenant}/events", get(stream::events))
        .route("/t/{tenant}/observed", get(observe))
        .route("/health", get(|| async { "ok" }))
        .layer(accept)
        .with_state(Orders {
            ledger: LedgerClient::new(neighbours.ledger)?,
            outbound,
            neighbours,
            log,
        });
    Ok(net::serve(app).await?)
}

/// Every order ends in an invoice, so every route calls billing.
async fn handle(State(orders): State<Orders>, cx: TenantContext, headers: HeaderMap) -> Response {
    let hop = orders.note(&cx, &headers);
    orders.finish(&cx, &headers, vec![hop]).await
}

/// Has an order shipped by somebody outside, who learns no tenant from it.
async fn ship(State(orders): State<Orders>, cx: TenantContext, headers: HeaderMap) -> Response {
    let hop = orders.note(&cx, &headers);
    match orders.order_courier(&cx, &headers).await {
        Ok(courier) => orders.finish(&cx, &headers, vec![hop, courier]).await,
        Err(response) => response,
    }
}

impl Orders {
    fn note(&self, cx: &TenantContext, headers: &HeaderMap) -> Hop {
        let hop = Hop::of("orders", cx.admitted());
        self.log.note(headers, &hop);
        hop
    }

    async fn order_courier(
        &self,
        cx: &TenantContext,
        headers: &HeaderMap,
    ) -> Result<Hop, Response> {
        let uri = format!("http://{}/shipments", self.neighbours.third_party);
        let request = self.request(&uri, headers).map_err(lost_way)?;
        let sent = self.outbound.follow(cx, request).await;
        let response = sent.map_err(|error| outbound::failed(&error).map(Body::from))?;
        // It says what it likes; what is ours of that does not come in.
        let told = log::of_us(response.headers());
        let mut hop = Hop::outside("third-party");
        if told
            .iter()
            .any(|(name, value)| name != "baggage" || value.contains("tenant.id"))
        {
            hop.verdict = "believed".into();
        }
        Ok(hop)
    }

    /// Calls billing, and answers with all hops so far.
    async fn finish(
        &self,
        cx: &TenantContext,
        headers: &HeaderMap,
        mut hops: Vec<Hop>,
    ) -> Response {
        match self.bill(cx, headers).await {
            Ok(Answer { hops: behind }) => {
                hops.extend(behind);
                net::json(StatusCode::OK, &Answer { hops }).map(Body::from)
            }
            Err(response) => response,
        }
    }

    /// An invoice, or the answer to give instead.
    async fn bill(&self, cx: &TenantContext, headers: &HeaderMap) -> Result<Answer, Response> {
        let billing = self.neighbours.billing;
        let uri = format!("http://{billing}/t/{}/invoices", cx.tenant());
        let request = self.request(&uri, headers).map_err(lost_way)?;
        let sent = self.outbound.follow(cx, request).await;
        let (head, body) = sent
            .map_err(|error| outbound::failed(&error).map(Body::from))?
            .into_parts();
        let body = net::collect(body).await.map_err(lost_way)?;
        if head.status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| lost_way(error.into()));
        }
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = head.status;
        Err(response)
    }

    /// Nothing of the request that is handled goes along, but what the demo itself needs.
    fn request(&self, uri: &str, headers: &HeaderMap) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::get(uri)
            .header("baggage", FOREIGN_BAGGAGE)
            .body(Bytes::new())?;
        log::pass_on(headers, request.headers_mut());
        Ok(request)
    }
}

fn lost_way(_: Failure) -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

/// For a service that is being moved behind `Accept`: answers either way, and says which.
async fn observe(
    State(orders): State<Orders>,
    Observed(observed): Observed,
    headers: HeaderMap,
) -> Response {
    let answer = match observed {
        Ok(cx) => json!({"hops": [orders.note(&cx, &headers)]}),
        Err(refused) => json!({"hops": [], "would_refuse": refused.reason().code()}),
    };
    net::json(StatusCode::OK, &answer).map(Body::from)
}
