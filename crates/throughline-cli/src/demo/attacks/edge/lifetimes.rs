//! Credentials that are over, not yet begun, too long-lived, or not for a bearer.

use serde_json::{Value, json};
use throughline::Reason::{ClaimInvalid, ContextExpired, ContextNotYetValid, LifetimeExcessive};

use super::super::arena::Arena;
use super::super::{Attack, Pair};
use super::{Source, at_each, edge};
use crate::demo::net::Failure;

pub(super) const ATTACKS: [Attack; 5] = [
    edge(
        "ended",
        "a credential past its end, by more than clocks differ",
        &[ContextExpired],
        |arena| timed(arena, &[("/exp", -31)], &[("/exp", 60)]),
    ),
    edge(
        "not-begun",
        "a credential from the future",
        &[ContextNotYetValid],
        |arena| {
            // Half a minute is forgiven to clocks; the demo takes a moment of it.
            let mut pair = timed(arena, &[("/nbf", 60)], &[("/nbf", 10)])?;
            let later = timed(
                arena,
                &[("/iat", 60), ("/exp", 600)],
                &[("/iat", 10), ("/exp", 600)],
            )?;
            pair.attacks.extend(later.attacks);
            pair.twins.extend(later.twins);
            Ok(pair)
        },
    ),
    edge(
        "long-lived-edge",
        "a credential that is good for longer than any is",
        &[LifetimeExcessive],
        |arena| timed(arena, &[("/exp", 24 * 60 * 60 + 1)], &[("/exp", 60 * 60)]),
    ),
    edge(
        "ends-first",
        "a credential that ends before it begins",
        &[ClaimInvalid],
        |arena| {
            timed(
                arena,
                &[("/iat", 20), ("/exp", 10)],
                &[("/iat", 10), ("/exp", 20)],
            )
        },
    ),
    // RFC 9449 §7.2, RFC 8705 §3.
    edge(
        "bound",
        "a credential that is bound to a proof, without one",
        &[ClaimInvalid],
        |arena| {
            at_each(arena, |source| {
                let proofs = [
                    json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
                    json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
                    json!(null),
                ];
                let tokens = proofs.into_iter();
                tokens
                    .map(|proof| source.sign(&source.with(&[("/cnf", Some(proof))])))
                    .collect()
            })
        },
    ),
];

/// Times so many seconds from now, at every issuer, beside others.
fn timed(arena: &Arena<'_>, attack: &[(&str, i64)], twin: &[(&str, i64)]) -> Result<Pair, Failure> {
    let at = |source: &Source, times: &[(&str, i64)]| {
        let now = source.claims.get("iat").and_then(Value::as_u64);
        let now = now.unwrap_or_default();
        let changes: Vec<_> = times
            .iter()
            .map(|(claim, offset)| (*claim, Some(json!(now.saturating_add_signed(*offset)))))
            .collect();
        source.sign(&source.with(&changes))
    };
    let mut pair = at_each(arena, |source| Ok(vec![at(source, attack)?]))?;
    pair.twins.clear();
    for source in super::sources(arena) {
        let honest = source.call(arena, &at(&source, twin)?);
        pair.twins.push((honest, source.tenant));
    }
    Ok(pair)
}
