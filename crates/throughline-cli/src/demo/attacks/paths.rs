//! Paths that look like another tenant's, or like an exempt one.

use throughline::Reason::{
    ContextAmbiguous, ContextMalformed, ContextMissing, TenantMismatch, WitnessMissing,
};

use super::{Attack, Expected, Finding, Hop, NEUTRALISED, Pair, pair, scene};
use crate::demo::billing::LEGACY_FIELD;
use crate::demo::log::Seen;

pub(super) const ATTACKS: [Attack; 6] = [
    pair(
        "path-encoded",
        Hop::Billing,
        "another tenant's name, percent-encoded in the path",
        &[TenantMismatch],
        |arena| {
            let call = arena.billing();
            Ok(Pair::new(
                call.clone().target("/t/%67lobe%78/invoices"),
                call.target("/t/%61cm%65/invoices"),
            ))
        },
    ),
    pair(
        "path-tricks",
        Hop::Billing,
        "paths that a router behind could fold into another",
        &[ContextAmbiguous, WitnessMissing],
        |arena| {
            let call = arena.billing();
            let paths = [
                "/t/acme/../globex/invoices",
                "/t//invoices",
                "//t/acme/invoices",
                "/t/acme/invoices/",
                "/T/acme/invoices",
                "/health/../t/globex/invoices",
            ];
            Ok(Pair::several(
                paths.map(|path| call.clone().target(path)),
                call,
            ))
        },
    ),
    pair(
        "path-slash",
        Hop::Billing,
        "a slash, encoded into the tenant's segment",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.billing();
            Ok(Pair::new(
                call.clone().target("/t/acme%2F..%2Fglobex/invoices"),
                call,
            ))
        },
    ),
    pair(
        "exempt-prefix",
        Hop::Billing,
        "a path that only begins like the exempt one",
        &[ContextMissing],
        |arena| {
            let call = arena.billing();
            let paths = [
                "/health/",
                "/healthz",
                "/health/../t/acme/invoices",
                "/Health",
            ];
            let open = |path| call.clone().without("txn-token").target(path);
            Ok(Pair {
                attacks: paths.map(open).into(),
                twins: vec![(open("/health"), "")],
            })
        },
    ),
    pair(
        "exempt-bad",
        Hop::Billing,
        "a broken context on the exempt path",
        &[ContextMalformed],
        |arena| {
            let call = arena.billing().target("/health");
            Ok(Pair::new(call.clone().token("not.a-token"), call))
        },
    ),
    scene(
        "X20",
        Hop::Billing,
        "a client's own copy of a header set from a claim",
        Expected::Word(NEUTRALISED),
        |arena| {
            Box::pin(async move {
                // What the handler saw of the field that is set from the proof.
                let legacy = |seen: Vec<Seen>| {
                    let fields = seen.into_iter().flat_map(|seen| seen.fields);
                    let mut own = fields.filter(|(name, _)| name.replace('_', "-") == LEGACY_FIELD);
                    (own.next().map(|(_, value)| value), own.next())
                };
                let call = arena.billing();
                let health = call.clone().without("txn-token").target("/health");
                let cases = [
                    // No context, so no claim: the client's own value must not take its place.
                    (health.clone().add(LEGACY_FIELD, "globex"), None),
                    // With one, it is replaced.
                    (call.clone().add(LEGACY_FIELD, "globex"), Some("acme")),
                ];
                let mut got = std::collections::BTreeSet::new();
                for (n, (attack, expected)) in cases.iter().enumerate() {
                    let id = format!("X20-{n}");
                    let reply = attack.send(&id).await?;
                    let seen = arena.system.log.take(&id);
                    let first = seen.first().map(|seen| seen.hop.service.as_str());
                    let ran = first == Some("billing") && reply.is_success();
                    got.insert(match legacy(seen) {
                        (found, None) if ran && found.as_deref() == *expected => NEUTRALISED.into(),
                        (found, _) => format!("the handler saw {found:?}"),
                    });
                }
                let healthy = health.send("X20-twin").await?;
                let idle = arena.system.log.take("X20-twin");
                let twin_ok = healthy.is_success()
                    && legacy(idle) == (None, None)
                    && arena.is_served(&call, "X20-twin", "acme").await;
                Ok(Finding { got, twin_ok })
            })
        },
    ),
];
