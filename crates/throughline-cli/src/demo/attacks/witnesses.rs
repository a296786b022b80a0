//! Everything else in a request that names a tenant, and disagrees.

use throughline::Reason::{
    BodyOversized, ContextAmbiguous, ContextMalformed, ContextOversized, TenantMismatch,
    WitnessMissing,
};

use super::arena::Arena;
use super::wire::Call;
use super::{Attack, Hop, Pair, pair};

const ORDER: &str = r#"{"order":{"tenant_id":"acme","item":"paper"}}"#;

/// A call in which path, host, header, query, baggage and body all say `acme`.
fn unanimous(arena: &Arena<'_>) -> Call {
    arena
        .orders()
        .target("/t/acme/orders?tenant=acme")
        .set("host", "acme.tenants.example")
        .add("x-tenant-id", "acme")
        .add("baggage", "tenant.id=acme")
        .post(ORDER)
}

/// An order as the honest one, with another body.
fn ordering(arena: &Arena<'_>, body: impl Into<Vec<u8>>) -> Pair {
    let call = arena.orders().post(ORDER);
    Pair::new(call.clone().post(body), call)
}

pub(super) const ATTACKS: [Attack; 22] = [
    pair(
        "H1",
        Hop::Orders,
        "a client's header names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().add("x-tenant-id", "globex"),
                call.add("x-tenant-id", "acme"),
            ))
        },
    ),
    pair(
        "H1-billing",
        Hop::Billing,
        "a header names another tenant at the last hop",
        &[TenantMismatch],
        |arena| {
            let call = arena.billing();
            Ok(Pair::new(
                call.clone().add("x-tenant-id", "globex"),
                call.add("x-tenant-id", "acme"),
            ))
        },
    ),
    pair(
        "H7",
        Hop::Orders,
        "a gateway's constant host, the tenant's beside it",
        &[TenantMismatch],
        |arena| {
            let call = arena.orders();
            let gateway = call.clone().set("host", "app.tenants.example");
            let attacks = [
                gateway
                    .clone()
                    .add("x-forwarded-host", "globex.tenants.example"),
                // It says the right thing, and nobody here listens to strangers.
                gateway.add("x-forwarded-host", "acme.tenants.example"),
            ];
            Ok(Pair::several(
                attacks,
                call.set("host", "acme.tenants.example"),
            ))
        },
    ),
    pair(
        "H7-proxy",
        Hop::Billing,
        "a listed gateway forwards the host of another tenant",
        &[TenantMismatch],
        |arena| {
            let call = arena.billing().set("host", "app.tenants.example");
            Ok(Pair::new(
                call.clone()
                    .add("x-forwarded-host", "globex.tenants.example"),
                call.add("x-forwarded-host", "acme.tenants.example"),
            ))
        },
    ),
    pair(
        "two-hosts",
        Hop::Orders,
        "the target and the host field name two hosts",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.orders().set("host", "acme.tenants.example");
            let at = |host| call.clone().target(format!("http://{host}/t/acme/orders"));
            Ok(Pair::new(
                at("globex.tenants.example"),
                at("acme.tenants.example"),
            ))
        },
    ),
    pair(
        "T1",
        Hop::Orders,
        "a context of one tenant on the path of another",
        &[TenantMismatch],
        |arena| {
            let call = arena.orders();
            let attacks = [
                call.clone().target("/t/globex/orders"),
                call.clone().token(arena.globex()),
            ];
            let twins = vec![
                (call.clone(), "acme"),
                (
                    call.target("/t/globex/orders").token(arena.globex()),
                    "globex",
                ),
            ];
            Ok(Pair {
                attacks: attacks.into(),
                twins,
            })
        },
    ),
    pair(
        "T1-billing",
        Hop::Billing,
        "the same, at the last hop",
        &[TenantMismatch],
        |arena| {
            let call = arena.billing();
            Ok(Pair::new(call.clone().target("/t/globex/invoices"), call))
        },
    ),
    pair(
        "B5",
        Hop::Orders,
        "the tenant stands in the second baggage line",
        &[TenantMismatch],
        |arena| {
            let call = arena.orders();
            let lines = |one, two| call.clone().add("baggage", one).add("baggage", two);
            let attacks = [
                lines("trace=1", "tenant.id=globex"),
                lines("tenant.id=globex", "trace=1"),
            ];
            Ok(Pair::several(attacks, lines("trace=1", "tenant.id=acme")))
        },
    ),
    pair(
        "B7",
        Hop::Orders,
        "baggage names two tenants, and each hop reads another",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.orders();
            let carrying = |baggage| call.clone().add("baggage", baggage);
            let attacks = [
                carrying("tenant.id=acme,tenant.id=globex"),
                carrying("tenant.id=globex,tenant.id=acme"),
                carrying("tenant.id=acme,tenant.id=acme"),
                carrying("tenant.id=acme").add("baggage", "tenant.id=globex"),
            ];
            Ok(Pair::several(attacks, carrying("tenant.id=acme")))
        },
    ),
    pair(
        "B8",
        Hop::Orders,
        "a mebibyte of baggage hides the tenant's member",
        &[ContextOversized],
        |arena| {
            let call = arena.orders();
            let stuffed = |members: usize| {
                let stuffing = "k=0123456789abcde,".repeat(members);
                call.clone()
                    .add("baggage", format!("{stuffing}tenant.id=acme"))
            };
            Ok(Pair::new(stuffed(1024 * 1024 / 18), stuffed(3)))
        },
    ),
    pair(
        "X5",
        Hop::Orders,
        "a query names the tenant twice",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.orders();
            let asking = |query| call.clone().target(format!("/t/acme/orders?{query}"));
            let attacks = [
                asking("tenant=acme&tenant=globex"),
                asking("tenant=globex&tenant=acme"),
                asking("tenant=acme&tenant=acme"),
                asking("tenant=acme&Tenant=globex"),
                asking("tenant=acme&tenant[]=globex"),
                asking("tenant=acme&t%65nant=globex"),
            ];
            Ok(Pair::several(attacks, asking("tenant=acme")))
        },
    ),
    pair(
        "X18",
        Hop::Orders,
        "five places agree, the path names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = unanimous(arena);
            let path = call.clone().target("/t/globex/orders?tenant=acme");
            Ok(Pair::new(path, call))
        },
    ),
    pair(
        "X18-host",
        Hop::Orders,
        "five places agree, the host names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = unanimous(arena);
            Ok(Pair::new(
                call.clone().set("host", "globex.tenants.example"),
                call,
            ))
        },
    ),
    pair(
        "X18-header",
        Hop::Orders,
        "five places agree, a header names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = unanimous(arena);
            Ok(Pair::new(call.clone().set("x-tenant-id", "globex"), call))
        },
    ),
    pair(
        "X18-query",
        Hop::Orders,
        "five places agree, the query names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = unanimous(arena);
            Ok(Pair::new(
                call.clone().target("/t/acme/orders?tenant=globex"),
                call,
            ))
        },
    ),
    pair(
        "X18-baggage",
        Hop::Orders,
        "five places agree, baggage names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = unanimous(arena);
            Ok(Pair::new(
                call.clone().set("baggage", "tenant.id=globex"),
                call,
            ))
        },
    ),
    pair(
        "X18-body",
        Hop::Orders,
        "five places agree, the body names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = unanimous(arena);
            let body = ORDER.replace("acme", "globex");
            Ok(Pair::new(call.clone().post(body), call))
        },
    ),
    pair(
        "body-twice",
        Hop::Orders,
        "a body names the tenant twice",
        &[ContextAmbiguous],
        |arena| {
            Ok(ordering(
                arena,
                r#"{"order":{"tenant_id":"acme","tenant\u005fid":"globex"}}"#,
            ))
        },
    ),
    pair(
        "body-type",
        Hop::Orders,
        "a body names the tenant as a list",
        &[ContextMalformed],
        |arena| Ok(ordering(arena, r#"{"order":{"tenant_id":["acme"]}}"#)),
    ),
    pair(
        "body-silent",
        Hop::Orders,
        "a body does not name the tenant it must name",
        &[WitnessMissing],
        |arena| Ok(ordering(arena, r#"{"order":{"item":"paper"}}"#)),
    ),
    pair(
        "body-encoded",
        Hop::Orders,
        "a compressed body hides what it names",
        &[ContextMalformed],
        |arena| {
            let call = arena.orders().post(ORDER);
            Ok(Pair::new(
                call.clone().add("content-encoding", "gzip"),
                call,
            ))
        },
    ),
    pair(
        "body-huge",
        Hop::Orders,
        "a body too large to be read before the handler",
        &[BodyOversized],
        |arena| {
            let padded = |bytes| {
                format!(
                    r#"{{"pad":"{}",{}"#,
                    "x".repeat(bytes),
                    &ORDER.trim_start_matches('{')
                )
            };
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().post(padded(300 * 1024)),
                call.post(padded(300)),
            ))
        },
    ),
];
