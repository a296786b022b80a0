//! Calls that must not leave: refused at the sender, so that nobody behind hears of them.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use serde_json::json;
use throughline::Reason::{
    ContextAmbiguous, ContextMissing, ContextOversized, ContextStripped, DestinationMismatch,
    ParentMismatch,
};
use throughline::{CarryLayer, InContext as _, TenantContext};
use throughline_tonic::RequestExt as _;
use tonic::{Response, Status};

use super::arena::Arena;
use super::judge::is_clean;
use super::{Attack, Expected, Finding, Hop, Scene, scene};
use crate::demo::ledger::{LedgerClient, Receipt, entry, reason_of};
use crate::demo::log::{CALL_FIELD, Seen};
use crate::demo::net::Failure;
use crate::demo::outbound::{self, Outbound};

/// The reason why a call was not sent, or what became of it.
pub(super) async fn outcome(
    arena: &Arena<'_>,
    outbound: &Outbound,
    request: Request<Bytes>,
) -> String {
    let id = call_of(&request);
    let sent = outbound.send(request.map(Full::new)).await;
    let seen = arena.system.log.take(&id);
    match (sent, seen.first()) {
        (_, Some(ran)) => format!("handled by {}", ran.hop.service),
        (Ok(response), None) => format!("sent, and answered {}", response.status()),
        (Err(error), None) => match error.refused() {
            Some(refused) => refused.reason().to_string(),
            None => format!("the client failed: {error}"),
        },
    }
}

/// Whether a call arrives at every service behind, under `acme`.
pub(super) async fn arrives(
    arena: &Arena<'_>,
    outbound: &Outbound,
    request: Request<Bytes>,
) -> bool {
    let id = call_of(&request);
    let sent = outbound.send(request.map(Full::new)).await;
    is_whole(&arena.system.log.take(&id)) && sent.is_ok_and(|it| it.status().is_success())
}

fn is_whole(seen: &[Seen]) -> bool {
    let services = seen.iter().map(|seen| seen.hop.service.as_str());
    services.eq(["billing", "ledger"]) && seen.iter().all(|seen| is_clean(seen, "acme"))
}

fn call_of(request: &Request<Bytes>) -> String {
    let call = request.headers().get(CALL_FIELD);
    let text = call.and_then(|call| call.to_str().ok());
    text.unwrap_or_default().to_owned()
}

impl Arena<'_> {
    /// A sender of the demo, in front of billing.
    pub(super) fn sender(&self) -> Result<Outbound, Failure> {
        let destinations = [self.system.services.proxy.address()];
        Ok(Outbound::new(&outbound::carry(&destinations).build()?))
    }

    /// A call in a context, as each of the attacks here, and one as it should be.
    async fn calls(&self, id: &str) -> Result<(Request<Bytes>, Request<Bytes>), Failure> {
        let cx = self.admit(self.acme()).await?;
        let call = |id: &str| Ok::<_, Failure>(self.invoice(id)?.in_context(&cx));
        Ok((call(id)?, call(&format!("{id}-twin"))?))
    }
}

/// The same call with each of these fields set already, and with one that says the same.
fn already<'a>(
    arena: &'a Arena<'a>,
    id: &'static str,
    fields: Vec<(&'static str, String)>,
    same: (&'static str, String),
) -> Scene<'a> {
    Box::pin(async move {
        let sender = arena.sender()?;
        let mut got = std::collections::BTreeSet::new();
        for (name, value) in fields {
            let (mut attack, _) = arena.calls(id).await?;
            put(&mut attack, name, &value)?;
            got.insert(outcome(arena, &sender, attack).await);
        }
        let (_, mut twin) = arena.calls(id).await?;
        put(&mut twin, same.0, &same.1)?;
        Ok(Finding {
            got,
            twin_ok: arrives(arena, &sender, twin).await,
        })
    })
}

