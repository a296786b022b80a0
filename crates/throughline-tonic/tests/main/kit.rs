//! A gRPC service on loopback: tonic's own health service, whose one text field names a tenant.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Uri;
use throughline::{AcceptLayer, Freshness, RequireLayer, TenantContext, TrustDomain};
use throughline_core::grant::{Grant, Scope};
use throughline_core::projection::{Member, Projection};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};
use throughline_tonic::RequestExt as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::{Layer as _, ServiceExt as _};

pub(crate) struct System {
    pub(crate) issuer: TokenIssuer,
    pub(crate) domain: TrustDomain,
    pub(crate) origin: Uri,
    pub(crate) channel: Channel,
    handled: Arc<AtomicUsize>,
}

impl System {
    pub(crate) async fn start() -> Self {
        let name = TrustDomainName::new("prod.example").unwrap();
        let issuer = TokenIssuer::new(name, SigningKey::generate().unwrap());
        let domain = TrustDomain::new("prod.example")
            .unwrap()
            .with_keys(issuer.key_source())
            .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
        domain.load().await.unwrap();

        let handled = Arc::new(AtomicUsize::new(0));
        let origin = serve(&domain, &handled, "ledger.read").await;
        let channel = Channel::builder(origin.clone()).connect_lazy();
        Self {
            issuer,
            domain,
            origin,
            channel,
            handled,
        }
    }

    /// The same service once more, for those who may do this.
    pub(crate) async fn serve(&self, scope: &str) -> Uri {
        serve(&self.domain, &self.handled, scope).await
    }

    pub(crate) fn ledger(&self) -> HealthServer<Ledger> {
        ledger(&self.handled)
    }

    /// What a service in front holds for a token.
    pub(crate) async fn admitted(&self, tenant: &str, scope: &str) -> TenantContext {
        let accept = AcceptLayer::builder(self.domain.clone())
            .with_observe(())
            .build()
            .unwrap();
        let service = accept.layer(tower::service_fn(async |request: http::Request<String>| {
            let cx = TenantContext::of(request.extensions()).unwrap();
            let mut response = http::Response::new(Body::empty());
            response.extensions_mut().insert(cx);
            Ok::<_, Infallible>(response)
        }));
        let request = http::Request::get("/")
            .header("txn-token", self.token(tenant, scope))
            .body(String::new())
            .unwrap();
        let mut response = service.oneshot(request).await.unwrap();
        response.extensions_mut().remove().unwrap()
    }

    pub(crate) fn token(&self, tenant: &str, scope: &str) -> String {
        let ada = Principal::new("okta", Tenant::new(tenant).unwrap(), "ada").unwrap();
        let grant = Grant::new(Scope::new(scope).unwrap());
        let draft = Draft::user(ada, self.domain.now())
            .unwrap()
            .with_grant(grant)
            .add_projection(Projection::header(Member::Tenant, "x-tenant").unwrap());
        self.issuer.mint(draft).unwrap()
    }

    pub(crate) fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

async fn serve(domain: &TrustDomain, handled: &Arc<AtomicUsize>, scope: &str) -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let accept = AcceptLayer::builder(domain.clone())
        .with_observe(())
        .build()
        .unwrap();
    let require = RequireLayer::builder()
        .scope(scope)
        .with_observe(())
        .build();
    tokio::spawn(
        Server::builder()
            .layer(accept)
            .layer(require.unwrap())
            .add_service(ledger(handled))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    origin.parse().unwrap()
}

fn ledger(handled: &Arc<AtomicUsize>) -> HealthServer<Ledger> {
    HealthServer::new(Ledger {
        handled: Arc::clone(handled),
    })
}

pub(crate) fn asking(tenant: &str) -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest {
        service: tenant.into(),
    })
}

pub(crate) struct Ledger {
    handled: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl Health for Ledger {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let cx = request.tenant_context()?;
        request.agree("service", |message| &message.service)?;
        self.handled.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(HealthCheckResponse { status: 1 });
        for (name, value) in [
            ("saw", cx.tenant().to_string()),
            ("scope", cx.grant().scope().to_string()),
            ("requester", cx.requester().to_string()),
        ] {
            response.metadata_mut().insert(name, value.parse().unwrap());
        }
        Ok(response)
    }

    type WatchStream = tokio_stream::Iter<std::vec::IntoIter<Result<HealthCheckResponse, Status>>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        request.tenant_context()?;
        request.agree("service", |message| &message.service)?;
        self.handled.fetch_add(1, Ordering::SeqCst);
        let items = [1, 2, 1].map(|status| Ok(HealthCheckResponse { status }));
        Ok(Response::new(tokio_stream::iter(items.to_vec())))
    }
}
