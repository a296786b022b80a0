//! Contexts that are genuine and agreed, and not enough; and children that want more.

use std::time::Duration;

use serde_json::{Value, json};
use throughline::Reason::{
    ActorMismatch, AuthenticationStale, ClaimInvalid, DataScopeExceeded, DataScopeWidened,
    DepthExceeded, LoopDetected, ParentMismatch, ProjectionMismatch, ProjectionTruncated,
    ScopeInsufficient, ScopeWidened, TaskMismatch, TenantMismatch,
};
use throughline::{AcceptLayer, SystemClock};
use throughline_core::Refusal;
use throughline_core::projection::{Member, Projection};
use throughline_core::time::Clock as _;

use super::arena::Arena;
use super::wire::Call;
use super::{Attack, Expected, Finding, Hop, Pair, pair, scene};
use crate::demo::net::Failure;
use crate::demo::orders::PAYMENT_MAX_AGE;
use crate::demo::roster::ADA_OF_ACME;

fn ago(time: Duration) -> u64 {
    SystemClock.now().minus(time).as_unix()
}

fn later(seconds: u64) -> u64 {
    SystemClock
        .now()
        .plus(Duration::from_secs(seconds))
        .as_unix()
}

fn paying(arena: &Arena<'_>, changes: &[(&str, Value)]) -> Result<Call, Failure> {
    let call = arena.orders().target("/t/acme/payments").post("{}");
    Ok(call.token(arena.acme_with(changes)?))
}

/// A call for a report, by an agent for a task; `changes` come on top.
fn reporting(arena: &Arena<'_>, changes: &[(&str, Value)]) -> Result<Call, Failure> {
    let mut claims = vec![
        ("/tctx/kind", json!("delegated_agent")),
        (
            "/act",
            json!({"sub": "agents/acme/scribe", "kind": "agent"}),
        ),
        (
            "/tctx/task",
            json!({"id": "summarise-q3", "purpose": "report"}),
        ),
        (
            "/tctx/data",
            json!([{"type": "order", "actions": ["read"]}]),
        ),
    ];
    claims.extend(changes.iter().cloned());
    let call = arena.orders().target("/t/acme/reports");
    Ok(call.token(arena.acme_with(&claims)?))
}

/// A parent with a task, some folders and one permission, asking for a child.
fn narrowing(arena: &Arena<'_>, wish: &Value) -> Result<Call, Failure> {
    let data = json!([{"type": "document", "select": {"folder": {"one_of": ["q2", "q3"]}}}]);
    let parent = arena.acme_with(&[
        ("/scope", json!("documents.read orders.read")),
        (
            "/tctx/task",
            json!({"id": "summarise-q3", "deadline": later(240)}),
        ),
        ("/tctx/data", data),
    ])?;
    let tokens = arena.system.services.tokens.address();
    Ok(Call::get(tokens, "/t/acme/narrow")
        .token(parent)
        .post(wish.to_string()))
}

fn narrower() -> Value {
    json!({"scope": "documents.read", "deadline": later(120), "folders": ["q3"]})
}

