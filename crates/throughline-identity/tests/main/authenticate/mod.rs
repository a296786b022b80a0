//! The layer at the edge, over axum and over a bare service.

mod answers;
mod credentials;
mod fields;
mod members;
mod order;
mod shared_cache;
mod waits;

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use throughline::{
    AcceptBuilder, Freshness, KeySource, Observed, Reason, TrustDomain, Witness, admitted,
};
use throughline_core::reason::Position;
use throughline_core::{Admitted, Draft, Refusal, TrustDomainName};
use throughline_identity::authenticate::{MintContext, MintFuture, Minting};
use throughline_identity::{AuthenticateBuilder, AuthenticateLayer, Issuers};
use throughline_jose::{AdmissionPolicy, KeySet, SigningKey, TokenIssuer};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::issuers::{claims, issuer};
use crate::kit::{KID, Key, now, one, set};

pub(super) const NAME: &str = "https://one.example";

// ---- what mints

/// A token service of the test, which counts.
#[derive(Clone)]
pub(super) struct Mint {
    tokens: TokenIssuer,
    minted: Arc<AtomicUsize>,
    how: How,
}

#[derive(Clone, Copy)]
pub(super) enum How {
    AtOnce,
    /// After a turn of the runtime.
    Later,
    Down,
}

impl Mint {
    pub(super) fn new(how: How) -> Self {
        let name = TrustDomainName::new("prod.example").unwrap();
        Self {
            tokens: TokenIssuer::new(name, SigningKey::generate().unwrap()).with_clock(now),
            minted: Arc::default(),
            how,
        }
    }

    pub(super) fn minted(&self) -> usize {
        self.minted.load(Ordering::SeqCst)
    }

    pub(super) fn domain(&self) -> TrustDomain {
        let keys = KeySet::parse(self.tokens.jwks().as_bytes(), &AdmissionPolicy::new()).unwrap();
        TrustDomain::new("prod.example")
            .unwrap()
            .with_keys(KeySource::set(keys))
            .with_freshness(Freshness::lifetime_only(Duration::from_secs(3600)))
            .with_clock(now)
    }

    /// A context that somebody else of the domain could have got.
    pub(super) fn context_of(&self, tenant: &str) -> String {
        let mallory =
            throughline_core::Principal::new("one", crate::kit::tenant(tenant), "mallory");
        let draft = Draft::user(mallory.unwrap(), now()).unwrap();
        self.tokens.mint(draft).unwrap()
    }
}

impl MintContext for Mint {
    fn mint(&self, draft: Draft) -> Minting {
        self.minted.fetch_add(1, Ordering::SeqCst);
        let at_once = MintContext::mint(&self.tokens, draft);
        match (self.how, at_once) {
            (How::Later, Minting::Own(own)) => Minting::Later(MintFuture::new(async move {
                tokio::task::yield_now().await;
                Ok(own.token().clone())
            })),
            (How::Down, _) => Minting::Later(MintFuture::new(async {
                tokio::task::yield_now().await;
                Err(Refusal::new(Reason::ExchangeUnavailable))
            })),
            (How::AtOnce | How::Later, at_once) => at_once,
        }
    }
}

// ---- the edge

/// The one issuer of most tests, whose key is `Key::ed(0)`.
pub(super) fn issuers() -> Issuers {
    one(issuer("one", NAME).with_keys(set(&[&Key::ed(0)])))
}

pub(super) fn bearer(tenant: &str) -> String {
    format!("Bearer {}", token(tenant))
}

pub(super) fn token(tenant: &str) -> String {
    signed(&claims(NAME, tenant))
}

pub(super) fn signed(claims: &Value) -> String {
    Key::ed(0).sign_access(claims)
}

/// Without witnesses.
pub(super) fn bare(issuers: Issuers, mint: &Mint) -> AuthenticateBuilder {
    AuthenticateLayer::builder(issuers, mint.clone(), mint.domain()).with_observe(())
}

/// A path and a header name the tenant too, where they are there.
pub(super) fn edge(issuers: Issuers, mint: &Mint) -> AuthenticateBuilder {
    bare(issuers, mint).accepting(witnesses)
}

pub(super) fn witnesses(accept: AcceptBuilder) -> AcceptBuilder {
    let path = Witness::path_in("tenant", ["/t/{tenant}/orders"]).unwrap();
    accept
        .add_witness(path.optional())
        .add_witness(Witness::header("x-tenant").unwrap().optional())
        .exempt("/health")
        .with_observe(())
}

