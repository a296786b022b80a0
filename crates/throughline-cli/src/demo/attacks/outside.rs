//! Hosts outside of the domain, and redirects that lead there.

use std::collections::BTreeSet;
use std::future::ready;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use throughline::carry::Destinations;
use throughline::{CarryLayer, InContext as _};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::arena::Arena;
use super::judge::is_clean;
use super::sending::put;
use super::{Attack, Expected, Finding, Hop, scene};
use crate::demo::log::{CALL_FIELD, Hop as SeenHop, Seen};
use crate::demo::net::{self, Client, Failure};
use crate::demo::orders::FOREIGN_BAGGAGE;
use crate::demo::outbound::{self, Outbound, redirected};
use crate::demo::proxy::ORDERS_FIELD;

pub(super) const NOTHING: &str = "nothing of ours";
const STOPPED: &str = "stopped at the border";
const REFUSED: &str = "refused when built";

pub(super) const ATTACKS: [Attack; 6] = [
    scene(
        "B9",
        Hop::ThirdParty,
        "a host outside of the domain is called in a context",
        Expected::Word(NOTHING),
        |arena| Box::pin(shipped(arena)),
    ),
    scene(
        "B9-hand",
        Hop::ThirdParty,
        "our fields are put on a call to the outside by hand",
        Expected::Word(NOTHING),
        |arena| Box::pin(by_hand(arena)),
    ),
    scene(
        "H6",
        Hop::ThirdParty,
        "a redirect leads a call out of the domain",
        Expected::Word(NOTHING),
        |arena| Box::pin(led_out(arena)),
    ),
    scene(
        "H6-below",
        Hop::ThirdParty,
        "a client follows redirects below the layer, out of the domain",
        Expected::Word(STOPPED),
        |arena| {
            Box::pin(followed(arena, "H6-below", |arena| {
                let third = &arena.system.services.third_party;
                vec![
                    format!("{}/shipments", third.url()),
                    format!("{}/t/acme/invoices", third.url()),
                ]
            }))
        },
    ),
    scene(
        "H6-disguised",
        Hop::ThirdParty,
        "a redirect to another scheme, or under a false host",
        Expected::Word(STOPPED),
        |arena| {
            Box::pin(followed(arena, "H6-disguised", |arena| {
                let services = &arena.system.services;
                let (own, third) = (services.billing.address(), services.third_party.address());
                vec![
                    format!("https://{own}/t/acme/invoices"),
                    format!("http://{own}@{third}/t/acme/invoices"),
                    format!("ftp://{own}/t/acme/invoices"),
                ]
            }))
        },
    ),
    scene(
        "carry-misbuilt",
        Hop::Build,
        "destinations that say too much, or a renewal that never comes",
        Expected::Word(REFUSED),
        |_| Box::pin(ready(Ok(misbuilt()))),
    ),
];

/// What somebody outside learned of us, in a word.
fn learned(arena: &Arena<'_>, seen: &[Seen]) -> String {
    let [call] = seen else {
        return format!("{} calls arrived", seen.len());
    };
    let tokens = [arena.acme(), arena.globex()];
    let ours = |(name, value): &&(String, String)| {
        let name = name.replace(['_', '.'], "-");
        let parts = tokens.iter().any(|token| value.contains(token));
        parts
            || name.starts_with("txn-token")
            || name.starts_with("x-tenant")
            || arena.named_in(value).is_some()
    };
    match call.fields.iter().find(ours) {
        Some((name, value)) => format!("{name}: {value}"),
        None => NOTHING.into(),
    }
}

/// Whether somebody outside got what is not ours.
fn has_weather(seen: &[Seen]) -> bool {
    let mut fields = seen.iter().flat_map(|seen| &seen.fields);
    fields.any(|(name, value)| name == "baggage" && value == FOREIGN_BAGGAGE)
}

/// Orders has an order shipped: everybody inside learns the tenant, and the courier does not.
async fn shipped(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let call = arena.orders().target("/t/acme/shipments").post("{}");
    let reply = call.send("B9").await?;
    let seen = arena.system.log.take("B9");
    let (outside, inside): (Vec<_>, Vec<_>) = seen
        .into_iter()
        .partition(|seen| seen.hop == SeenHop::outside("third-party"));
    let hops = inside.iter().map(|seen| seen.hop.service.as_str());
    Ok(Finding {
        got: [learned(arena, &outside)].into(),
        twin_ok: reply.is_success()
            && has_weather(&outside)
            && hops.eq(["orders", "billing", "ledger"])
            && inside.iter().all(|seen| is_clean(seen, "acme")),
    })
}

/// A call to the outside, which takes foreign baggage along.
pub(super) fn to_courier(arena: &Arena<'_>, id: &str) -> Result<Request<Bytes>, Failure> {
    let url = format!("{}/shipments", arena.system.services.third_party.url());
    Ok(Request::get(url)
        .header(CALL_FIELD, id)
        .header("baggage", FOREIGN_BAGGAGE)
        .body(Bytes::new())?)
}

