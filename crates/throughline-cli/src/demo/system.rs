//! The whole system, up and running.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use throughline::accept::AcceptBuilder;
use throughline::{KeySource, TrustDomain};
use throughline_jose::TokenIssuer;
use tokio::task::JoinHandle;

use super::api_keys::ApiKeys;
use super::directory::Directory;
use super::edge::{Addresses, Sources, Trusted};
use super::hooli::Hooli;
use super::idp::Idp;
use super::log::Log;
use super::members::Members;
use super::net::{self, Client, Failure, Port, Server};
use super::orders::Neighbours;
use super::signer::Signer;
use super::workos::WorkOs;
use super::{agent, billing, edge, ledger, orders, proxy, roster, third_party, tokens};

/// All services on loopback sockets. Dropping it stops them all.
#[derive(Debug)]
pub(super) struct System {
    pub(super) idp: Idp,
    pub(super) workos: WorkOs,
    pub(super) hooli: Hooli,
    /// Whom the edge asks, beside keys.
    pub(super) sources: Sources,
    pub(super) issuer: TokenIssuer,
    /// The domain as the edge knows it, in whose process contexts are minted.
    pub(super) own: TrustDomain,
    /// The issuer's key, for tokens that it would never sign.
    pub(super) forge: Signer,
    pub(super) directory: Directory,
    pub(super) log: Log,
    pub(super) client: Client,
    pub(super) services: Services,
    /// Whom orders calls.
    pub(super) neighbours: Neighbours,
    heartbeat: JoinHandle<()>,
}

/// What is done to services before they are started.
#[derive(Debug)]
pub(super) struct Changes {
    /// To what the edge goes by.
    pub(super) edge: fn(&mut Trusted),
    /// To the layer in front of orders.
    pub(super) orders: fn(AcceptBuilder) -> AcceptBuilder,
    /// To the layer in front of the ledger.
    pub(super) ledger: fn(AcceptBuilder) -> AcceptBuilder,
    /// To what orders knows of others.
    pub(super) neighbours: fn(&mut Neighbours),
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            edge: |_| {},
            orders: |accept| accept,
            ledger: |accept| accept,
            neighbours: |_| {},
        }
    }
}

#[derive(Debug)]
pub(super) struct Services {
    pub(super) idp: Server,
    pub(super) workos: Server,
    pub(super) hooli: Server,
    pub(super) edge: Server,
    pub(super) tokens: Server,
    pub(super) orders: Server,
    pub(super) agent: Server,
    pub(super) billing: Server,
    pub(super) ledger: Server,
    pub(super) third_party: Server,
    pub(super) proxy: Server,
}

impl System {
    /// Starts every service, those first that others depend on.
    pub(super) async fn start() -> Result<Self, Failure> {
        Self::start_with(Changes::default()).await
    }

    /// Starts it changed, so that it can be seen to leak.
    pub(super) async fn start_with(changes: Changes) -> Result<Self, Failure> {
        // Beside all the rest, as it takes the longest.
        let workos = tokio::task::spawn_blocking(WorkOs::new);
        let log = Log::default();
        let directory = Directory::new();
        let heartbeat = directory.keep_confirming(roster::tenants()?);

        let idp = Idp::new()?;
        let idp_server = idp.serve().await?;
        let hooli = Hooli::new()?;
        let hooli_server = hooli.serve().await?;
        let (issuer, forge) = tokens::issuer()?;
        let own = tokens::domain(&issuer, directory.freshness()).await?;
        let tokens = tokens::serve(issuer.clone(), own.clone(), log.clone()).await?;

        let jwks = jwks(&tokens);
        let inside = domain(&jwks, &directory).await?;
        let third_party = third_party::serve(log.clone()).await?;
        let accept = (changes.ledger)(ledger::accept(inside.clone())?).build()?;
        let ledger = ledger::serve(&accept, inside.clone(), log.clone()).await?;
        let behind = Arc::new(OnceLock::new());
        let proxy = proxy::serve(Arc::clone(&behind), ledger.address()).await?;
        let accept = billing::accept(domain(&jwks, &directory).await?)?.build()?;
        let billing = billing::serve(&accept, proxy.address(), log.clone()).await?;
        let _ = behind.set(billing.address());
        let mut neighbours = Neighbours {
            inside: vec![proxy.address()],
            billing: proxy.address(),
            ledger: proxy.address(),
            third_party: third_party.address(),
            issuer: issuer.clone(),
            domain: inside.clone(),
        };
        (changes.neighbours)(&mut neighbours);
        let accept = orders::accept(domain(&jwks, &directory).await?)?;
        let accept = (changes.orders)(accept).build()?;
        let orders = orders::serve(accept, neighbours.clone(), log.clone()).await?;
        let agent = agent::serve(inside, issuer.clone(), orders.address(), log.clone()).await?;
        let workos = workos.await??;
        let workos_server = workos.serve().await?;
        let sources = Sources {
            idp: idp.clone(),
            members: Members::new(),
            api_keys: ApiKeys::new(),
        };
        let at = Addresses {
            idp: idp_server.url(),
            workos: workos_server.url(),
            hooli: hooli_server.url(),
        };
        let port = Port::open().await?;
        let resource = port.url()?;
        let mut trusted = Trusted::new(&at, &resource);
        (changes.edge)(&mut trusted);
        let layer = trusted
            .build(sources.clone(), issuer.clone(), own.clone(), &resource)
            .await?;
        let behind = (orders.address(), agent.address());
        let edge = edge::serve(port, layer, behind, log.clone())?;

        Ok(Self {
            idp,
            workos,
            hooli,
            sources,
            issuer,
            own,
            forge,
            directory,
            log,
            client: net::client(),
            services: Services {
                idp: idp_server,
                workos: workos_server,
                hooli: hooli_server,
                edge,
                tokens,
                orders,
                agent,
                billing,
                ledger,
                third_party,
                proxy,
            },
            neighbours,
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
            workos,
            hooli,
            edge,
            tokens,
            orders,
            agent,
            billing,
            ledger,
            third_party,
            proxy,
        } = &self.services;
        let named = [
            ("idp", idp),
            ("workos", workos),
            ("hooli-idp", hooli),
            ("edge", edge),
            ("tokens", tokens),
            ("orders", orders),
            ("agent", agent),
            ("billing", billing),
            ("ledger", ledger),
            ("third-party", third_party),
            ("proxy", proxy),
        ];
        named.map(|(name, server)| (name, server.url())).into()
    }

    /// Stops every service, and returns when their ports are closed.
    pub(super) async fn stop(self) {
        self.heartbeat.abort();
        let Services {
            idp,
            workos,
            hooli,
            edge,
            tokens,
            orders,
            agent,
            billing,
            ledger,
            third_party,
            proxy,
        } = self.services;
        let front = [edge, agent, orders, billing];
        for server in
            front
                .into_iter()
                .chain([proxy, ledger, third_party, tokens, idp, workos, hooli])
        {
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
