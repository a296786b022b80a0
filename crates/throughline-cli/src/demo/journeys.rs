//! Honest work: users of all tenants at the same time, each through every service.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde::Deserialize;
use serde_json::json;
use throughline::SystemClock;
use throughline_core::Draft;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Clock as _;
use tokio::task::JoinSet;

use super::log::{Answer, CALL_FIELD, Hop};
use super::net::{self, Failure};
use super::outbound::RENEWED_BEFORE;
use super::report::Journey;
use super::roster::{PROVIDER, USERS, User};
use super::system::System;
use super::tokens;
use super::visitors::{self, Visitor, Who};

/// How many events somebody listens to.
const EVENTS: usize = 3;

#[derive(Clone, Copy)]
enum Errand {
    ReadOrders,
    CreateOrder,
    Pay,
    /// A third party is on the way.
    Ship,
    /// A handler starts several tasks.
    Bulk,
    /// A response that goes on.
    Listen,
    /// An agent acts for the user.
    Delegate,
    /// The context is about to expire when the call is made.
    Linger,
}

impl Errand {
    const ALL: [Self; 8] = [
        Self::ReadOrders,
        Self::CreateOrder,
        Self::Pay,
        Self::Ship,
        Self::Bulk,
        Self::Listen,
        Self::Delegate,
        Self::Linger,
    ];

    fn does(self) -> &'static str {
        match self {
            Self::ReadOrders => "reads orders",
            Self::CreateOrder => "creates an order",
            Self::Pay => "pays",
            Self::Ship => "ships by a third party",
            Self::Bulk => "bills three at once",
            Self::Listen => "listens to events",
            Self::Delegate => "has an agent report",
            Self::Linger => "calls at the last moment",
        }
    }

    /// The services that it passes, in order.
    fn way(self) -> Vec<&'static str> {
        match self {
            Self::ReadOrders | Self::CreateOrder | Self::Pay => {
                vec!["edge", "orders", "billing", "ledger"]
            }
            Self::Ship => vec!["edge", "orders", "third-party", "billing", "ledger"],
            Self::Bulk => [&["edge", "orders"][..], &["billing", "ledger"].repeat(3)].concat(),
            Self::Listen => [&["edge", "orders"][..], &["ledger"].repeat(EVENTS)].concat(),
            Self::Delegate => vec!["edge", "agent", "orders", "billing", "ledger"],
            Self::Linger => vec!["orders", "billing", "ledger"],
        }
    }

    fn is_for(self, user: User) -> bool {
        match self {
            Self::ReadOrders | Self::CreateOrder => true,
            // One of each tenant is enough for the rest.
            Self::Pay | Self::Ship | Self::Bulk | Self::Listen | Self::Delegate | Self::Linger => {
                user.may_pay()
            }
        }
    }
}

/// Runs every errand of every user, and one of every visitor, all at once; reports in the order of
/// the roster.
pub(super) async fn run(system: &System) -> Vec<Journey> {
    let mut running = JoinSet::new();
    let errands = USERS.into_iter().flat_map(|user| {
        let errands = Errand::ALL.into_iter();
        errands
            .filter(move |errand| errand.is_for(user))
            .map(move |errand| (user, errand))
    });
    for (place, (user, errand)) in errands.enumerate() {
        let traveller = Traveller::new(system, user);
        running.spawn(async move { (place, traveller.journey(errand).await) });
    }
    let visitors = match visitors::all(system) {
        Ok(visitors) => visitors,
        Err(error) => return vec![Journey::failed("visitors".to_owned(), &error)],
    };
    let users = running.len();
    for (place, visitor) in visitors.into_iter().enumerate() {
        let (edge, client) = (system.services.edge.url(), system.client.clone());
        running.spawn(async move { (users + place, visit(&edge, &client, &visitor).await) });
    }
    let mut journeys = running.join_all().await;
    journeys.sort_by_key(|(place, _)| *place);
    journeys.into_iter().map(|(_, journey)| journey).collect()
}

/// A user, with what it takes to call the system from a task.
struct Traveller {
    user: User,
    idp: String,
    edge: String,
    orders: String,
    issuer: throughline_jose::TokenIssuer,
    log: super::log::Log,
    client: net::Client,
}

impl Traveller {
    fn new(system: &System, user: User) -> Self {
        let services = &system.services;
        Self {
            user,
            idp: services.idp.url(),
            edge: services.edge.url(),
            orders: services.orders.url(),
            issuer: system.issuer.clone(),
            log: system.log.clone(),
            client: system.client.clone(),
        }
    }

    async fn journey(&self, errand: Errand) -> Journey {
        let User { name, tenant, .. } = self.user;
        let name = format!("{name} of {tenant} {}", errand.does());
        let went = self.go(errand).await;
        match went {
            Ok(hops) => Journey {
                ok: is_whole(&hops, errand, self.user),
                problem: None,
                name,
                hops,
            },
            Err(error) => Journey::failed(name, &error),
        }
    }

    async fn go(&self, errand: Errand) -> Result<Vec<Hop>, Failure> {
        let order = || json!({"order": {"tenant_id": self.user.tenant, "item": "paper"}});
        let (method, path, body) = match errand {
            Errand::CreateOrder => (Method::POST, "orders", Some(order())),
            Errand::Pay => (Method::POST, "payments", Some(json!({"amount": 4200}))),
            Errand::Ship => (Method::POST, "shipments", Some(json!({}))),
            Errand::Bulk => (Method::GET, "bulk", None),
            Errand::Delegate => (Method::GET, "summaries", None),
            Errand::ReadOrders => (Method::GET, "orders", None),
            Errand::Listen => return self.listen().await,
            Errand::Linger => return self.linger().await,
        };
        let mut request = self.request(path).await?.method(method);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or(Vec::new(), |body| body.to_string().into_bytes());
        self.answer(request.body(Full::from(body))?).await
    }