async fn by_hand(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let cx = arena.admit(arena.acme()).await?;
    let sender = arena.sender()?;
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    let fields = [
        ("txn-token", arena.acme()),
        ("txn_token", arena.acme()),
        ("txn-token-bin", arena.acme()),
        ("x-tenant", "acme"),
        ("x-tenant-id", "acme"),
        ("x_tenant_id", "acme"),
        ("baggage", "tenant.id=acme"),
    ];
    for (name, value) in fields {
        let mut bare = to_courier(arena, "B9-hand")?;
        put(&mut bare, name, value)?;
        for call in [bare.clone(), bare.in_context(&cx)] {
            twin_ok &= sender.send(call.map(Full::new)).await.is_ok();
            let seen = arena.system.log.take("B9-hand");
            got.insert(learned(arena, &seen));
            twin_ok &= has_weather(&seen);
        }
    }
    Ok(Finding { got, twin_ok })
}

/// A client that follows above the layer, so that each step is a call of its own.
async fn led_out(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let services = &arena.system.services;
    let destinations = [services.proxy.address(), services.billing.address()];
    let sender = Outbound::new(&outbound::carry(&destinations).build()?);
    let cx = arena.admit(arena.acme()).await?;
    let go = async |id: &str, to: String| -> Result<_, Failure> {
        let mut call = arena.invoice(id)?;
        put(&mut call, ORDERS_FIELD, &format!("redirect {to}"))?;
        put(&mut call, "baggage", FOREIGN_BAGGAGE)?;
        let status = sender.follow(&cx, call).await?.status();
        Ok((status, arena.system.log.take(id)))
    };
    let (_, outside) = go("H6", format!("{}/shipments", services.third_party.url())).await?;
    let inside = format!("{}/t/acme/invoices", services.billing.url());
    let (status, inside) = go("H6-twin", inside).await?;
    Ok(Finding {
        got: [learned(arena, &outside)].into(),
        twin_ok: has_weather(&outside)
            && status.is_success()
            && inside.len() == 2
            && inside.iter().all(|seen| is_clean(seen, "acme")),
    })
}

/// A client that follows by itself, as many do: below the layer, with the request as it was
/// written, and asking at each step whether the next one is inside.
async fn follow_within(
    client: Client,
    border: Destinations,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
    loop {
        let response = client.request(request.clone()).await?;
        match redirected(&response) {
            Some(next) if border.contains(&next) => {
                *request.uri_mut() = next;
                request.headers_mut().remove(ORDERS_FIELD);
            }
            Some(_) | None => return Ok(response),
        }
    }
}

async fn followed(
    arena: &Arena<'_>,
    id: &str,
    targets: fn(&Arena<'_>) -> Vec<String>,
) -> Result<Finding, Failure> {
    let services = &arena.system.services;
    let inside = [services.proxy.url(), services.billing.url()];
    let inside = || inside.iter().map(String::as_str);
    let (carry, border) = (
        CarryLayer::builder(inside()).build()?,
        Destinations::new(inside())?,
    );
    let cx = arena.admit(arena.acme()).await?;
    let go = async |id: &str, to: &str| -> Result<_, Failure> {
        let (client, border) = (net::client(), border.clone());
        let following =
            service_fn(move |request| follow_within(client.clone(), border.clone(), request));
        let mut call = arena.invoice(id)?.in_context(&cx);
        put(&mut call, ORDERS_FIELD, &format!("redirect {to}"))?;
        let response = carry.layer(following).oneshot(call.map(Full::new)).await?;
        Ok((response.status(), arena.system.log.take(id)))
    };
    let mut got = BTreeSet::new();
    for target in targets(arena) {
        let (status, seen) = go(id, &target).await?;
        let stopped = status == StatusCode::TEMPORARY_REDIRECT && seen.is_empty();
        got.insert(match stopped {
            true => STOPPED.into(),
            false => format!("{target} answered {status}"),
        });
    }
    let inside = format!("{}/t/acme/invoices", services.billing.url());
    let (status, seen) = go(&format!("{id}-twin"), &inside).await?;
    Ok(Finding {
        got,
        twin_ok: status.is_success()
            && seen.len() == 2
            && seen.iter().all(|seen| is_clean(seen, "acme")),
    })
}

fn misbuilt() -> Finding {
    let destinations = [
        &["*"][..],
        &["*.internal"],
        &["http://"],
        &["ftp://billing.internal"],
        &["billing.internal/t"],
        &["billing.internal", "BILLING.internal"],
        &[],
    ];
    let built = |patterns: &[&str]| match CarryLayer::builder(patterns.iter().copied()).build() {
        Ok(_) => "built".to_owned(),
        Err(_) => REFUSED.to_owned(),
    };
    Finding {
        got: destinations.into_iter().map(built).collect(),
        twin_ok: built(&["billing.internal", "*.svc.internal"]) == "built",
    }
}
