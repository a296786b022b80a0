//! The edge: exchanges a user's access token for a context, compares it with the request like any
//! hop, and forwards.
//!
//! One issuer and one audience, written down here; the edge crate will know many of each.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyDataStream;
use serde::Deserialize;
use throughline::{
    AcceptLayer, KeySource, Refused, SystemClock, TenantContext, TrustDomain, Witness,
};
use throughline_core::authentication::Authentication;
use throughline_core::carrier::OwnedFields;
use throughline_core::grant::{Grant, Scope};
use throughline_core::reason::Position;
use throughline_core::time::{Clock as _, Timestamp};
use throughline_core::{Draft, Place, Principal, Reason, Refusal, Tenant, json as strict};
use throughline_jose::source::Keys;
use throughline_jose::verify::{Envelope, TokenType};
use throughline_jose::{TokenIssuer, VerifyingKey};
use tokio_stream::StreamExt as _;

use super::log::{Answer, Hop, Log};
use super::net::{self, Failure, Server};
use super::outbound::{self, Outbound};
use super::{billing, idp, orders, roster, tokens};

/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(30);

/// Fields of one connection (RFC 9110 §7.6.1), and those this proxy writes itself.
const NOT_FORWARDED: [HeaderName; 8] = [
    http::header::CONNECTION,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    AUTHORIZATION,
    CONTENT_LENGTH,
    HOST,
];

#[derive(Clone)]
struct Edge {
    idp_keys: Keys,
    issuer: TokenIssuer,
    orders: SocketAddr,
    agent: SocketAddr,
    outbound: Outbound,
    log: Log,
}

/// Serves the edge in front of orders and an agent, for users of the provider whose keys are at
/// `idp_jwks`.
pub(super) async fn serve(
    idp_jwks: &str,
    issuer: TokenIssuer,
    domain: TrustDomain,
    (orders, agent): (SocketAddr, SocketAddr),
    log: Log,
) -> Result<Server, Failure> {
    let idp_keys = KeySource::url(idp_jwks)?
        .for_issuer(idp::ISSUER)
        .into_keys();
    idp_keys.load().await?;
    let accept = AcceptLayer::builder(domain)
        .add_witness(Witness::path("tenant"))
        .add_witness(Witness::header("x-tenant-id")?.optional())
        .add_witness(Witness::query("tenant").optional())
        .add_witness(Witness::baggage("tenant.id")?.optional())
        .at(Position::Edge)
        .build()?;
    let edge = Edge {
        idp_keys,
        outbound: Outbound::new(&outbound::carry(&[orders, agent]).build()?),
        issuer,
        orders,
        agent,
        log,
    };
    let app = Router::new()
        .route("/t/{tenant}/{*rest}", any(forward))
        .layer(accept)
        // Outermost, so that what `Accept` sees is what was minted here.
        .layer(middleware::from_fn_with_state(edge.clone(), exchange))
        .with_state(edge);
    Ok(net::serve(app).await?)
}

/// Takes every context that came from outside away, and puts one minted from the access token in
/// its place.
async fn exchange(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    // The legacy field means something behind the edge, so a stranger does not get to set it.
    let owned = OwnedFields::token_only().add_field(billing::LEGACY_FIELD);
    let foreign: Vec<HeaderName> = request
        .headers()
        .keys()
        .filter(|name| owned.owns(name.as_str()))
        .cloned()
        .collect();
    for name in foreign {
        request.headers_mut().remove(name);
    }
    match edge.mint(request.headers()).await {
        Ok(token) => {
            request.headers_mut().insert("txn-token", token);
            next.run(request).await
        }
        Err(refusal) => Refused::new(refusal, Position::Edge).into_response(),
    }
}

impl Edge {
    async fn mint(&self, headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
        let claims = self.verify(bearer(headers)?).await?;
        let token = self
            .issuer
            .mint(claims.draft()?)
            .map_err(|error| Refusal::new(error.reason()).because(error.to_string()))?;
        let mut token = HeaderValue::from_str(&token).map_err(|_| Reason::ContextMalformed)?;
        token.set_sensitive(true);
        Ok(token)
    }

    /// Form and type, key, signature, claims: in the order of a hop.
    async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        let envelope = Envelope::read(token.as_bytes(), TokenType::DangerAny)?;
        // RFC 9068 §4: `at+jwt`, so that an id token does not open the door.
        let typ = envelope.typ().unwrap_or_default();
        let bare = typ.strip_prefix("application/").unwrap_or(typ);
        if !bare.eq_ignore_ascii_case(idp::ACCESS_TOKEN) {
            return Err(Reason::TypeRefused.into());
        }
        let key = self.key(envelope.kid()).await?;
        let claims: Claims = strict::parse(&envelope.open(&key)?)
            .map_err(|error| Refusal::new(Reason::ClaimInvalid).because(error.to_string()))?;
        claims.check(SystemClock.now())?;
        Ok(claims)
    }

    /// The provider's key of that name, asking once for a set that may have it.
    async fn key(&self, kid: Option<&str>) -> Result<VerifyingKey, Refusal> {
        self.idp_keys.ready().await;
        let find = || self.idp_keys.current().set().find(kid).cloned();
        if let Some(key) = find() {
            return Ok(key);
        }
        if let Some(wait) = self.idp_keys.refresh_for_unknown() {
            wait.await;
        }
        if !self.idp_keys.status().is_ready() {
            return Err(Reason::KeysUnavailable.into());
        }
        find().ok_or_else(|| Reason::KeyUnknown.into())
    }
}

