//! Fields that proxies and clients double, cut, rename or strip.

use serde_json::json;
use throughline::Reason::{
    AlgorithmRefused, ContextAmbiguous, ContextMalformed, ContextMissing, ContextOversized,
    ContextStripped, ContextTruncated, KeyUnknown, SignatureInvalid, TypeRefused,
};

use super::{Attack, Hop, Pair, harmless, pair};

pub(super) const ATTACKS: [Attack; 15] = [
    pair(
        "X13",
        Hop::Orders,
        "no context at all reads as anonymous",
        &[ContextMissing],
        |arena| {
            let call = arena.orders();
            Ok(Pair::new(call.clone().without("txn-token"), call))
        },
    ),
    pair(
        "H2",
        Hop::Orders,
        "`connection` tells a proxy to strip the context",
        &[ContextStripped],
        |arena| {
            let call = arena.orders();
            let stripping = |value: &str| call.clone().set("connection", value);
            let attacks = [
                stripping("close, Txn-Token"),
                stripping("txn-token,close"),
                stripping("close").add("connection", "TXN-TOKEN"),
                stripping("close, x-tenant-id").add("x-tenant-id", "acme"),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    pair(
        "H2-stripped",
        Hop::Orders,
        "the proxy obeyed: only the tenant's header is left",
        &[ContextMissing],
        |arena| {
            let call = arena.orders().add("x-tenant-id", "acme");
            Ok(Pair::new(call.clone().without("txn-token"), call))
        },
    ),
    pair(
        "H3",
        Hop::Orders,
        "an underscore twin beside the tenant's header",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.orders().add("x-tenant-id", "acme");
            let twins = ["x_tenant_id", "X-Tenant_Id", "x.tenant.id"];
            let differing = twins.map(|name| call.clone().add(name, "globex"));
            let equal = twins.map(|name| call.clone().add(name, "acme"));
            Ok(Pair::several(differing.into_iter().chain(equal), call))
        },
    ),
    pair(
        "H3-token",
        Hop::Orders,
        "an underscore twin beside the context itself",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().add("txn_token", arena.globex()),
                call,
            ))
        },
    ),
    pair(
        "H4",
        Hop::Orders,
        "two lines of an owned field, in either order",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.orders();
            let header = call.clone().add("x-tenant-id", "acme");
            let attacks = [
                call.clone().add("txn-token", arena.globex()),
                call.clone()
                    .token(arena.globex())
                    .add("txn-token", arena.acme()),
                call.clone().add("txn-token", arena.acme()),
                header.clone().add("x-tenant-id", "globex"),
                header
                    .clone()
                    .set("x-tenant-id", "globex")
                    .add("x-tenant-id", "acme"),
                header.clone().add("x-tenant-id", "acme"),
            ];
            Ok(Pair::several(attacks, header))
        },
    ),
    pair(
        "H4-joined",
        Hop::Orders,
        "two values that a hop joined with a comma",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.orders();
            let (acme, globex) = (arena.acme(), arena.globex());
            let attacks = [
                call.clone().token(format!("{acme}, {globex}")),
                call.clone().token(format!("{globex},{acme}")),
                call.clone().add("x-tenant-id", "acme,globex"),
                call.clone().add("x-tenant-id", "acme, acme"),
            ];
            Ok(Pair::several(attacks, call.add("x-tenant-id", "acme")))
        },
    ),
    pair(
        "H4-billing",
        Hop::Billing,
        "two contexts at the last hop",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.billing();
            Ok(Pair::new(
                call.clone().add("txn-token", arena.globex()),
                call,
            ))
        },
    ),
    pair(
        "H8",
        Hop::Orders,
        "a context of 16 KiB, as a proxy could cut it",
        &[ContextOversized],
        |arena| {
            let noted = |bytes| arena.acme_with(&[("/rctx/req/note", json!("x".repeat(bytes)))]);
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().token(noted(12 * 1024)?),
                call.token(noted(120)?),
            ))
        },
    ),
    pair(
        "H8-cut",
        Hop::Orders,
        "a context cut at every position",
        &[ContextMalformed, ContextTruncated],
        |arena| {
            let call = arena.orders();
            let token = arena.acme().as_bytes();
            let cut = |len| {
                call.clone()
                    .token(token.iter().take(len).copied().collect::<Vec<_>>())
            };
            Ok(Pair::several((0..token.len()).map(cut), call.clone()))
        },
    ),
    pair(
        "H8-flip",
        Hop::Orders,
        "a context with one bit flipped, at every position",
        &[
            SignatureInvalid,
            ContextMalformed,
            ContextAmbiguous,
            AlgorithmRefused,
            KeyUnknown,
            TypeRefused,
        ],
        |arena| {
            let call = arena.orders();
            let token = arena.acme().as_bytes();
            let flipped = |place| {
                let flip = |(n, byte): (usize, &u8)| if n == place { byte ^ 1 } else { *byte };
                call.clone()
                    .token(token.iter().enumerate().map(flip).collect::<Vec<_>>())
            };
            // The last character has spare bits; which of them count is told in its own attack.
            Ok(Pair::several((0..token.len()).map(flipped), call.clone()))
        },
    ),
    pair(
        "H9",
        Hop::Orders,
        "a byte outside ASCII makes a field look absent",
        &[ContextMalformed],
        |arena| {
            let call = arena.orders();
            let mut token = arena.acme().as_bytes().to_vec();
            token.push(0xE9);
            let attacks = [
                call.clone().token(token),
                call.clone().token([0xE9]),
                call.clone().add("x-tenant-id", b"acm\xe9"),
            ];
            Ok(Pair::several(attacks, call.add("x-tenant-id", "acme")))
        },
    ),
    pair(
        "trailer",
        Hop::Orders,
        "the context comes behind the body, as a trailer",
        &[ContextMissing],
        |arena| {
            let call = arena.orders().post(r#"{"order":{"tenant_id":"acme"}}"#);
            let late = call
                .clone()
                .without("txn-token")
                .trailer("txn-token", arena.acme());
            Ok(Pair::new(late, call))
        },
    ),
    harmless(
        "trailer-tenant",
        Hop::Orders,
        "a trailer names another tenant",
        |arena| {
            let call = arena.orders().post(r#"{"order":{"tenant_id":"acme"}}"#);
            Ok(Pair::new(
                call.clone().trailer("x-tenant-id", "globex"),
                call,
            ))
        },
    ),
    pair(
        "empty",
        Hop::Orders,
        "an empty context reads as none required",
        &[ContextMalformed],
        |arena| {
            let call = arena.orders();
            Ok(Pair::new(call.clone().token(""), call))
        },
    ),
];