pub(super) const ATTACKS: [Attack; 14] = [
    pair(
        "scope",
        Hop::Orders,
        "a payment without the permission",
        &[ScopeInsufficient],
        |arena| {
            let scoped = |scope: &str| paying(arena, &[("/scope", json!(scope))]);
            let attacks = [
                scoped("orders.read")?,
                scoped("payments")?,
                scoped("payments.create.small")?,
                scoped("Payments.Create")?,
                scoped("")?,
            ];
            Ok(Pair::several(attacks, scoped("payments.create")?))
        },
    ),
    scene(
        "step-up",
        Hop::Orders,
        "a payment on an authentication of yesterday",
        Expected::Refused(&[AuthenticationStale]),
        |arena| {
            Box::pin(async move {
                let signed_in = |ago: u64| paying(arena, &[("/rctx/auth_time", json!(ago))]);
                let old = signed_in(ago(PAYMENT_MAX_AGE + Duration::from_secs(5)))?;
                let reply = old.send("step-up").await?;
                let seen = arena.system.log.take("step-up");
                let mut got = arena.judge(&reply, &seen, Hop::Orders.position());
                // RFC 9470 §3: the challenge says what would be enough.
                let challenge = reply.field("www-authenticate").unwrap_or_default();
                let expected = [
                    "bearer error=\"insufficient_user_authentication\"".to_owned(),
                    format!("max_age=\"{}\"", PAYMENT_MAX_AGE.as_secs()),
                ];
                if !expected.iter().all(|part| challenge.contains(part)) {
                    got.push_str(", and the challenge does not say how to do better");
                }
                let recent = signed_in(ago(Duration::from_secs(60)))?;
                Ok(Finding {
                    got: [got].into(),
                    twin_ok: arena.is_served(&recent, "step-up-twin", "acme").await,
                })
            })
        },
    ),
    pair(
        "step-up-unknown",
        Hop::Orders,
        "a payment on an authentication of unknown age",
        &[AuthenticationStale],
        |arena| {
            let call = arena.orders().target("/t/acme/payments").post("{}");
            let unknown = arena.acme_without("/rctx/auth_time")?;
            Ok(Pair::new(call.token(unknown), paying(arena, &[])?))
        },
    ),
    pair(
        "agent-kind",
        Hop::Orders,
        "a user, or a service, on a route for agents",
        &[ActorMismatch],
        |arena| {
            let user = arena.orders().target("/t/acme/reports");
            let service = json!({"sub": "services/acme/cron", "kind": "service"});
            let attacks = [
                user,
                reporting(arena, &[("/tctx/kind", json!("user")), ("/act", service)])?,
            ];
            Ok(Pair::several(attacks, reporting(arena, &[])?))
        },
    ),
    pair(
        "agent-task",
        Hop::Orders,
        "an agent at work for another purpose, or for none",
        &[TaskMismatch],
        |arena| {
            let tasked = |task: Value| reporting(arena, &[("/tctx/task", task)]);
            let attacks = [
                tasked(json!({"id": "summarise-q3", "purpose": "training"}))?,
                tasked(json!({"id": "summarise-q3"}))?,
            ];
            Ok(Pair::several(attacks, reporting(arena, &[])?))
        },
    ),
    pair(
        "agent-data",
        Hop::Orders,
        "an agent whose grant does not reach this data",
        &[DataScopeExceeded],
        |arena| {
            let reaching = |data: Value| reporting(arena, &[("/tctx/data", data)]);
            let attacks = [
                reaching(json!([]))?,
                reaching(json!([{"type": "document"}]))?,
                reaching(json!([{"type": "order", "actions": ["delete"]}]))?,
                // A limit that nobody here understands permits nothing.
                reaching(json!([{"type": "order", "actions": ["read"], "quota": 7}]))?,
            ];
            Ok(Pair::several(attacks, reporting(arena, &[])?))
        },
    ),
    pair(
        "agent-depth",
        Hop::Orders,
        "a chain of nine agents",
        &[DepthExceeded],
        |arena| {
            let chain = |length| {
                let agent = |n| json!({"sub": format!("agents/acme/a{n}"), "kind": "agent"});
                (1..length).fold(agent(0), |behind, n| {
                    let mut actor = agent(n);
                    super::arena::change(&mut actor, "/act", Some(behind));
                    actor
                })
            };
            Ok(Pair::new(
                reporting(arena, &[("/act", chain(9))])?,
                reporting(arena, &[("/act", chain(8))])?,
            ))
        },
    ),
    pair(
        "agent-loop",
        Hop::Orders,
        "agents that act in a circle",
        &[LoopDetected],
        |arena| {
            let behind = |name: &str| {
                let last = json!({"sub": format!("agents/acme/{name}"), "kind": "agent"});
                let middle = json!({"sub": "agents/acme/b", "kind": "agent", "act": last});
                let chain = json!({"sub": "agents/acme/a", "kind": "agent", "act": middle});
                reporting(arena, &[("/act", chain)])
            };
            Ok(Pair::new(behind("a")?, behind("c")?))
        },
    ),
    pair(
        "G7",
        Hop::Tokens,
        "a child context with one permission more, or a later end",
        &[ScopeWidened],
        |arena| {
            let wishing = |name: &str, value: Value| {
                let mut wish = narrower();
                super::arena::change(&mut wish, name, Some(value));
                narrowing(arena, &wish)
            };
            let attacks = [
                wishing("/scope", json!("documents.read documents.write"))?,
                wishing("/scope", json!("documents.*"))?,
                wishing("/deadline", json!(later(3_600)))?,
            ];
            Ok(Pair::several(attacks, narrowing(arena, &narrower())?))
        },
    ),
    pair(
        "G7-data",
        Hop::Tokens,
        "a child context that reaches one folder more",
        &[DataScopeWidened],
        |arena| {
            let mut wish = narrower();
            super::arena::change(&mut wish, "/folders", Some(json!(["q3", "salaries"])));
            Ok(Pair::new(
                narrowing(arena, &wish)?,
                narrowing(arena, &narrower())?,
            ))
        },
    ),
    pair(
        "G7-tenant",
        Hop::Tokens,
        "a child context for another tenant",
        &[TenantMismatch, ClaimInvalid],
        |arena| {
            let call = narrowing(arena, &narrower())?;
            // The path can name it, and is compared; the wish cannot.
            let mut wish = narrower();
            super::arena::change(&mut wish, "/tenant", Some(json!("globex")));
            let attacks = [
                call.clone().target("/t/globex/narrow"),
                narrowing(arena, &wish)?,
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    scene(
        "G7-chain",
        Hop::Tokens,
        "a child that continues another's work, or made it younger",
        Expected::Refused(&[ParentMismatch]),
        |arena| Box::pin(chain(arena)),
    ),
    scene(
        "copy-dropped",
        Hop::Billing,
        "a copy that the context promises was dropped on the way",
        Expected::Refused(&[ProjectionTruncated]),
        |arena| Box::pin(copied(arena, "copy-dropped", None)),
    ),
    scene(
        "copy-differs",
        Hop::Billing,
        "a copy that differs from what the context says",
        Expected::Refused(&[ProjectionMismatch]),
        |arena| Box::pin(copied(arena, "copy-differs", Some("tenant.id=globex"))),
    ),
];

/// A billing service that relies on a copy in baggage, called with this instead of it.
async fn copied(arena: &Arena<'_>, id: &str, baggage: Option<&str>) -> Result<Finding, Failure> {
    let copy = Projection::baggage(Member::Tenant, "tenant.id")?;
    let accept = AcceptLayer::builder(arena.system.domain().await?)
        .relies_on(copy)
        .build()?;
    let billing = arena.serve(&accept).await?;
    let call = arena.billing_at(&billing);
    let attack = match baggage {
        Some(baggage) => call.clone().add("baggage", baggage),
        None => call.clone(),
    };
    let got = arena.refusal(&attack, id, Hop::Billing.position()).await;
    let whole = call.add("baggage", "tenant.id=acme");
    Ok(Finding {
        got: [got].into(),
        twin_ok: arena.is_served(&whole, &format!("{id}-twin"), "acme").await,
    })
}

/// Genuine contexts, each held against the one whose work it says it continues.
async fn chain(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let domain = arena.system.domain().await?;
    let now = SystemClock.now();
    let as_of = now.minus(Duration::from_secs(60)).as_unix();
    let mut parent = arena.claims(ADA_OF_ACME)?;
    super::arena::change(&mut parent, "/rctx/as_of", Some(json!(as_of)));
    let parents = domain.verify(arena.sign(&parent)?.as_bytes())?;

    let descends = |changes: &[(&str, Value)]| -> Result<Option<Refusal>, Failure> {
        let mut child = parent.clone();
        for (pointer, value) in changes {
            super::arena::change(&mut child, pointer, Some(value.clone()));
        }
        let child = domain.verify(arena.sign(&child)?.as_bytes())?;
        Ok(child.check_descends_from(&parents).err())
    };
    let globex = ("/tctx/tenant", json!("globex"));
    let strangers = [
        descends(&[globex, ("/sub", json!("demo-idp/globex/ada"))])?,
        descends(&[("/txn", json!("another"))])?,
        descends(&[
            ("/tctx/sub", json!("bob")),
            ("/sub", json!("demo-idp/acme/bob")),
        ])?,
        descends(&[("/rctx/as_of", json!(now.as_unix()))])?,
        descends(&[("/rctx/sid", json!("another"))])?,
    ];
    let word = |refusal: Option<Refusal>| match refusal {
        Some(refusal) => refusal.reason().to_string(),
        None => "taken for a child".into(),
    };
    Ok(Finding {
        got: strangers.into_iter().map(word).collect(),
        twin_ok: descends(&[("/scope", json!("orders.read"))])?.is_none(),
    })
}
