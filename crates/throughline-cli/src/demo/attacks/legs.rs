//! A proxy between orders and billing that drops, doubles, cuts, renames and moves fields.

use throughline::Reason::{
    ContextAmbiguous, ContextMalformed, ContextMissing, ContextStripped, ContextTruncated,
    SignatureInvalid, TenantMismatch,
};

use super::arena::Arena;
use super::wire::Call;
use super::{Attack, Hop, Pair, behind, harmless};
use crate::demo::proxy::ORDERS_FIELD;

/// A call to orders, whose own call to billing the proxy treats like this.
fn treated(arena: &Arena<'_>, order: &str) -> Call {
    arena.orders().add(ORDERS_FIELD, order)
}

/// Each of these orders to the proxy, beside one that touches nothing of ours.
fn each(arena: &Arena<'_>, orders: &[&str]) -> Pair {
    let attacks = orders.iter().map(|order| treated(arena, order));
    Pair::several(attacks, treated(arena, "set x-weather fine"))
}

const ORDERS: &[&str] = &["orders"];

pub(super) const ATTACKS: [Attack; 12] = [
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-drop", "the context is dropped between two services"),
        &[ContextMissing],
        |arena| Ok(each(arena, &["drop txn-token"])),
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-double", "the context is sent twice"),
        &[ContextAmbiguous],
        |arena| Ok(each(arena, &["duplicate txn-token"])),
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-cut", "the context is cut, as to fit a buffer"),
        &[ContextTruncated, ContextMalformed, SignatureInvalid],
        |arena| {
            let whole = arena.acme().len();
            let cuts = [0, 1, 64, 256, whole / 2, whole - 2, whole - 1];
            let orders = cuts.map(|length| format!("truncate txn-token {length}"));
            let orders = orders.each_ref().map(String::as_str);
            let mut pair = each(arena, &orders);
            // Cut where it ends, it is whole.
            let uncut = format!("truncate txn-token {whole}");
            pair.twins = vec![(treated(arena, &uncut), "acme")];
            Ok(pair)
        },
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-rename", "the context comes under an underscore"),
        &[ContextAmbiguous],
        |arena| Ok(each(arena, &["rename txn-token"])),
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-join", "two contexts are joined with a comma"),
        &[ContextAmbiguous],
        |arena| {
            let foreign = format!("append txn-token {}; join txn-token", arena.globex());
            Ok(each(arena, &["join txn-token", &foreign]))
        },
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        (
            "proxy-connection",
            "`connection` is added, to strip at the next hop",
        ),
        &[ContextStripped],
        |arena| {
            let orders = ["connection txn-token", "connection x-a, Txn_Token"];
            Ok(each(arena, &orders))
        },
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-swap", "another tenant's context takes the place"),
        &[TenantMismatch],
        |arena| {
            let order = format!("set txn-token {}", arena.globex());
            Ok(each(arena, &[&order]))
        },
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-add", "another tenant's context is put beside it"),
        &[ContextAmbiguous],
        |arena| {
            let behind = format!("append txn-token {}", arena.globex());
            let before = format!("{behind}; reorder");
            let twin = format!("append txn_token {}", arena.globex());
            Ok(each(arena, &[&behind, &before, &twin]))
        },
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        ("proxy-header", "a gateway writes another tenant's header"),
        &[TenantMismatch],
        |arena| {
            let orders = ["set x-tenant-id globex", "set baggage tenant.id=globex"];
            let mut pair = each(arena, &orders);
            let same = "set x-tenant-id acme; set baggage tenant.id=acme";
            pair.twins = vec![(treated(arena, same), "acme")];
            Ok(pair)
        },
    ),
    behind(
        ORDERS,
        Hop::Proxy,
        (
            "proxy-header-twice",
            "a gateway doubles the tenant's header",
        ),
        &[ContextAmbiguous],
        |arena| {
            let named = "set x-tenant-id acme";
            let orders = ["duplicate", "join", "rename"];
            let orders = orders.map(|verb| format!("{named}; {verb} x-tenant-id"));
            let mut pair = each(arena, &orders.each_ref().map(String::as_str));
            pair.twins = vec![(treated(arena, named), "acme")];
            Ok(pair)
        },
    ),
    harmless(
        "proxy-reorder",
        Hop::Proxy,
        "all fields come in another order",
        |arena| Ok(each(arena, &["reorder"])),
    ),
    harmless(
        "proxy-legacy",
        Hop::Proxy,
        "a gateway sets the field that billing's handler reads",
        |arena| {
            let orders = ["set x-tenant globex", "drop x-tenant"];
            Ok(each(arena, &orders))
        },
    ),
];
