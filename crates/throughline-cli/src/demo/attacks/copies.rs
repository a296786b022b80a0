//! The unsigned copies of the tenant, on the way to a ledger that relies on them.

use serde_json::json;
use throughline::Reason::{
    ContextAmbiguous, ContextMalformed, ProjectionMismatch, ProjectionTruncated,
};

use super::arena::Arena;
use super::wire::Call;
use super::{Attack, Hop, Pair, behind};
use crate::demo::proxy::ORDERS_FIELD;

const BILLING: &[&str] = &["billing"];

/// A call to billing, whose own call to the ledger the proxy treats like this.
fn treated(arena: &Arena<'_>, order: &str) -> Call {
    arena.billing().add(ORDERS_FIELD, order)
}

/// Each of these orders to the proxy, beside one that touches nothing of ours.
fn each(arena: &Arena<'_>, orders: &[&str]) -> Pair {
    let attacks = orders.iter().map(|order| treated(arena, order));
    Pair::several(attacks, treated(arena, "set x-weather fine"))
}

pub(super) const ATTACKS: [Attack; 7] = [
    behind(
        BILLING,
        Hop::Ledger,
        ("copy-lost", "a copy is lost between two services"),
        &[ProjectionTruncated],
        |arena| Ok(each(arena, &["drop x-tenant", "drop baggage"])),
    ),
    behind(
        BILLING,
        Hop::Ledger,
        ("copy-cut", "a copy is cut to another name, or to none"),
        &[ProjectionMismatch, ProjectionTruncated, ContextMalformed],
        |arena| {
            // `acm`, nothing, `tenant.id=acm`, `tenant.i`.
            let cuts = ["x-tenant 3", "x-tenant 0", "baggage 13", "baggage 8"];
            let orders = cuts.map(|cut| format!("truncate {cut}"));
            Ok(each(arena, &orders.each_ref().map(String::as_str)))
        },
    ),
    behind(
        BILLING,
        Hop::Ledger,
        ("copy-forged", "a copy names another tenant"),
        &[ProjectionMismatch],
        |arena| {
            let orders = ["set x-tenant globex", "set baggage tenant.id=globex"];
            let mut pair = each(arena, &orders);
            let same = "set x-tenant acme; set baggage weather=fine,tenant.id=acme";
            pair.twins = vec![(treated(arena, same), "acme")];
            Ok(pair)
        },
    ),
    behind(
        BILLING,
        Hop::Ledger,
        ("copy-twice", "a copy comes twice, or under two names"),
        &[ContextAmbiguous],
        |arena| {
            let orders = [
                "duplicate x-tenant",
                "join x-tenant",
                "append x_tenant acme",
                "append x-tenant-bin acme",
                "duplicate baggage",
                "append baggage tenant.id=globex",
            ];
            Ok(each(arena, &orders))
        },
    ),
    behind(
        BILLING,
        Hop::Ledger,
        (
            "copy-renamed",
            "a copy comes under a name that looks like it",
        ),
        &[ContextAmbiguous],
        |arena| {
            let orders = ["rename x-tenant", "set baggage Tenant.Id=acme"];
            Ok(each(arena, &orders))
        },
    ),
    behind(
        BILLING,
        Hop::Ledger,
        (
            "copy-unpromised",
            "a context promises no copy, or one of two",
        ),
        &[ProjectionTruncated],
        |arena| {
            let promising = |copies| arena.acme_with(&[("/tctx/proj", copies)]);
            let (one, two) = ("tenant@header:x-tenant", "tenant@baggage:tenant.id");
            let call = arena.billing();
            let attacks = [
                call.clone().token(promising(json!([]))?),
                call.clone().token(promising(json!([one]))?),
                call.clone().token(promising(json!([two]))?),
                // Somebody on the way adds what the context does not promise.
                treated(arena, "set x-tenant acme; set baggage tenant.id=acme")
                    .token(promising(json!([]))?),
            ];
            Ok(Pair::several(
                attacks,
                call.token(promising(json!([one, two]))?),
            ))
        },
    ),
    behind(
        BILLING,
        Hop::Ledger,
        (
            "copy-swapped",
            "the context is another tenant's, the copies stay",
        ),
        &[ProjectionMismatch],
        |arena| {
            let order = format!("set txn-token {}", arena.globex());
            Ok(each(arena, &[&order]))
        },
    ),
];
