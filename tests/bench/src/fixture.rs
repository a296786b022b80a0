//! What all rows share: a trust domain, an issuer, tokens, requests.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use throughline::{AcceptLayer, Freshness, TrustDomain, Witness};
use throughline_core::authentication::Authentication;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Timestamp;
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::mint::{SigningKey, TokenIssuer};

use crate::Error;

/// The trust domain of all rows.
pub const DOMAIN: &str = "prod.acme.internal";

/// An issuer, and the runtime that its verifiers need to load its keys.
#[derive(Debug)]
pub struct World {
    issuer: TokenIssuer,
    /// The signing key once more, for the raw operations.
    pkcs8: Vec<u8>,
    runtime: tokio::runtime::Runtime,
}

impl World {
    /// Makes a key and an issuer.
    ///
    /// # Errors
    ///
    /// The machine has no randomness or no runtime.
    pub fn new() -> Result<Self, Error> {
        let key = SigningKey::generate()?;
        let pkcs8 = key.danger_to_pkcs8()?;
        let issuer = TokenIssuer::new(TrustDomainName::new(DOMAIN)?, key)
            .with_issuer("https://tokens.acme.internal")
            .with_lifetime(Duration::from_secs(15 * 60));
        Ok(Self {
            issuer,
            pkcs8,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    pub(crate) fn issuer(&self) -> &TokenIssuer {
        &self.issuer
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A verifier that keeps at most so many tokens.
    ///
    /// # Errors
    ///
    /// The issuer's keys could not be loaded.
    pub fn domain(&self, cache_capacity: usize) -> Result<TrustDomain, Error> {
        let domain = TrustDomain::new(DOMAIN)?
            .with_keys(self.issuer.key_source())
            .with_freshness(Freshness::lifetime_only(Duration::from_secs(15 * 60)))
            .with_cache_capacity(cache_capacity);
        self.block_on(domain.load())?;
        Ok(domain)
    }

    /// What a user's session in an ordinary product says: 700 to 800 bytes once signed.
    ///
    /// # Errors
    ///
    /// The name of the tenant is none.
    pub fn draft(&self, tenant: &str, now: Timestamp) -> Result<Draft, Error> {
        let ada = Principal::new("okta", Tenant::new(tenant)?, "00u1a2b3c4d5e6f7g8h9")?;
        let authentication = Authentication::at(now)
            .with_class("phr")
            .with_methods(["pwd", "hwk"])
            .in_session("sid-7f3b2c");
        let draft = Draft::user(ada, now)?
            .with_grant(Grant::new(Scope::new("orders.read orders.write")?))
            .with_authentication(authentication)
            .requested_by("spiffe://prod.acme.internal/edge")?;
        Ok(draft)
    }

    /// A token of `tenant`.
    ///
    /// # Errors
    ///
    /// It could not be minted.
    pub fn token(&self, tenant: &str, now: Timestamp) -> Result<Bytes, Error> {
        Ok(self.issuer.mint(self.draft(tenant, now)?)?.into())
    }
}

/// How the tenant is named in paths: one route among those of a small service.
pub(crate) fn with_witness(domain: TrustDomain) -> Result<AcceptLayer, Error> {
    let templates = ["/t/{tenant}/orders", "/t/{tenant}/invoices/{invoice}"];
    Ok(AcceptLayer::builder(domain)
        .add_witness(Witness::path_in("tenant", templates)?)
        .build()?)
}

/// A request as it comes from a client: its header values were just read from a socket.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    path: String,
    field: &'static str,
    value: Vec<u8>,
}

impl Call {
    /// A call to the orders of `tenant` with a transaction token.
    pub(crate) fn with_token(tenant: &str, token: &[u8]) -> Self {
        Self {
            path: format!("/t/{tenant}/orders"),
            field: "txn-token",
            value: token.to_vec(),
        }
    }

    /// The same, with the token where the peers look for it.
    pub(crate) fn with_bearer(tenant: &str, token: &[u8]) -> Self {
        Self {
            field: "authorization",
            value: [b"Bearer ", token].concat(),
            ..Self::with_token(tenant, token)
        }
    }

    /// The same, without a token.
    pub(crate) fn with_nothing(tenant: &str) -> Self {
        Self {
            field: "x-nothing",
            ..Self::with_token(tenant, b"")
        }
    }

    /// The request. What does not fit into one makes the row fail, as its answer is then another.
    pub(crate) fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        if let Ok(uri) = self.path.parse() {
            *request.uri_mut() = uri;
        }
        let headers = request.headers_mut();
        headers.insert("host", HeaderValue::from_static("orders.acme.internal"));
        headers.insert("accept", HeaderValue::from_static("application/json"));
        headers.insert("user-agent", HeaderValue::from_static("edge/1.4"));
        if let Ok(value) = HeaderValue::from_bytes(&self.value) {
            headers.insert(self.field, value);
        }
        request
    }
}
