//! Contexts that were true when they were signed.

use std::time::Duration;

use serde_json::json;
use throughline::Reason::{FreshnessUnknown, Revoked, TenantSuspended};
use throughline::{Freshness, KeySource, SystemClock, Tenant, TrustDomain};
use throughline_core::Principal;
use throughline_core::freshness::{Mark, Marks, Target};
use throughline_core::time::Clock as _;

use super::arena::Arena;
use super::wire::Call;
use super::{Attack, Expected, Finding, Hop, Pair, pair, scene};
use crate::demo::net::Failure;
use crate::demo::roster::{ADA_OF_ACME, UMBRELLA};
use crate::demo::tokens::{DOMAIN, ISSUER};

/// A call of the tenant that exists for these attacks, known to be true this long ago.
fn umbrella(arena: &Arena<'_>, ago: u64) -> Result<Call, Failure> {
    let tenant = Tenant::new(UMBRELLA.tenant)?;
    let now = SystemClock.now();
    arena
        .system
        .directory
        .edit(|marks| marks.confirm(&tenant, now));
    let mut claims = arena.claims(UMBRELLA)?;
    let as_of = now.minus(Duration::from_secs(ago)).as_unix();
    super::arena::change(&mut claims, "/rctx/as_of", Some(json!(as_of)));
    let call = arena.orders().target("/t/umbrella/orders");
    Ok(call.token(arena.sign(&claims)?))
}

/// States in the directory that nothing up to this long ago counts any more.
fn revoke(arena: &Arena<'_>, target: Target, ago: u64) {
    let until = SystemClock.now().minus(Duration::from_secs(ago));
    let mark = Mark::not_before(target, until);
    arena.system.directory.edit(|marks| marks.apply(mark));
}

/// The same call before something happens in the directory, then, and after it is over.
async fn around(
    arena: &Arena<'_>,
    id: &str,
    happens: fn(&mut Marks, &Tenant),
    is_over: fn(&mut Marks, &Tenant),
) -> Result<Finding, Failure> {
    let tenant = Tenant::new(UMBRELLA.tenant)?;
    let call = umbrella(arena, 0)?;
    let directory = &arena.system.directory;
    let mut twin_ok = arena
        .is_served(&call, &format!("{id}-before"), "umbrella")
        .await;
    directory.edit(|marks| happens(marks, &tenant));
    let got = arena.refusal(&call, id, Hop::Orders.position()).await;
    directory.edit(|marks| is_over(marks, &tenant));
    twin_ok &= arena
        .is_served(&call, &format!("{id}-after"), "umbrella")
        .await;
    Ok(Finding {
        got: [got].into(),
        twin_ok,
    })
}

pub(super) const ATTACKS: [Attack; 6] = [
    pair(
        "revoked-session",
        Hop::Orders,
        "a context of a session that was ended since",
        &[Revoked],
        |arena| {
            let session = |id: &str| arena.acme_with(&[("/rctx/sid", json!(id))]);
            let call = arena.orders();
            let pair = Pair::new(
                call.clone().token(session("s-lost-laptop")?),
                call.token(session("s-desk")?),
            );
            let ended = Target::Session {
                tenant: Tenant::new(ADA_OF_ACME.tenant)?,
                session: "s-lost-laptop".into(),
            };
            // After the context was made, as in life; the same second counts as before.
            revoke(arena, ended, 0);
            Ok(pair)
        },
    ),
    pair(
        "revoked-tenant",
        Hop::Orders,
        "a context from before a tenant's access was reset",
        &[Revoked],
        |arena| {
            let pair = Pair {
                attacks: vec![umbrella(arena, 200)?, umbrella(arena, 100)?],
                twins: vec![(umbrella(arena, 50)?, "umbrella")],
            };
            revoke(arena, Target::Tenant(Tenant::new(UMBRELLA.tenant)?), 100);
            Ok(pair)
        },
    ),
    pair(
        "revoked-actor",
        Hop::Orders,
        "an agent that was revoked since acts for a user",
        &[Revoked],
        |arena| {
            let acting = |agent: &str| {
                let act = json!({"sub": format!("agents/acme/{agent}"), "kind": "agent"});
                arena.acme_with(&[("/act", act), ("/tctx/kind", json!("delegated_agent"))])
            };
            let call = arena.orders();
            let pair = Pair::new(
                call.clone().token(acting("rogue")?),
                call.token(acting("scribe")?),
            );
            let agent = Principal::new("agents", Tenant::new(ADA_OF_ACME.tenant)?, "rogue")?;
            revoke(arena, Target::Principal(agent), 0);
            Ok(pair)
        },
    ),
    scene(
        "suspended",
        Hop::Orders,
        "a tenant that is suspended for the moment",
        Expected::Refused(&[TenantSuspended]),
        |arena| {
            Box::pin(around(
                arena,
                "suspended",
                |marks, tenant| marks.set_suspended(tenant, true),
                |marks, tenant| marks.set_suspended(tenant, false),
            ))
        },
    ),
    scene(
        "feed-lost",
        Hop::Orders,
        "events of the directory were missed",
        Expected::Refused(&[FreshnessUnknown]),
        |arena| {
            Box::pin(around(
                arena,
                "feed-lost",
                |marks, tenant| marks.lose(tenant),
                // What was confirmed within the second of the loss may be what was lost.
                |marks, tenant| {
                    marks.confirm(tenant, SystemClock.now().plus(Duration::from_secs(1)));
                },
            ))
        },
    ),
    scene(
        "no-feed",
        Hop::Billing,
        "no directory at all, and a context too old to be believed",
        Expected::Refused(&[FreshnessUnknown]),
        |arena| {
            Box::pin(async move {
                let keys = KeySource::url(&arena.system.jwks())?.for_issuer(ISSUER);
                let domain = TrustDomain::new(DOMAIN)?
                    .with_keys(keys)
                    .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
                let billing = arena.build_billing(domain).await?;
                let as_of = |ago| {
                    let then = SystemClock.now().minus(Duration::from_secs(ago)).as_unix();
                    arena.acme_with(&[("/rctx/as_of", json!(then))])
                };
                let call = arena.billing_at(&billing);
                let old = call.clone().token(as_of(600)?);
                let got = arena
                    .refusal(&old, "no-feed", Hop::Billing.position())
                    .await;
                let young = call.token(as_of(200)?);
                Ok(Finding {
                    got: [got].into(),
                    twin_ok: arena.is_served(&young, "no-feed-twin", "acme").await,
                })
            })
        },
    ),
];
