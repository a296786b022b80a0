//! Honest work: users of all tenants at the same time, each through every service.

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::log::Answer;
use super::net::{self, Client, Failure};
use super::report::Journey;
use super::roster::{USERS, User};
use super::system::System;

/// The services that a journey passes, in order.
const WAY: [&str; 3] = ["edge", "orders", "billing"];

#[derive(Clone, Copy)]
enum Errand {
    ReadOrders,
    CreateOrder,
    Pay,
}

impl Errand {
    const ALL: [Self; 3] = [Self::ReadOrders, Self::CreateOrder, Self::Pay];

    fn does(self) -> &'static str {
        match self {
            Self::ReadOrders => "reads orders",
            Self::CreateOrder => "creates an order",
            Self::Pay => "pays",
        }
    }

    fn is_for(self, user: User) -> bool {
        match self {
            Self::ReadOrders | Self::CreateOrder => true,
            Self::Pay => user.may_pay(),
        }
    }
}

/// Runs every errand of every user, all at once, and reports in the order of the roster.
pub(super) async fn run(system: &System) -> Vec<Journey> {
    let mut running = JoinSet::new();
    let errands = USERS.into_iter().flat_map(|user| {
        let errands = Errand::ALL.into_iter();
        errands
            .filter(move |errand| errand.is_for(user))
            .map(move |errand| (user, errand))
    });
    for (place, (user, errand)) in errands.enumerate() {
        let urls = (system.services.idp.url(), system.services.edge.url());
        let client = system.client.clone();
        running.spawn(async move { (place, journey(&client, urls, user, errand).await) });
    }
    let mut journeys = running.join_all().await;
    journeys.sort_by_key(|(place, _)| *place);
    journeys.into_iter().map(|(_, journey)| journey).collect()
}

async fn journey(
    client: &Client,
    (idp, edge): (String, String),
    user: User,
    errand: Errand,
) -> Journey {
    let name = format!("{} of {} {}", user.name, user.tenant, errand.does());
    match go(client, &idp, &edge, user, errand).await {
        Ok(answer) => Journey {
            ok: is_whole(&answer, user),
            problem: None,
            name,
            hops: answer.hops,
        },
        Err(error) => Journey {
            name,
            hops: Vec::new(),
            ok: false,
            problem: Some(error.to_string()),
        },
    }
}

/// Whether every service saw the user of this tenant, in one transaction.
fn is_whole(answer: &Answer, user: User) -> bool {
    let services = answer.hops.iter().map(|hop| hop.service.as_str());
    let txn = answer.hops.first().map(|hop| &hop.txn);
    services.eq(WAY)
        && answer.hops.iter().all(|hop| {
            hop.tenant == user.tenant
                && hop.subject == user.name
                && hop.verdict == "accepted"
                && Some(&hop.txn) == txn
                && !hop.txn.is_empty()
        })
}

async fn go(
    client: &Client,
    idp: &str,
    edge: &str,
    user: User,
    errand: Errand,
) -> Result<Answer, Failure> {
    let bearer = log_in(client, idp, user).await?;
    let (method, path, body) = match errand {
        Errand::ReadOrders => (Method::GET, "orders", None),
        Errand::CreateOrder => {
            let order = json!({"order": {"tenant_id": user.tenant, "item": "paper", "count": 3}});
            (Method::POST, "orders", Some(order))
        }
        Errand::Pay => (Method::POST, "payments", Some(json!({"amount": 4200}))),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{edge}/t/{}/{path}", user.tenant))
        .header("authorization", format!("Bearer {bearer}"));
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = body.map_or(Vec::new(), |body| body.to_string().into_bytes());
    let response = client.request(request.body(Full::from(body))?).await?;
    let status = response.status();
    let body = net::collect(response.into_body()).await?;
    if status != StatusCode::OK {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(serde_json::from_slice(&body)?)
}

/// An access token from the identity provider, as an application gets it.
async fn log_in(client: &Client, idp: &str, user: User) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: String,
    }

    let body = json!({"user": user.name, "tenant": user.tenant}).to_string();
    let request = Request::post(format!("{idp}/token"))
        .header("content-type", "application/json")
        .body(Full::from(body))?;
    let response = client.request(request).await?;
    let body = net::collect(response.into_body()).await?;
    let granted: Granted = serde_json::from_slice(&body)?;
    Ok(granted.access_token)
}
