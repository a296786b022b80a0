//! A gRPC service on loopback: tonic's own health service, whose one text field names a tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use throughline::{AcceptLayer, Freshness, RequireLayer, TrustDomain};
use throughline_core::grant::{Grant, Scope};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};
use throughline_tonic::RequestExt as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

pub(crate) struct System {
    pub(crate) issuer: TokenIssuer,
    pub(crate) domain: TrustDomain,
    pub(crate) origin: http::Uri,
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
        let service = HealthServer::new(Ledger {
            handled: Arc::clone(&handled),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin: http::Uri = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let accept = AcceptLayer::builder(domain.clone())
            .with_observe(())
            .build()
            .unwrap();
        let require = RequireLayer::builder()
            .scope("ledger.read")
            .with_observe(())
            .build();
        tokio::spawn(
            Server::builder()
                .layer(accept)
                .layer(require.unwrap())
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        let channel = Channel::builder(origin.clone()).connect_lazy();
        Self {
            issuer,
            domain,
            origin,
            channel,
            handled,
        }
    }

    pub(crate) fn token(&self, tenant: &str, scope: &str) -> String {
        let ada = Principal::new("okta", Tenant::new(tenant).unwrap(), "ada").unwrap();
        let grant = Grant::new(Scope::new(scope).unwrap());
        let draft = Draft::user(ada, self.domain.now())
            .unwrap()
            .with_grant(grant);
        self.issuer.mint(draft).unwrap()
    }

    pub(crate) fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

struct Ledger {
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
        response
            .metadata_mut()
            .insert("saw", cx.tenant().as_str().parse().unwrap());
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