/// The usual edge, in its two fronts.
pub(super) fn usual(mint: &Mint, handler: &Handler) -> [(&'static str, App); 2] {
    fronts(&edge(issuers(), mint).build().unwrap(), handler)
}

pub(super) type App = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// In a router of axum, and over a bare service as hyper would drive it.
pub(super) fn fronts(layer: &AuthenticateLayer, handler: &Handler) -> [(&'static str, App); 2] {
    let served = |handler: &Handler| {
        let handler = handler.clone();
        any(move |request| handler.run(request))
    };
    let router = Router::new()
        .route("/orders", served(handler))
        .route("/health", served(handler))
        .route("/t/{tenant}/orders", served(handler))
        .fallback(served(handler))
        .layer(layer.clone());
    let handler = handler.clone();
    let inner = service_fn(move |request| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(handler.run(request).await) }
    });
    let bare = layer
        .layer(inner)
        .map_response(|response| response.map(Body::new));
    [
        ("axum", BoxCloneSyncService::new(router)),
        ("bare", BoxCloneSyncService::new(bare)),
    ]
}

// ---- the handler

type Respond = Arc<dyn Fn(&Request<()>) -> Response<Body> + Send + Sync>;

/// Remembers each request that reaches it.
#[derive(Clone)]
pub(super) struct Handler {
    seen: Arc<Mutex<Vec<Seen>>>,
    respond: Respond,
}

#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) headers: HeaderMap,
    pub(super) extensions: Extensions,
}

impl Seen {
    /// The principal of the admitted context, which it has a right to.
    pub(super) fn principal(&self) -> Result<String, Reason> {
        self.context()
            .map(|context| context.principal().to_string())
    }

    pub(super) fn context(&self) -> Result<&Admitted, Reason> {
        admitted(&self.extensions).map_err(|refused| refused.reason())
    }

    pub(super) fn observed(&self) -> Result<String, Reason> {
        let Observed(context) = Observed::of(&self.extensions);
        context
            .map(|context| context.tenant().to_string())
            .map_err(|refused| refused.reason())
    }
}

impl Handler {
    pub(super) fn new() -> Self {
        Self::responding(|_| Response::new(Body::from("served")))
    }

    pub(super) fn responding(
        respond: impl Fn(&Request<()>) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        Self {
            seen: Arc::default(),
            respond: Arc::new(respond),
        }
    }

    pub(super) fn runs(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(super) fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().unwrap()
    }

    async fn run(self, request: Request<Body>) -> Response<Body> {
        let request = request.map(|_| ());
        let response = (self.respond)(&request);
        let (parts, ()) = request.into_parts();
        self.seen.lock().unwrap().push(Seen {
            headers: parts.headers,
            extensions: parts.extensions,
        });
        response
    }
}

// ---- requests and answers

pub(super) fn get(target: &str, lines: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(target);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, self.text)
    }
}

pub(super) async fn send(app: &App, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

impl Answer {
    pub(super) fn reason(&self) -> Option<Reason> {
        let problem: Value = serde_json::from_str(&self.text).unwrap_or_default();
        Reason::from_code(problem["reason"].as_str()?)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// A refusal for `reason` as the edge answers it, which tells a client nothing that is only for
    /// the log.
    pub(super) fn assert_refused(&self, reason: Reason, what: &str) {
        assert_eq!(self.reason(), Some(reason), "{what}: {self:?}");
        let status = reason.http_status(Position::Edge);
        assert_eq!(self.status.as_u16(), status, "{what}: {self:?}");
        assert_eq!(
            self.headers.contains_key("www-authenticate"),
            status == 401 || reason.bearer_error(Position::Edge).is_some(),
            "{what}: {self:?}"
        );
        let all = format!("{self:?}");
        for secret in [
            "acme",
            "globex",
            "one.example",
            "/ada",
            "mallory",
            KID,
            "eyJ",
        ] {
            assert!(
                !all.contains(secret),
                "{what}: the client learns `{secret}`: {all}"
            );
        }
    }

    pub(super) fn assert_served(&self, what: &str) {
        assert_eq!(
            (self.status, &*self.text),
            (StatusCode::OK, "served"),
            "{what}: {self:?}"
        );
    }
}