    /// A call to the edge, with an access token.
    async fn request(&self, path: &str) -> Result<http::request::Builder, Failure> {
        let bearer = self.log_in().await?;
        Ok(Request::builder()
            .uri(format!("{}/t/{}/{path}", self.edge, self.user.tenant))
            .header("authorization", format!("Bearer {bearer}")))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Vec<Hop>, Failure> {
        answer(&self.client, request).await
    }

    /// Listens for a while, and hangs up.
    async fn listen(&self) -> Result<Vec<Hop>, Failure> {
        let request = self.request("events").await?.body(Full::default())?;
        let mut body = self.client.request(request).await?.into_body();
        let (mut text, mut hops) = (Vec::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            text.extend(frame?.into_data().unwrap_or_default());
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                hops.push(serde_json::from_slice(&line)?);
                // The edge and orders say a line each.
                if hops.len() == 2 + EVENTS {
                    return Ok(hops);
                }
            }
        }
        Err("the stream ended by itself".into())
    }

    /// Calls orders with a context that ends in a moment: what orders sends on must live longer.
    async fn linger(&self) -> Result<Vec<Hop>, Failure> {
        let User { name, tenant, .. } = self.user;
        let now = SystemClock.now();
        let draft = Draft::user(self.user.principal()?, now)?
            .with_grant(Grant::new(Scope::new(self.user.scope())?))
            .requested_by("edge")?;
        let short = self.issuer.clone().with_lifetime(RENEWED_BEFORE / 2);
        let token = short.mint(tokens::with_copies(draft)?)?;
        let call = format!("linger-{tenant}-{name}");
        let request = Request::get(format!("{}/t/{tenant}/orders", self.orders))
            .header("txn-token", token)
            .header(CALL_FIELD, &call)
            .body(Full::default())?;
        let hops = self.answer(request).await?;
        let seen = self.log.take(&call).into_iter();
        let mut ends = seen.filter_map(|seen| seen.hop.expires_at);
        let (first, second) = (ends.next(), ends.next());
        let renewed = first.zip(second);
        match renewed.filter(|(first, second)| second.since(*first) > Duration::ZERO) {
            Some(_) => Ok(hops),
            None => Err("the context was not renewed on the way".into()),
        }
    }

    /// An access token from the identity provider, as an application gets it.
    async fn log_in(&self) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
        }

        let body = json!({"user": self.user.name, "tenant": self.user.tenant}).to_string();
        let request = Request::post(format!("{}/token", self.idp))
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        let response = self.client.request(request).await?;
        let body = net::collect(response.into_body()).await?;
        let granted: Granted = serde_json::from_slice(&body)?;
        Ok(granted.access_token)
    }
}

async fn answer(client: &net::Client, request: Request<Full<Bytes>>) -> Result<Vec<Hop>, Failure> {
    let response = client.request(request).await?;
    let status = response.status();
    let body = net::collect(response.into_body()).await?;
    if status != StatusCode::OK {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(serde_json::from_slice::<Answer>(&body)?.hops)
}

/// A visitor reads orders.
async fn visit(edge: &str, client: &net::Client, visitor: &Visitor) -> Journey {
    let name = format!("{} {}", visitor.name, Errand::ReadOrders.does());
    let (field, value) = visitor.field();
    let request = Request::get(format!("{edge}/t/{}/orders", visitor.tenant))
        .header(field, value)
        .body(Full::default());
    let hops = match request {
        Ok(request) => answer(client, request).await,
        Err(error) => Err(error.into()),
    };
    match hops {
        Ok(hops) => Journey {
            ok: is_seen(&hops, visitor),
            problem: None,
            name,
            hops,
        },
        Err(error) => Journey::failed(name, &error),
    }
}

/// Whether every service saw this visitor, and whoever acts, in one transaction.
fn is_seen(hops: &[Hop], visitor: &Visitor) -> bool {
    let Who {
        idp,
        subject,
        kind,
        actors,
    } = &visitor.who;
    let services = hops.iter().map(|hop| hop.service.as_str());
    let txn = hops.first().and_then(|hop| hop.txn.as_deref());
    services.eq(Errand::ReadOrders.way())
        && txn.is_some_and(|txn| !txn.is_empty())
        && hops.iter().all(|hop| {
            hop.tenant.as_deref() == Some(visitor.tenant)
                && hop.idp.as_deref() == Some(idp)
                && hop.subject.as_ref() == Some(subject)
                && hop.kind.as_deref() == Some(kind)
                && hop.actors == *actors
                && hop.verdict == "accepted"
                && hop.txn.as_deref() == txn
        })
}

/// Whether every service inside saw the user of this tenant, in one transaction, and those outside
/// nobody.
fn is_whole(hops: &[Hop], errand: Errand, user: User) -> bool {
    let services = hops.iter().map(|hop| hop.service.as_str());
    let txn = hops.first().and_then(|hop| hop.txn.as_deref());
    let inside = |hop: &Hop| {
        hop.tenant.as_deref() == Some(user.tenant)
            && hop.idp.as_deref() == Some(PROVIDER)
            && hop.subject.as_deref() == Some(user.name)
            && hop.verdict == "accepted"
            && hop.txn.as_deref() == txn
    };
    let outside = |hop: &Hop| {
        hop.verdict == "outside"
            && hop.tenant.is_none()
            && hop.idp.is_none()
            && hop.subject.is_none()
            && hop.txn.is_none()
    };
    services.eq(errand.way())
        && txn.is_some_and(|txn| !txn.is_empty())
        && hops.iter().all(|hop| match hop.service.as_str() {
            "third-party" => outside(hop),
            _ => inside(hop),
        })
}
