//! What rule tests share: a trust domain with its issuer and a clock that is turned by hand, and a
//! client that remembers what it was given.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use http_body_util::Empty;
use throughline_core::freshness::Freshness;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::{Clock, Timestamp};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::mint::{SigningKey, TokenIssuer};
use throughline_jose::{AdmissionPolicy, KeySet, KeySource};
use tower::service_fn;
use tower_layer::Layer;
use tower_service::Service;

use crate::{AcceptLayer, TenantContext, TrustDomain};

pub(crate) const NOW: u64 = 1_700_000_000;
/// How long a token lives here.
pub(crate) const LIFETIME: u64 = 300;

/// A clock that is turned by hand.
#[derive(Clone, Debug)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn turn(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::Relaxed))
    }
}

/// One trust domain.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) clock: Hands,
    pub(crate) issuer: TokenIssuer,
    pub(crate) domain: TrustDomain,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_freshness(Freshness::lifetime_only(Duration::from_secs(3_600)))
    }

    pub(crate) fn with_freshness(freshness: Freshness) -> Self {
        let clock = Hands(Arc::new(AtomicU64::new(NOW)));
        let name = TrustDomainName::new("prod.example").unwrap();
        let issuer = TokenIssuer::new(name, SigningKey::generate().unwrap())
            .with_lifetime(Duration::from_secs(LIFETIME))
            .with_clock(clock.clone());
        let keys = KeySet::parse(issuer.jwks().as_bytes(), &AdmissionPolicy::new()).unwrap();
        let domain = TrustDomain::new("prod.example")
            .unwrap()
            .with_keys(KeySource::set(keys))
            .with_freshness(freshness)
            .with_clock(clock.clone());
        Self {
            clock,
            issuer,
            domain,
        }
    }

    /// Ada of `tenant`.
    pub(crate) fn draft(&self, tenant: &str) -> Draft {
        let ada = Principal::new("okta", Tenant::new(tenant).unwrap(), "ada").unwrap();
        Draft::user(ada, self.clock.now())
            .unwrap()
            .with_grant(Grant::new(Scope::new("orders.* documents.read").unwrap()))
    }

    pub(crate) fn admit(&self, draft: Draft) -> TenantContext {
        self.admit_token(&self.issuer.mint(draft).unwrap())
    }

    pub(crate) fn admit_token(&self, token: &str) -> TenantContext {
        TenantContext::of(&self.accepted(token)).unwrap()
    }

    /// The extensions of a request that was accepted with this token.
    pub(crate) fn accepted(&self, token: &str) -> Extensions {
        let request = Request::get("/").header("txn-token", token).body(());
        self.accepted_as(request.unwrap())
    }

    /// The extensions of a request that was accepted.
    pub(crate) fn accepted_as(&self, request: Request<()>) -> Extensions {
        Self::accepted_by(&AcceptLayer::new(self.domain.clone()), request)
    }

    /// The extensions of a request that this layer let through.
    pub(crate) fn accepted_by(accept: &AcceptLayer, request: Request<()>) -> Extensions {
        let kept = Arc::new(Mutex::new(Extensions::new()));
        let keep = Arc::clone(&kept);
        let mut accept = accept.layer(service_fn(move |request: Request<()>| {
            *keep.lock().unwrap() = request.extensions().clone();
            ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
        }));
        // Keys are there and nothing waits, so the first poll is the last.
        let answer = pin!(accept.call(request)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(answer.is_ready());
        mem::take(&mut kept.lock().unwrap())
    }

    /// Ada of `tenant`, admitted.
    pub(crate) fn context(&self, tenant: &str) -> TenantContext {
        self.admit(self.draft(tenant))
    }
}

/// A client that remembers the heads it was given, and answers with the fields it was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    sent: Arc<Mutex<Vec<HeaderMap>>>,
    answer: HeaderMap,
}

impl Client {
    pub(crate) fn answering(answer: HeaderMap) -> Self {
        Self {
            answer,
            ..Self::default()
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> HeaderMap {
        self.sent.lock().unwrap().last().cloned().unwrap()
    }
}

impl Service<Request<()>> for Client {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.sent.lock().unwrap().push(request.headers().clone());
        let mut response = Response::new(());
        *response.headers_mut() = self.answer.clone();
        ready(Ok(response))
    }
}
