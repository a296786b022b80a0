//! Those who act for a user, those who lose what they act with, and those who stay too long.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use throughline::Reason::{
    ContextExpired, ContextMissing, Revoked, ScopeInsufficient, ScopeWidened,
};
use throughline::{SystemClock, Tenant};
use throughline_core::freshness::{Mark, Target};
use throughline_core::time::Clock as _;
use tokio::time::timeout;

use super::arena::Arena;
use super::{Attack, Expected, Finding, Hop, Pair, behind, scene};
use crate::demo::ledger::{LedgerClient, reason_of};
use crate::demo::net::Failure;
use crate::demo::roster::ADA_OF_ACME;

/// How long a stream may take to notice.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) const ATTACKS: [Attack; 7] = [
    behind(
        &["agent"],
        Hop::Agent,
        (
            "agent-pays",
            "an agent that may report pays, as its user could",
        ),
        &[ScopeInsufficient],
        |arena| {
            let call = arena.agent();
            let paying = call.clone().target("/t/acme/summaries/paid").post("{}");
            Ok(Pair::new(paying, call))
        },
    ),
    behind(
        &["agent"],
        Hop::Agent,
        ("agent-widens", "an agent asks for more than its user has"),
        &[ScopeWidened],
        |arena| {
            let call = arena.agent();
            Ok(Pair::new(
                call.clone().target("/t/acme/summaries/all"),
                call,
            ))
        },
    ),
    behind(
        &["orders"],
        Hop::Orders,
        ("A1-lost", "a handler's bare task asks for its context"),
        &[ContextMissing],
        |arena| {
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().target("/t/acme/lost"),
                call.target("/t/acme/bulk"),
            ))
        },
    ),
    behind(
        &["orders"],
        Hop::Orders,
        ("A1-unsaid", "a handler's bare task calls without context"),
        &[ContextMissing],
        |arena| {
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().target("/t/acme/unsaid"),
                call.target("/t/acme/bulk"),
            ))
        },
    ),
    behind(
        &["orders"],
        Hop::Orders,
        (
            "sender-expired",
            "a context that expired is forgiven here, and sent on",
        ),
        &[ContextExpired],
        |arena| {
            let ending = |at: u64| {
                let issued = SystemClock.now().minus(Duration::from_secs(120)).as_unix();
                let changes = [
                    ("/iat", json!(issued)),
                    ("/exp", json!(at)),
                    ("/rctx/as_of", json!(issued)),
                    ("/rctx/auth_time", json!(issued)),
                ];
                arena.acme_with(&changes)
            };
            let now = SystemClock.now();
            let call = arena.orders();
            Ok(Pair::new(
                call.clone()
                    .token(ending(now.minus(Duration::from_secs(5)).as_unix())?),
                call.token(ending(now.plus(Duration::from_secs(20)).as_unix())?),
            ))
        },
    ),
    scene(
        "stream-revoked",
        Hop::Orders,
        "a stream goes on after its session was ended",
        Expected::Refused(&[Revoked]),
        |arena| Box::pin(listening(arena)),
    ),
    scene(
        "grpc-stream-revoked",
        Hop::Ledger,
        "a gRPC stream goes on after its session was ended",
        Expected::Refused(&[Revoked]),
        |arena| Box::pin(watching(arena)),
    ),
];

fn in_session(arena: &Arena<'_>, id: &str) -> Result<String, Failure> {
    arena.acme_with(&[("/rctx/sid", json!(id))])
}

/// States in the directory that this session is over.
fn end(arena: &Arena<'_>, session: &str) -> Result<(), Failure> {
    let target = Target::Session {
        tenant: Tenant::new(ADA_OF_ACME.tenant)?,
        session: session.into(),
    };
    let mark = Mark::not_before(target, SystemClock.now());
    arena.system.directory.edit(|marks| marks.apply(mark));
    Ok(())
}

/// Two people listen to orders; the session of one of them ends.
async fn listening(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let listen = async |session: &str| -> Result<_, Failure> {
        let url = format!("{}/t/acme/events", arena.system.services.orders.url());
        let request = Request::get(url)
            .header("txn-token", in_session(arena, session)?)
            .body(Full::default())?;
        Ok(arena.system.client.request(request).await?.into_body())
    };
    let mut ended = listen("s-ended-stream").await?;
    let mut other = listen("s-other-stream").await?;
    let mut twin_ok = ended.frame().await.is_some() && other.frame().await.is_some();
    end(arena, "s-ended-stream")?;
    let rest = timeout(PATIENCE, ended.collect()).await??.to_bytes();
    let text = String::from_utf8_lossy(&rest);
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let reason = last.get("reason").and_then(Value::as_str);
    // What is under way when it happens may still arrive; this goes on.
    for _ in 0..5 {
        let frame = timeout(PATIENCE, other.frame()).await?;
        let data = frame
            .and_then(Result::ok)
            .and_then(|it| it.into_data().ok());
        let text = data.map(|data| String::from_utf8_lossy(&data).into_owned());
        twin_ok &= text.is_some_and(|text| text.contains("accepted"));
    }
    Ok(Finding {
        got: [reason.unwrap_or("ended without a reason").to_owned()].into(),
        twin_ok,
    })
}

/// The same at the ledger itself, which tells in gRPC's form.
async fn watching(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let ledger = LedgerClient::new(arena.system.services.ledger.address())?;
    let none = http::HeaderMap::new();
    let ended = arena.admit(&in_session(arena, "s-ended-watch")?).await?;
    let other = arena.admit(&in_session(arena, "s-other-watch")?).await?;
    let mut ended = ledger.watch(&ended, &none).await?;
    let mut other = ledger.watch(&other, &none).await?;
    let mut twin_ok = ended.message().await?.is_some() && other.message().await?.is_some();
    end(arena, "s-ended-watch")?;
    let got = loop {
        match timeout(PATIENCE, ended.message()).await? {
            Ok(Some(_)) => {}
            Ok(None) => break "ended without a reason".to_owned(),
            Err(status) => match reason_of(&status) {
                Some(reason) => break reason.to_string(),
                None => break status.to_string(),
            },
        }
    };
    for _ in 0..5 {
        twin_ok &= timeout(PATIENCE, other.message()).await??.is_some();
    }
    Ok(Finding {
        got: [got].into(),
        twin_ok,
    })
}
