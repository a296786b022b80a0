//! The whole system, up and running.

use std::collections::BTreeMap;

use throughline::accept::AcceptBuilder;
use throughline::{KeySource, TrustDomain};
use throughline_jose::TokenIssuer;
use tokio::task::JoinHandle;

use super::directory::Directory;
use super::idp::Idp;
use super::log::Log;
use super::net::{self, Client, Failure, Server};
use super::signer::Signer;
use super::{billing, edge, orders, roster, tokens};

/// Five services on loopback sockets. Dropping it stops them all.
#[derive(Debug)]
pub(super) struct System {
    pub(super) idp: Idp,
    pub(super) issuer: TokenIssuer,
    /// The issuer's key, for tokens that it would never sign.
    pub(super) forge: Signer,
    pub(super) directory: Directory,
    pub(super) log: Log,
    pub(super) client: Client,
    pub(super) services: Services,
    heartbeat: JoinHandle<()>,
}

#[derive(Debug)]
pub(super) struct Services {
    pub(super) idp: Server,
    pub(super) edge: Server,
    pub(super) tokens: Server,
    pub(super) orders: Server,
    pub(super) billing: Server,
}

impl System {
    /// Starts every service, those first that others depend on.
    pub(super) async fn start() -> Result<Self, Failure> {
        Self::start_with(|orders| orders).await
    }

    /// Starts it with another layer in front of orders, so that it can be seen to leak.
    pub(super) async fn start_with(
        change: impl FnOnce(AcceptBuilder) -> AcceptBuilder,
    ) -> Result<Self, Failure> {
        let log = Log::default();
        let directory = Directory::new();
        let heartbeat = directory.keep_confirming(roster::tenants()?);

        let idp = Idp::new()?;
        let idp_server = idp.serve().await?;
        let (issuer, forge) = tokens::issuer()?;
        let own = tokens::domain(&issuer, directory.freshness()).await?;
        let tokens = tokens::serve(issuer.clone(), own.clone(), log.clone()).await?;

        let jwks = jwks(&tokens);
        let accept = billing::accept(domain(&jwks, &directory).await?)?.build()?;
        let billing = billing::serve(&accept, log.clone()).await?;
        let accept = change(orders::accept(domain(&jwks, &directory).await?)?).build()?;
        let orders = orders::serve(accept, billing.address(), log.clone()).await?;
        let idp_jwks = self::jwks(&idp_server);
        let edge = edge::serve(
            &idp_jwks,
            issuer.clone(),
            own,
            orders.address(),
            log.clone(),
        )
        .await?;

        Ok(Self {
            idp,
            issuer,
            forge,
            directory,
            log,
            client: net::client(),
            services: Services {
                idp: idp_server,
                edge,
                tokens,
                orders,
                billing,
            },
            heartbeat,
        })
    }

    /// The domain as a service inside knows it: keys over HTTP, freshness from the directory.
    pub(super) async fn domain(&self) -> Result<TrustDomain, Failure> {
        domain(&jwks(&self.services.tokens), &self.directory).await
    }

    /// Where the keys of the domain are published.
    pub(super) fn jwks(&self) -> String {
        jwks(&self.services.tokens)
    }

    /// The address of each service by its name.
    pub(super) fn urls(&self) -> BTreeMap<&'static str, String> {
        let Services {
            idp,
            edge,
            tokens,
            orders,
            billing,
        } = &self.services;
        let named = [
            ("idp", idp),
            ("edge", edge),
            ("tokens", tokens),
            ("orders", orders),
            ("billing", billing),
        ];
        named.map(|(name, server)| (name, server.url())).into()
    }

    /// Stops every service, and returns when their ports are closed.
    pub(super) async fn stop(self) {
        self.heartbeat.abort();
        let Services {
            idp,
            edge,
            tokens,
            orders,
            billing,
        } = self.services;
        for server in [edge, orders, billing, tokens, idp] {
            server.stop().await;
        }
    }
}

fn jwks(server: &Server) -> String {
    format!("{}/jwks.json", server.url())
}

async fn domain(jwks: &str, directory: &Directory) -> Result<TrustDomain, Failure> {
    let keys = KeySource::url(jwks)?.for_issuer(tokens::ISSUER);
    let domain = TrustDomain::new(tokens::DOMAIN)?
        .with_keys(keys)
        .with_freshness(directory.freshness());
    domain.load().await?;
    Ok(domain)
}