pub(super) fn put(request: &mut Request<Bytes>, name: &str, value: &str) -> Result<(), Failure> {
    let (name, value): (HeaderName, HeaderValue) = (name.parse()?, value.parse()?);
    request.headers_mut().append(name, value);
    Ok(())
}

/// A call to the ledger through a client that keeps contexts.
async fn booked(
    arena: &Arena<'_>,
    id: &str,
    (carry, origin): (&CarryLayer, Uri),
    give: Option<&TenantContext>,
) -> Result<Result<Response<Receipt>, Status>, Failure> {
    let at = arena.system.services.ledger.address();
    let client = LedgerClient::through(carry, at, origin)?;
    let cx = arena.admit(arena.acme()).await?;
    let mut fields = http::HeaderMap::new();
    fields.insert(CALL_FIELD, id.parse()?);
    let request = entry(&cx, &fields);
    let request = match give {
        Some(given) => request.in_context(given),
        None => request,
    };
    let answer = client.send(request).await;
    let seen = arena.system.log.take(id);
    match answer.is_ok() == (seen.len() == 1) {
        true => Ok(answer),
        false => Err(format!("the ledger ran {} times", seen.len()).into()),
    }
}

fn word(answer: Result<Response<Receipt>, Status>) -> String {
    match answer {
        Ok(_) => "handled by ledger".into(),
        Err(status) => match reason_of(&status) {
            Some(reason) => reason.to_string(),
            None => status.to_string(),
        },
    }
}

