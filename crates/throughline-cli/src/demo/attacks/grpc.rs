//! gRPC metadata that is missing, doubled, binary, huge or late.

use std::collections::BTreeSet;

use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use throughline::Reason::{
    ContextAmbiguous, ContextExpired, ContextMalformed, ContextMissing, ContextOversized,
    ContextTruncated, Revoked, ScopeInsufficient, TenantMismatch, TypeRefused, WitnessMissing,
};
use throughline::{SystemClock, Tenant};
use throughline_core::freshness::{Mark, Target};
use throughline_core::time::Clock as _;

use super::arena::Arena;
use super::grpc_wire::{GrpcBody, GrpcCall};
use super::judge::Shot as _;
use super::{Attack, Expected, Finding, Hop, Pair, Run, grpc, scene};
use crate::demo::ledger::WATCH;
use crate::demo::net::{self, Failure};
use crate::demo::roster::ADA_OF_ACME;

/// A context of at least this many bytes more.
fn padded(arena: &Arena<'_>, bytes: usize) -> Result<String, Failure> {
    arena.acme_with(&[("/rctx/req/note", json!("x".repeat(bytes)))])
}

pub(super) const ATTACKS: [Attack; 16] = [
    grpc(
        "grpc-missing",
        "no context in the metadata",
        &[ContextMissing],
        |arena| {
            let call = arena.ledger();
            Ok(Pair::new(call.clone().without("txn-token"), call))
        },
    ),
    grpc(
        "grpc-twice",
        "two contexts in the metadata, equal or not",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.ledger();
            let attacks = [
                call.clone().add("txn-token", arena.globex()),
                call.clone().add("txn-token", arena.acme()),
                call.clone()
                    .token(format!("{},{}", arena.acme(), arena.globex())),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    grpc(
        "grpc-bin",
        "a binary twin beside the context, or in its place",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.ledger();
            let attacks = [
                call.clone().add("txn-token-bin", arena.globex()),
                call.clone()
                    .without("txn-token")
                    .add("txn-token-bin", arena.acme()),
                call.clone().add("txn_token-bin", "AA"),
            ];
            Ok(Pair::several(attacks, call.add("trace-bin", "AA")))
        },
    ),
    grpc(
        "grpc-underscore",
        "an underscore twin in the metadata",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.ledger();
            Ok(Pair::several(
                [
                    call.clone().add("txn_token", arena.globex()),
                    call.clone().add("txn.token", arena.acme()),
                ],
                call,
            ))
        },
    ),
    grpc(
        "grpc-oversized",
        "metadata over the limit, in one field or two",
        &[ContextOversized],
        |arena| {
            let call = arena.ledger();
            let attacks = [
                call.clone().token(padded(arena, 12 * 1024)?),
                call.clone().add("txn-token", "x".repeat(9 * 1024)),
            ];
            Ok(Pair::several(attacks, call.token(padded(arena, 1024)?)))
        },
    ),
    grpc(
        "grpc-cut",
        "a context cut by a hop that limits metadata",
        &[ContextTruncated, ContextMalformed],
        |arena| {
            let call = arena.ledger();
            let token = arena.acme().as_bytes();
            let cut = |drop: usize| {
                let kept = token.len().saturating_sub(drop);
                call.clone()
                    .token(token.iter().take(kept).copied().collect::<Vec<_>>())
            };
            let attacks = [1, 2, 40, 86, 87, 200].map(cut);
            Ok(Pair::several(attacks, call.clone()))
        },
    ),
    grpc(
        "grpc-bytes",
        "a byte outside ASCII in the metadata reads as absent",
        &[ContextMalformed],
        |arena| {
            let call = arena.ledger();
            let attacks = [
                call.clone().token([0xE9]),
                call.clone().token(""),
                call.clone().add("x-tenant-id", b"acm\xe9"),
            ];
            Ok(Pair::several(attacks, call.add("x-tenant-id", "acme")))
        },
    ),
    grpc(
        "grpc-trailer",
        "the context comes behind the message, as a trailer",
        &[ContextMissing],
        |arena| {
            let call = arena.ledger();
            let late = call
                .clone()
                .without("txn-token")
                .trailer("txn-token", arena.acme());
            Ok(Pair::new(late, call))
        },
    ),
    Attack {
        id: "grpc-trailer-tenant",
        title: "a trailer becomes metadata behind the layer",
        hop: Hop::Ledger,
        expected: Expected::Neutralised,
        front: &[],
        run: Run::Grpc(|arena| {
            let call = arena.ledger();
            let names = ["txn-token", "x-tenant", "x-tenant-id", "baggage"];
            let late = names.map(|name| call.clone().trailer(name, "tenant.id=globex"));
            Ok(Pair::several(late, call.trailer("x-weather", "fine")))
        }),
    },
    grpc(
        "grpc-message",
        "the message names another tenant, or none",
        &[TenantMismatch, WitnessMissing],
        |arena| {
            let call = arena.ledger();
            let attacks = [
                call.clone().naming("globex"),
                call.clone().naming(""),
                call.clone().naming("ACME"),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    grpc(
        "grpc-header",
        "metadata names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = arena.ledger();
            Ok(Pair::new(
                call.clone().add("x-tenant-id", "globex"),
                call.add("x-tenant-id", "acme"),
            ))
        },
    ),
    grpc(
        "grpc-typ",
        "a token of another kind in the metadata",
        &[TypeRefused],
        |arena| {
            let call = arena.ledger();
            let record = json!("throughline-context+jwt");
            let attacks = [
                call.clone().token(arena.under_header(&[("/typ", record)])?),
                call.clone()
                    .token(arena.under_header(&[("/typ", json!("JWT"))])?),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    grpc(
        "grpc-expired",
        "a context past its end",
        &[ContextExpired],
        |arena| {
            let now = SystemClock.now().as_unix();
            let ending = |at: u64| {
                let issued = json!(now - 120);
                arena.acme_with(&[
                    ("/iat", issued.clone()),
                    ("/exp", json!(at)),
                    ("/rctx/as_of", issued.clone()),
                    ("/rctx/auth_time", issued),
                ])
            };
            let call = arena.ledger();
            Ok(Pair::new(
                call.clone().token(ending(now - 60)?),
                call.token(ending(now + 60)?),
            ))
        },
    ),
    grpc(
        "grpc-scope",
        "a stream without the permission for it",
        &[ScopeInsufficient],
        |arena| {
            let call = arena.ledger().method(WATCH);
            let scoped = |scope: &str| arena.acme_with(&[("/scope", json!(scope))]);
            let attacks = [
                call.clone().token(scoped("orders.create")?),
                call.clone().token(scoped("")?),
            ];
            Ok(Pair::several(attacks, call.token(scoped("orders.read")?)))
        },
    ),
    grpc(
        "grpc-revoked",
        "a session that was ended since",
        &[Revoked],
        |arena| {
            let session = |id: &str| arena.acme_with(&[("/rctx/sid", json!(id))]);
            let call = arena.ledger();
            let pair = Pair::new(
                call.clone().token(session("s-grpc-lost")?),
                call.token(session("s-grpc-desk")?),
            );
            let ended = Target::Session {
                tenant: Tenant::new(ADA_OF_ACME.tenant)?,
                session: "s-grpc-lost".into(),
            };
            let mark = Mark::not_before(ended, SystemClock.now());
            arena.system.directory.edit(|marks| marks.apply(mark));
            Ok(pair)
        },
    ),
    scene(
        "grpc-neighbour",
        Hop::Ledger,
        "one tenant's huge metadata, another's stream on the connection",
        Expected::Word("the stream goes on"),
        |arena| Box::pin(neighbours(arena)),
    ),
];

/// Both on one connection: `globex` watches, `acme` sends what is too much.
async fn neighbours(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let client: HyperClient<_, GrpcBody> = HyperClient::builder(TokioExecutor::new())
        .http2_only(true)
        .build(net::connector());
    let send = async |call: &GrpcCall| -> Result<_, Failure> {
        Ok(client.request(call.request("grpc-neighbour")?).await?)
    };
    let watching = arena.ledger_of("globex", arena.globex()).method(WATCH);
    let mut stream = send(&watching).await?.into_body();
    let mut twin_ok = stream.frame().await.is_some_and(|frame| frame.is_ok());
    let mut got = BTreeSet::new();
    for kib in [9, 100, 600] {
        let huge = arena.ledger().add("txn-token", "x".repeat(kib * 1024));
        let response = send(&huge).await?;
        let reason = response.headers().get("throughline-reason");
        if reason.map(http::HeaderValue::as_bytes) != Some(b"context_oversized") {
            got.insert(format!("{kib} KiB are answered with {}", response.status()));
        }
        for _ in 0..3 {
            let data = stream.frame().await.and_then(Result::ok);
            got.insert(match data.is_some_and(|frame| frame.is_data()) {
                true => "the stream goes on".into(),
                false => format!("the stream ended after {kib} KiB"),
            });
        }
    }
    // What is not too much is served, on the same connection.
    let honest = send(&arena.ledger()).await?;
    twin_ok &= honest.headers().get("throughline-reason").is_none();
    twin_ok &= arena
        .ledger()
        .is_served(arena, "grpc-neighbour-twin", "acme")
        .await;
    Ok(Finding { got, twin_ok })
}
