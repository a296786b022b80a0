//! An agent that works for a user: it acts with a narrower context than the one it was called with,
//! in which it is itself the actor.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use throughline::tokens::EmbeddedTokens;
use throughline::{
    AcceptLayer, Narrowed, NarrowingError, Refused, TenantContext, TrustDomain, Witness,
};
use throughline_core::grant::{DataGrant, DataScope, Task};
use throughline_core::reason::Position;
use throughline_core::{Actor, ActorKind, Principal, Reason, Refusal};
use throughline_jose::TokenIssuer;

use super::log::{self, Answer, Hop, Log};
use super::net::{self, Failure, Server};
use super::outbound::{self, Outbound};

#[derive(Clone)]
struct Agent {
    orders: SocketAddr,
    outbound: Outbound,
    tokens: EmbeddedTokens,
    log: Log,
}

/// Serves the agent in front of orders at `orders`.
pub(super) async fn serve(
    domain: TrustDomain,
    issuer: TokenIssuer,
    orders: SocketAddr,
    log: Log,
) -> Result<Server, Failure> {
    let accept = AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .build()?;
    // Whoever authenticates at the token service acts; here the process is the agent.
    let actor = Actor::new(ActorKind::Agent, Principal::platform("agents", "scribe")?);
    let agent = Agent {
        orders,
        outbound: Outbound::of("agent", issuer.clone(), &[orders])?,
        tokens: EmbeddedTokens::new(issuer, actor),
        log,
    };
    let app = Router::new()
        .route("/t/{tenant}/summaries", get(summarise))
        .route("/t/{tenant}/summaries/paid", post(overreach))
        .route("/t/{tenant}/summaries/all", get(overask))
        .layer(accept)
        .with_state(agent);
    Ok(net::serve(app).await?)
}

/// Reads reports for the user, and can do nothing else.
async fn summarise(State(agent): State<Agent>, cx: TenantContext, headers: HeaderMap) -> Response {
    agent.act(&cx, &headers, Method::GET, "reports").await
}

/// The user may pay. The agent, acting for the user to report, may not.
async fn overreach(State(agent): State<Agent>, cx: TenantContext, headers: HeaderMap) -> Response {
    agent.act(&cx, &headers, Method::POST, "payments").await
}

/// Asks for more than the user has.
async fn overask(State(agent): State<Agent>, cx: TenantContext, headers: HeaderMap) -> Response {
    agent.note(&cx, &headers);
    let asking = cx.narrow().scope("orders.read tenants.delete");
    match asking.request(&agent.tokens).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => refused(error).into_response(),
    }
}

impl Agent {
    fn note(&self, cx: &TenantContext, headers: &HeaderMap) -> Hop {
        let hop = Hop::of("agent", cx.admitted());
        self.log.note(headers, &hop);
        hop
    }

    async fn act(
        &self,
        cx: &TenantContext,
        headers: &HeaderMap,
        method: Method,
        what: &str,
    ) -> Response {
        let hop = self.note(cx, headers);
        let narrowed = match self.narrow(cx).await {
            Ok(narrowed) => narrowed,
            Err(refused) => return refused.into_response(),
        };
        let uri = format!("http://{}/t/{}/{what}", self.orders, cx.tenant());
        let request = Request::builder().method(method).uri(uri);
        let Ok(mut request) = request.body(Bytes::new()) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        log::pass_on(headers, request.headers_mut());
        let response = match self.outbound.follow(&narrowed, request).await {
            Ok(response) => response,
            Err(error) => return outbound::failed(&error).map(Body::from),
        };
        let (head, body) = response.into_parts();
        let body = net::collect(body).await.unwrap_or_default();
        match serde_json::from_slice::<Answer>(&body) {
            Ok(mut answer) if head.status.is_success() => {
                answer.hops.insert(0, hop);
                net::json(StatusCode::OK, &answer).map(Body::from)
            }
            Ok(_) | Err(_) => {
                let mut response = Response::new(Body::from(body));
                *response.status_mut() = head.status;
                response
            }
        }
    }

    /// Only to read orders, only for this task, in place of everything the user may do.
    async fn narrow(&self, cx: &TenantContext) -> Result<Narrowed, Refused> {
        let invalid = |error: &dyn std::fmt::Display| {
            let refusal = Refusal::new(Reason::ClaimInvalid).because(error.to_string());
            Refused::new(refusal, Position::Inside)
        };
        let task = Task::new("summarise-q3")
            .and_then(|task| task.for_purpose("report"))
            .map_err(|error| invalid(&error))?;
        let orders = DataGrant::of("order")
            .and_then(|orders| orders.acting(["read"]))
            .map_err(|error| invalid(&error))?;
        let narrowing = cx
            .narrow()
            .scope("orders.read")
            .task(task)
            .data(DataScope::limited([orders]));
        narrowing.request(&self.tokens).await.map_err(refused)
    }
}

fn refused(error: NarrowingError) -> Refused {
    let refusal = match error {
        NarrowingError::Refused(refusal) => refusal,
        NarrowingError::Scope(error) => {
            Refusal::new(Reason::ClaimInvalid).because(error.to_string())
        }
    };
    Refused::new(refusal, Position::Inside)
}
