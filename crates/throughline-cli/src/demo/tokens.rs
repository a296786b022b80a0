//! The token service inside the edge: mints contexts, publishes their keys, and gives a narrower
//! context for one at hand. This is its inside face; only services of the domain call it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use throughline::{AcceptLayer, Freshness, Refused, TenantContext, TrustDomain, Witness};
use throughline_core::grant::{DataGrant, DataScope, Grant, Scope, Task};
use throughline_core::projection::{Member, Projection};
use throughline_core::reason::Position;
use throughline_core::time::Timestamp;
use throughline_core::{
    Actor, ActorKind, Draft, Principal, Reason, Refusal, TrustDomainName, json as strict,
};
use throughline_jose::{SigningKey, TokenIssuer};

use super::billing::LEGACY_FIELD;
use super::log::{Hop, Log};
use super::net::{self, Failure, Server};
use super::signer::Signer;

pub(super) const DOMAIN: &str = "demo.internal";
pub(super) const ISSUER: &str = "https://tokens.demo.internal";
/// The most that the domain's policy allows, for contexts that a person plays with.
pub(super) const LONGEST: Duration = Duration::from_secs(15 * 60);

/// An issuer, and its key in the hands of an attacker who wants to sign what it would not.
pub(super) fn issuer() -> Result<(TokenIssuer, Signer), Failure> {
    let key = SigningKey::generate()?;
    let copy = Signer::copy_of(&key)?;
    let issuer = TokenIssuer::new(TrustDomainName::new(DOMAIN)?, key).with_issuer(ISSUER);
    Ok((issuer, copy))
}

/// The copies that every context of the demo promises: for those who read them and no token.
pub(super) fn copies() -> Result<[Projection; 2], Failure> {
    Ok([
        Projection::header(Member::Tenant, LEGACY_FIELD)?,
        Projection::baggage(Member::Tenant, "tenant.id")?,
    ])
}

/// A draft that promises them.
pub(super) fn with_copies(draft: Draft) -> Result<Draft, Failure> {
    Ok(copies()?.into_iter().fold(draft, Draft::add_projection))
}

/// The domain for the edge's own process: it reads the keys where they are made.
pub(super) async fn domain(
    issuer: &TokenIssuer,
    freshness: Freshness,
) -> Result<TrustDomain, Failure> {
    let domain = TrustDomain::new(DOMAIN)?
        .with_keys(issuer.key_source())
        .with_freshness(freshness);
    domain.load().await?;
    Ok(domain)
}

#[derive(Clone, Debug)]
struct Tokens {
    issuer: TokenIssuer,
    log: Log,
}

pub(super) async fn serve(
    issuer: TokenIssuer,
    domain: TrustDomain,
    log: Log,
) -> Result<Server, Failure> {
    let accept = AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .exempt("/jwks.json")
        .build()?;
    let app = Router::new()
        .route("/t/{tenant}/narrow", post(narrow))
        .route("/jwks.json", get(jwks))
        .layer(accept)
        .with_state(Tokens { issuer, log });
    Ok(net::serve(app).await?)
}

async fn jwks(State(tokens): State<Tokens>) -> Response {
    let mut response = Response::new(Body::from(tokens.issuer.jwks()));
    let json = http::HeaderValue::from_static("application/jwk-set+json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

/// What the next hop shall be allowed. It cannot name a tenant or a subject: those do not change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    scope: String,
    #[serde(default)]
    deadline: Option<u64>,
    /// Folders of documents.
    #[serde(default)]
    folders: Option<Vec<String>>,
}

async fn narrow(
    State(tokens): State<Tokens>,
    cx: TenantContext,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match try_narrow(&tokens.issuer, &cx, &body) {
        Ok(token) => {
            let hop = Hop::of("tokens", cx.admitted());
            tokens.log.note(&headers, &hop);
            let answer = json!({"hops": [hop], "txn_token": token});
            net::json(StatusCode::OK, &answer).map(Body::from)
        }
        Err(refusal) => Refused::new(refusal, Position::Inside).into_response(),
    }
}

/// A child of this work with the requested grant, which the parent's must cover.
fn try_narrow(issuer: &TokenIssuer, cx: &TenantContext, body: &[u8]) -> Result<String, Refusal> {
    let invalid = |error: &dyn std::fmt::Display| {
        Refusal::new(Reason::ClaimInvalid).because(error.to_string())
    };
    let wish: Wish = strict::parse(body).map_err(|error| invalid(&error))?;
    let mut grant = Grant::new(Scope::new(&wish.scope).map_err(|error| invalid(&error))?);
    if let Some(deadline) = wish.deadline {
        let task = cx.grant().task().ok_or(Reason::TaskMismatch)?;
        let mut child = Task::new(task.id()).map_err(|error| invalid(&error))?;
        if let Some(purpose) = task.purpose() {
            child = child
                .for_purpose(purpose)
                .map_err(|error| invalid(&error))?;
        }
        grant = grant.for_task(child.until(Timestamp::from_unix(deadline)));
    }
    if let Some(folders) = &wish.folders {
        let documents = DataGrant::of("document")
            .and_then(|all| all.selecting("folder", folders.iter().map(String::as_str)))
            .map_err(|error| invalid(&error))?;
        grant = grant.with_data(DataScope::limited([documents]));
    }
    // Whoever asks acts from now on. With mutual TLS the connection would say who that is; here
    // one agent is all who ask.
    let agent =
        Principal::new("agents", cx.tenant().clone(), "scribe").map_err(|error| invalid(&error))?;
    issuer
        .narrow(cx.admitted(), grant, Actor::new(ActorKind::Agent, agent))
        .map(|child| child.token)
        .map_err(|error| Refusal::new(error.reason()).because(error.to_string()))
}
