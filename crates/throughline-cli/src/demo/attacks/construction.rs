//! Layers that are misbuilt, built with nothing, built in another order, or only watching.

use std::collections::BTreeSet;

use throughline::Reason::{ContextMissing, TenantMismatch};
use throughline::{AcceptLayer, Mode, Rule, Witness};

use super::arena::Arena;
use super::{Attack, Expected, Finding, Hop, scene};
use crate::demo::net::Failure;
use crate::demo::orders;

/// How often a layer is built where chance could choose a rule.
const BUILDS: usize = 1_000;

/// What becomes of a layer that leaves something to chance.
const REFUSED: &str = "refused when built";

pub(super) const ATTACKS: [Attack; 5] = [
    scene(
        "X37",
        Hop::Build,
        "overlapping rules, of which chance picks one (1,000 builds)",
        Expected::Word(REFUSED),
        |arena| Box::pin(overlapping(arena)),
    ),
    scene(
        "misbuilt",
        Hop::Build,
        "layers that could be mistaken on the way",
        Expected::Word(REFUSED),
        |arena| Box::pin(misbuilt(arena)),
    ),
    scene(
        "X13-bare",
        Hop::Billing,
        "a layer built with nothing but keys, called without context",
        Expected::Refused(&[ContextMissing]),
        |arena| {
            Box::pin(async move {
                let bare = AcceptLayer::new(arena.system.domain().await?);
                let billing = arena.serve(&bare).await?;
                let call = arena.billing_at(&billing);
                let without = call.clone().without("txn-token");
                let got = arena
                    .refusal(&without, "X13-bare", Hop::Billing.position())
                    .await;
                Ok(Finding {
                    got: [got].into(),
                    twin_ok: arena.is_served(&call, "X13-bare-twin", "acme").await,
                })
            })
        },
    ),
    scene(
        "X4",
        Hop::Billing,
        "optional places absent, the required one differs, in 24 orders",
        Expected::Refused(&[TenantMismatch]),
        |arena| Box::pin(every_order(arena)),
    ),
    scene(
        "X17",
        Hop::Orders,
        "report-only turns a refusal into an acceptance",
        Expected::Refused(&[TenantMismatch]),
        |arena| Box::pin(reported(arena)),
    ),
];

