//! An edge of an attack's own, its key servers, and a place that nobody may ask.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::any;
use http::StatusCode;
use http::header::LOCATION;
use serde_json::{Value, json};
use throughline::KeySource;
use throughline_core::Tenant;
use throughline_identity::{
    Audience, AuthenticateBuilder, Issuer, IssuerBuilder, Issuers, Profile, Tenancy, TrustMap,
};
use throughline_jose::source::RefreshPolicy;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::super::arena::{Arena, change};
use super::super::wire::Call;
use crate::demo::edge;
use crate::demo::idp::{AUDIENCE, Idp};
use crate::demo::net::{self, Failure, Port, Server};
use crate::demo::roster::ADA_OF_ACME;
use crate::demo::signer::Signer;

/// Short, so that a demo does not wait for what an issuer's peace of mind demands.
const COOL_DOWN: Duration = Duration::from_millis(20);

/// A policy for issuers that are asked often.
pub(super) fn nimble() -> RefreshPolicy {
    RefreshPolicy::new()
        .with_cool_down(COOL_DOWN)
        .with_wait_limit(Duration::from_millis(500))
}

pub(super) async fn cool_down() {
    tokio::time::sleep(2 * COOL_DOWN).await;
}

/// A key server that says what it is told to.
pub(super) struct KeyServer {
    says: Arc<Mutex<(StatusCode, String)>>,
    fetches: Arc<AtomicUsize>,
    server: Server,
}

impl KeyServer {
    pub(super) async fn publishing(signers: &[&Signer]) -> Result<Self, Failure> {
        let says = Arc::new(Mutex::new((StatusCode::OK, jwks(signers)?)));
        let fetches = Arc::new(AtomicUsize::new(0));
        let (today, count) = (Arc::clone(&says), Arc::clone(&fetches));
        let answer = move || {
            count.fetch_add(1, Ordering::Relaxed);
            let (status, text) = today.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut response = Response::new(Body::from(text.clone()));
            *response.status_mut() = status;
            if status.is_redirection()
                && let Ok(location) = text.parse()
            {
                response.headers_mut().insert(LOCATION, location);
            }
            std::future::ready(response)
        };
        let server = net::serve(Router::new().route("/jwks.json", any(answer))).await?;
        Ok(Self {
            says,
            fetches,
            server,
        })
    }

    /// What it answers from now on; of a redirect, where to.
    pub(super) fn say(&self, status: StatusCode, text: impl Into<String>) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = (status, text.into());
    }

    pub(super) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    pub(super) fn url(&self) -> String {
        format!("{}/jwks.json", self.server.url())
    }

    pub(super) fn keys(&self) -> Result<KeySource, Failure> {
        Ok(KeySource::url(&self.url())?)
    }

    /// An issuer `alias` with the keys that are published here: of access tokens for one tenant.
    pub(super) fn issuer(
        &self,
        alias: &str,
        tenant: &str,
        refresh: RefreshPolicy,
    ) -> Result<IssuerBuilder, Failure> {
        Ok(Issuer::builder(alias, Profile::RFC9068)
            .named(&name_of(alias))
            .with_keys(self.keys()?.with_refresh(refresh))
            .with_audience(Audience::one_of([AUDIENCE]))
            .with_tenancy(Tenancy::one(Tenant::new(tenant)?)))
    }
}

/// The `iss` of an issuer of an annex.
pub(super) fn name_of(alias: &str) -> String {
    format!("https://{alias}.demo.internal")
}

/// The claims of its honest tokens.
pub(super) fn claims_of(alias: &str) -> Value {
    let mut claims = Idp::claims(ADA_OF_ACME);
    change(&mut claims, "/iss", Some(json!(name_of(alias))));
    claims
}

/// A key set as it is published.
pub(super) fn jwks(signers: &[&Signer]) -> Result<String, Failure> {
    let keys = signers.iter().map(|signer| signer.public_jwk());
    let keys = keys.collect::<Result<Vec<Value>, _>>()?;
    Ok(json!({"keys": keys}).to_string())
}

pub(super) fn trust() -> TrustMap {
    TrustMap::new("identity team", "platform security")
}

/// Issuers that trust each other in nothing.
pub(super) fn several<const N: usize>(builders: [IssuerBuilder; N]) -> Result<Issuers, Failure> {
    let built = builders.into_iter().map(IssuerBuilder::build);
    Ok(Issuers::new(
        built.collect::<Result<Vec<_>, _>>()?,
        trust(),
    )?)
}

impl Arena<'_> {
    /// An edge like the demo's that trusts these issuers. Their keys are fetched when they are
    /// needed.
    pub(super) async fn annex(&self, issuers: Issuers) -> Result<Server, Failure> {
        self.annex_with(issuers, |builder| builder).await
    }

    /// The same, changed.
    pub(super) async fn annex_with(
        &self,
        issuers: Issuers,
        change: impl FnOnce(AuthenticateBuilder) -> AuthenticateBuilder,
    ) -> Result<Server, Failure> {
        let system = self.system;
        let port = Port::open().await?;
        let (tokens, domain) = (system.issuer.clone(), system.own.clone());
        let layer = change(edge::layer(issuers, tokens, domain, &port.url()?)?).build()?;
        let (orders, agent) = (&system.services.orders, &system.services.agent);
        let behind = (orders.address(), agent.address());
        edge::serve(port, layer, behind, system.log.clone())
    }

    /// A call to an annex, for a tenant.
    pub(super) fn at(&self, annex: &Server, tenant: &str, credential: &str) -> Call {
        self.edge_bearing(credential)
            .to(annex.address())
            .target(format!("/t/{tenant}/orders"))
    }
}

/// A place that counts who connects to it, and that nobody may be led to.
pub(super) struct Canary {
    address: SocketAddr,
    visits: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Canary {
    pub(super) async fn new() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let visits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.read_u8().await;
            }
        });
        Ok(Self {
            address,
            visits,
            task,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// That nobody came, or else how many.
    pub(super) fn found(&self) -> Option<String> {
        match self.visits.load(Ordering::Relaxed) {
            0 => None,
            visits => Some(format!("{visits} connections where none may be")),
        }
    }

    /// Whether it counts: a visit of our own.
    pub(super) async fn is_awake(&self) -> bool {
        let before = self.visits.load(Ordering::Relaxed);
        let _ = tokio::net::TcpStream::connect(self.address).await;
        for _ in 0..100 {
            if self.visits.load(Ordering::Relaxed) > before {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.task.abort();
    }
}