/// The one bearer credential (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let reason = match headers.contains_key(AUTHORIZATION) {
            true => Reason::ContextAmbiguous,
            false => Reason::ContextMissing,
        };
        return Err(Refusal::new(reason).at(Place::header("authorization")));
    };
    let text = value.to_str().map_err(|_| Reason::ContextMalformed)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        Some(_) | None => Err(Reason::ContextMalformed.into()),
    }
}

/// What the edge reads of an access token. `org` is where this provider keeps the tenant; only a
/// claim of the right type counts, and a missing one has no substitute.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<String>,
    sub: Option<String>,
    org: Option<String>,
    scope: Option<String>,
    iat: Option<u64>,
    exp: Option<u64>,
    auth_time: Option<u64>,
    acr: Option<String>,
    sid: Option<String>,
}

impl Claims {
    fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        let at = |reason, claim| Err(Refusal::new(reason).at(Place::claim(claim)));
        match self.iss.as_deref() {
            Some(idp::ISSUER) => {}
            Some(_) => return at(Reason::IssuerUntrusted, "iss"),
            None => return at(Reason::ClaimMissing, "iss"),
        }
        if self.aud.as_deref() != Some(idp::AUDIENCE) {
            return at(Reason::AudienceMismatch, "aud");
        }
        let issued_at = required(self.iat, "iat")?;
        if issued_at > now.plus(SKEW).as_unix() {
            return at(Reason::ContextNotYetValid, "iat");
        }
        if required(self.exp, "exp")? <= now.minus(SKEW).as_unix() {
            return at(Reason::ContextExpired, "exp");
        }
        Ok(())
    }

    /// The context that this token is worth.
    fn draft(&self) -> Result<Draft, Refusal> {
        let invalid = |claim, error: &dyn std::fmt::Display| {
            let refusal = Refusal::new(Reason::ClaimInvalid).at(Place::claim(claim));
            refusal.because(error.to_string())
        };
        let tenant = Tenant::new(required(self.org.as_deref(), "org")?)
            .map_err(|_| Refusal::new(Reason::TenantInvalid).at(Place::claim("org")))?;
        let subject = required(self.sub.as_deref(), "sub")?;
        let principal = Principal::new(roster::PROVIDER, tenant, subject)
            .map_err(|error| invalid("sub", &error))?;
        let scope = Scope::new(self.scope.as_deref().unwrap_or_default())
            .map_err(|error| invalid("scope", &error))?;
        let mut authentication = match self.auth_time {
            Some(time) => Authentication::at(Timestamp::from_unix(time)),
            None => Authentication::unknown(),
        };
        if let Some(class) = &self.acr {
            authentication = authentication.with_class(class);
        }
        if let Some(session) = &self.sid {
            authentication = authentication.in_session(session);
        }
        // The provider vouched for this when it signed, and not since. A clock that is a little
        // ahead must not make a context as of the future.
        let now = SystemClock.now();
        let as_of = self.iat.map_or(now, Timestamp::from_unix).min(now);
        Draft::user(principal, as_of)
            .and_then(|draft| draft.requested_by("edge"))
            .map(|draft| {
                draft
                    .with_grant(Grant::new(scope))
                    .with_authentication(authentication)
            })
            .map_err(|error| invalid("sub", &error))
            .and_then(|draft| tokens::with_copies(draft).map_err(|error| invalid("sub", &error)))
    }
}

fn required<T>(claim: Option<T>, name: &'static str) -> Result<T, Refusal> {
    claim.ok_or_else(|| Refusal::new(Reason::ClaimMissing).at(Place::claim(name)))
}

/// Sends the request on, in its context and without what belongs to this hop.
async fn forward(State(edge): State<Edge>, cx: TenantContext, request: Request) -> Response {
    let hop = Hop::of("edge", cx.admitted());
    edge.log.note(request.headers(), &hop);
    let onward = match edge.onward(request).await {
        Ok(onward) => onward,
        Err(_) => return StatusCode::BAD_GATEWAY.into_response(),
    };
    let (mut head, body) = match edge.outbound.follow(&cx, onward).await {
        Ok(response) => response.into_parts(),
        Err(error) => return outbound::failed(&error).map(Body::from),
    };
    head.headers.remove(CONTENT_LENGTH);
    if head.headers.get(CONTENT_TYPE) == Some(&orders::EVENTS) {
        // As it comes: there is no end to wait for.
        let own = tokio_stream::once(Ok(orders::line(&hop)));
        let events = own.chain(BodyDataStream::new(body));
        return Response::from_parts(head, Body::from_stream(events));
    }
    let Ok(body) = net::collect(body).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let answer = serde_json::from_slice::<Answer>(&body).ok();
    match answer.filter(|_| head.status.is_success()) {
        Some(mut answer) => {
            answer.hops.insert(0, hop);
            net::json(head.status, &answer).map(Body::from)
        }
        None => Response::from_parts(head, Body::from(body)),
    }
}

impl Edge {
    async fn onward(&self, request: Request) -> Result<http::Request<Bytes>, Failure> {
        let (head, body) = request.into_parts();
        let target = head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let to = match head.uri.path().split('/').nth(3) {
            Some("summaries") => self.agent,
            Some(_) | None => self.orders,
        };
        let mut onward = http::Request::new(net::collect(body).await?);
        *onward.method_mut() = head.method;
        *onward.uri_mut() = format!("http://{to}{target}").parse()?;
        *onward.headers_mut() = head.headers;
        for name in NOT_FORWARDED {
            onward.headers_mut().remove(name);
        }
        Ok(onward)
    }
}