/// Two templates that match one path and have the tenant at different places, in both orders.
async fn overlapping(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let build = |templates: [&'static str; 2]| Witness::path_in("tenant", templates);
    let clashing = ["/t/{tenant}/items/{id}", "/t/items/{tenant}/{id}"];
    let apart = ["/t/{tenant}/items/{id}", "/items/{tenant}/{id}/t"];
    let mut texts = BTreeSet::new();
    let mut twin_ok = true;
    for n in 0..BUILDS {
        let order = |[one, two]: [&'static str; 2]| match n % 2 {
            0 => [one, two],
            _ => [two, one],
        };
        texts.insert(match build(order(clashing)) {
            Ok(_) => "built".to_owned(),
            Err(_) => REFUSED.to_owned(),
        });
        twin_ok &= build(order(apart)).is_ok();
    }
    // Built from templates that do not clash, the layer finds the tenant whichever one matches.
    let domain = arena.system.domain().await?;
    let accept = AcceptLayer::builder(domain)
        .add_witness(build(["/t/{tenant}/invoices", "/items/{tenant}/{id}/t"])?)
        .build()?;
    let billing = arena.serve(&accept).await?;
    twin_ok &= arena
        .is_served(&arena.billing_at(&billing), "X37-twin", "acme")
        .await;
    Ok(Finding {
        got: texts,
        twin_ok,
    })
}

async fn misbuilt(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let domain = arena.system.domain().await?;
    let build = |witnesses: Vec<Witness>, exempt: &str| {
        let mut layer = AcceptLayer::builder(domain.clone()).exempt(exempt);
        for witness in witnesses {
            layer = layer.add_witness(witness);
        }
        layer.build()
    };
    let path = || Witness::path_in("tenant", ["/t/{tenant}/invoices"]);
    let refused = [
        build(vec![path()?, path()?], "/health").is_err(),
        build(vec![path()?], "/t/acme/invoices").is_err(),
        build(vec![path()?], "/health/*").is_err(),
        build(
            vec![Witness::query("tenant"), Witness::query("tenant")],
            "/health",
        )
        .is_err(),
        Witness::header("x_tenant").is_err(),
        Witness::header("authorization").is_err(),
        Witness::baggage("Tenant").is_err(),
        Witness::query("tenant")
            .behind_proxies(["127.0.0.1"])
            .is_err(),
        Witness::host().behind_proxies(["the proxy"]).is_err(),
    ];
    let word = |refused| if refused { REFUSED } else { "built" };
    Ok(Finding {
        got: refused.map(word).map(str::to_owned).into(),
        twin_ok: build(vec![path()?, Witness::query("tenant")], "/health").is_ok(),
    })
}

/// Every order of four places, three of them optional and absent.
async fn every_order(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let places = [
        Witness::header("x-tenant-id")?.optional(),
        Witness::query("tenant").optional(),
        Witness::subdomain_of(orders::HOSTS)?.optional(),
        Witness::path_in("tenant", ["/t/{tenant}/invoices"])?,
    ];
    let domain = arena.system.domain().await?;
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    for order in orders_of_four() {
        let mut layer = AcceptLayer::builder(domain.clone());
        for place in order {
            layer = places
                .get(place)
                .into_iter()
                .cloned()
                .fold(layer, |layer, place| layer.add_witness(place));
        }
        let billing = arena.serve(&layer.build()?).await?;
        let call = arena.billing_at(&billing);
        let id = format!("X4-{order:?}");
        let attack = call.clone().target("/t/globex/invoices");
        got.insert(arena.refusal(&attack, &id, Hop::Billing.position()).await);
        twin_ok &= arena.is_served(&call, &id, "acme").await;
    }
    Ok(Finding { got, twin_ok })
}

fn orders_of_four() -> Vec<[usize; 4]> {
    let places = 0..4_usize;
    let mut orders = Vec::new();
    for a in places.clone() {
        for b in places.clone().filter(|b| *b != a) {
            for c in places.clone().filter(|c| *c != a && *c != b) {
                orders.push([a, b, c, 6 - a - b - c]);
            }
        }
    }
    orders
}

/// Orders with its witnesses in report mode: the call passes, and nobody gets a context from it.
async fn reported(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let accept = orders::accept(arena.system.domain().await?)?
        .with_mode(Rule::Witnesses, Mode::Report)
        .build()?;
    let system = arena.system;
    let server = orders::serve(accept, system.neighbours.clone(), system.log.clone()).await?;
    let call = super::wire::Call::get(server.address(), "/t/acme/orders").token(arena.acme());
    let position = Hop::Orders.position();

    // The ordinary extractor refuses with the reason that would have been.
    let drifted = call.clone().target("/t/globex/orders");
    let mut got: BTreeSet<_> = [arena.refusal(&drifted, "X17", position).await].into();
    // So does what stands behind: a requirement, and a witness in the body.
    let payment = call.clone().target("/t/globex/payments").post("{}");
    got.insert(arena.refusal(&payment, "X17-require", position).await);
    let order = call.clone().target("/t/globex/orders");
    let order = order.post(r#"{"order":{"tenant_id":"globex"}}"#);
    got.insert(arena.refusal(&order, "X17-body", position).await);
    // The observing extractor is told, and gets no context either.
    let observing = call
        .clone()
        .target("/t/globex/observed")
        .send("X17-observed")
        .await?;
    let ran = arena.system.log.take("X17-observed");
    let told = observing.json();
    let told = told.get("would_refuse").and_then(serde_json::Value::as_str);
    got.insert(match told {
        Some(reason) if ran.is_empty() => reason.to_owned(),
        told => format!("{told:?} and {} contexts", ran.len()),
    });
    // What is no rule of this kind is refused in every mode.
    let forged = call.clone().token(format!("{}x", arena.acme()));
    let forged = arena.refusal(&forged, "X17-forged", position).await;
    let observed = call.clone().target("/t/acme/observed");
    let twin_ok = arena.is_served(&call, "X17-twin", "acme").await
        && arena
            .is_served(&observed, "X17-observed-twin", "acme")
            .await
        && forged == throughline::Reason::ContextMalformed.code();
    Ok(Finding { got, twin_ok })
}