pub(super) const ATTACKS: [Attack; 10] = [
    scene(
        "X9",
        Hop::Carry,
        "another tenant's context is on the call already",
        Expected::Refused(&[ParentMismatch]),
        |arena| {
            let fields = vec![("txn-token", arena.globex().to_owned())];
            already(arena, "X9", fields, ("txn-token", arena.acme().to_owned()))
        },
    ),
    scene(
        "X9-look-alike",
        Hop::Carry,
        "a look-alike of the context is on the call already",
        Expected::Refused(&[ContextAmbiguous]),
        |arena| {
            let names = ["txn_token", "txn-token-bin", "txn.token"];
            let fields = names.map(|name| (name, arena.acme().to_owned())).into();
            already(arena, "X9-look-alike", fields, ("x-weather", "fine".into()))
        },
    ),
    scene(
        "X9-copy",
        Hop::Carry,
        "another tenant's header is on the call already",
        Expected::Refused(&[ContextAmbiguous]),
        |arena| {
            let names = ["x-tenant", "x-tenant-id", "x_tenant"];
            let fields = names.map(|name| (name, "globex".to_owned())).into();
            already(arena, "X9-copy", fields, ("x-tenant", "acme".into()))
        },
    ),
    scene(
        "sender-missing",
        Hop::Carry,
        "a call inside without a context",
        Expected::Refused(&[ContextMissing]),
        |arena| {
            Box::pin(async move {
                let sender = arena.sender()?;
                let (_, twin) = arena.calls("sender-missing").await?;
                let bare = arena.invoice("sender-missing")?;
                Ok(Finding {
                    got: [outcome(arena, &sender, bare).await].into(),
                    twin_ok: arrives(arena, &sender, twin).await,
                })
            })
        },
    ),
    scene(
        "sender-connection",
        Hop::Carry,
        "the call tells the next hop to strip what it carries",
        Expected::Refused(&[ContextStripped]),
        |arena| {
            let values = ["txn-token", "close, X-Tenant"];
            let fields = values.map(|value| ("connection", value.to_owned())).into();
            already(
                arena,
                "sender-connection",
                fields,
                ("connection", "x-weather".into()),
            )
        },
    ),
    scene(
        "sender-baggage",
        Hop::Carry,
        "others fill the baggage, so that ours is dropped",
        Expected::Refused(&[ContextOversized]),
        |arena| {
            let many = (0..64).map(|n| format!("k{n}=v")).collect::<Vec<_>>();
            let fields = vec![
                ("baggage", format!("weather={}", "x".repeat(8_180))),
                ("baggage", many.join(",")),
            ];
            let fits = many.iter().skip(1).cloned().collect::<Vec<_>>();
            already(arena, "sender-baggage", fields, ("baggage", fits.join(",")))
        },
    ),
    scene(
        "sender-oversized",
        Hop::Carry,
        "a context that a receiver takes and a proxy may cut",
        Expected::Refused(&[ContextOversized]),
        |arena| {
            Box::pin(async move {
                let noted =
                    |bytes: usize| arena.acme_with(&[("/rctx/req/note", json!("x".repeat(bytes)))]);
                let sender = arena.sender()?;
                let large = arena.admit(&noted(4_600)?).await?;
                let attack = arena.invoice("sender-oversized")?.in_context(&large);
                let small = arena.admit(&noted(3_000)?).await?;
                let twin = arena.invoice("sender-oversized-twin")?.in_context(&small);
                Ok(Finding {
                    got: [outcome(arena, &sender, attack).await].into(),
                    twin_ok: arrives(arena, &sender, twin).await,
                })
            })
        },
    ),
    scene(
        "sender-nowhere",
        Hop::Carry,
        "a call that does not say where it goes, over HTTP and gRPC",
        Expected::Refused(&[DestinationMismatch]),
        |arena| {
            Box::pin(async move {
                let sender = arena.sender()?;
                let (mut attack, twin) = arena.calls("sender-nowhere").await?;
                *attack.uri_mut() = Uri::from_static("/t/acme/invoices");
                let (carry, origin) = ledger_layer(arena)?;
                let cx = arena.admit(arena.acme()).await?;
                let lost = (&carry, Uri::default());
                let lost = booked(arena, "grpc-nowhere", lost, Some(&cx)).await?;
                let found = (&carry, origin);
                let found = booked(arena, "grpc-nowhere-twin", found, Some(&cx)).await?;
                Ok(Finding {
                    got: [outcome(arena, &sender, attack).await, word(lost)].into(),
                    twin_ok: arrives(arena, &sender, twin).await && found.is_ok(),
                })
            })
        },
    ),
    scene(
        "grpc-sender-missing",
        Hop::Carry,
        "a gRPC call inside without a context",
        Expected::Refused(&[ContextMissing]),
        |arena| {
            Box::pin(async move {
                let (carry, origin) = ledger_layer(arena)?;
                let cx = arena.admit(arena.acme()).await?;
                let id = "grpc-sender-missing";
                let bare = booked(arena, id, (&carry, origin.clone()), None).await?;
                let given = booked(arena, id, (&carry, origin), Some(&cx)).await?;
                Ok(Finding {
                    got: [word(bare)].into(),
                    twin_ok: given.is_ok(),
                })
            })
        },
    ),
    scene(
        "grpc-sender-oversized",
        Hop::Carry,
        "a context over what gRPC peers take, told before it is sent",
        Expected::Refused(&[ContextOversized]),
        |arena| {
            Box::pin(async move {
                let noted =
                    |bytes: usize| arena.acme_with(&[("/rctx/req/note", json!("x".repeat(bytes)))]);
                let (carry, origin) = ledger_layer(arena)?;
                let id = "grpc-sender-oversized";
                let large = arena.admit(&noted(4_600)?).await?;
                let large = booked(arena, id, (&carry, origin.clone()), Some(&large)).await?;
                let small = arena.admit(&noted(3_000)?).await?;
                let small = booked(arena, id, (&carry, origin), Some(&small)).await?;
                Ok(Finding {
                    got: [word(large)].into(),
                    twin_ok: small.is_ok(),
                })
            })
        },
    ),
];

/// A layer in front of the ledger, and what a client says where it is.
fn ledger_layer(arena: &Arena<'_>) -> Result<(CarryLayer, Uri), Failure> {
    let ledger = &arena.system.services.ledger;
    let carry = outbound::carry(&[ledger.address()]).build()?;
    Ok((carry, ledger.url().parse()?))
}
