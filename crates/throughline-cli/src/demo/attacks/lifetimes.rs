//! Tokens that are genuine, and not for now.

use serde_json::json;
use throughline::Reason::{ClaimInvalid, ContextExpired, ContextNotYetValid, LifetimeExcessive};
use throughline::SystemClock;
use throughline_core::time::Clock as _;

use super::arena::Arena;
use super::wire::Call;
use super::{Attack, Hop, Pair, pair};
use crate::demo::net::Failure;

/// A call with a context issued and expiring this many seconds from now.
fn living(arena: &Arena<'_>, from: i64, to: i64) -> Result<Call, Failure> {
    let now = now();
    let issued = now.saturating_add(from);
    let token = arena.acme_with(&[
        ("/iat", json!(issued)),
        ("/exp", json!(now.saturating_add(to))),
        ("/rctx/as_of", json!(issued)),
        ("/rctx/auth_time", json!(issued)),
    ])?;
    Ok(arena.orders().token(token))
}

fn now() -> i64 {
    i64::try_from(SystemClock.now().as_unix()).unwrap_or(i64::MAX)
}

pub(super) const ATTACKS: [Attack; 5] = [
    pair(
        "expired",
        Hop::Orders,
        "a context past its end",
        &[ContextExpired],
        |arena| {
            Ok(Pair::new(
                living(arena, -360, -60)?,
                living(arena, -240, 60)?,
            ))
        },
    ),
    pair(
        "not-yet-valid",
        Hop::Orders,
        "a context from the future",
        &[ContextNotYetValid],
        |arena| {
            let later = arena.acme_with(&[("/nbf", json!(now() + 120))])?;
            let by_now = arena.acme_with(&[("/nbf", json!(now() - 120))])?;
            let call = arena.orders();
            Ok(Pair {
                attacks: vec![living(arena, 120, 300)?, call.clone().token(later)],
                twins: vec![
                    (living(arena, 0, 300)?, "acme"),
                    (call.token(by_now), "acme"),
                ],
            })
        },
    ),
    pair(
        "long-lived",
        Hop::Orders,
        "a context that lives for a day",
        &[LifetimeExcessive],
        |arena| Ok(Pair::new(living(arena, 0, 86_400)?, living(arena, 0, 900)?)),
    ),
    pair(
        "old-chain",
        Hop::Orders,
        "a fresh context for work of the day before yesterday",
        &[LifetimeExcessive],
        |arena| {
            let as_of = |ago| arena.acme_with(&[("/rctx/as_of", json!(now() - ago))]);
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().token(as_of(172_800)?),
                call.token(as_of(3_600)?),
            ))
        },
    ),
    pair(
        "milliseconds",
        Hop::Orders,
        "times in milliseconds, so an end in the year 55000",
        &[ClaimInvalid],
        |arena| {
            let call = arena.orders();
            let at = |claim, unit: i64| arena.acme_with(&[(claim, json!((now() + 60) * unit))]);
            let attacks = [
                call.clone().token(at("/exp", 1_000)?),
                call.clone().token(at("/nbf", 1_000)?),
                call.clone().token(at("/rctx/as_of", 1_000)?),
            ];
            Ok(Pair::several(attacks, call.token(at("/exp", 1)?)))
        },
    ),
];
