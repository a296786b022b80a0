//! One subject of several issuers and tenants, and one login of several tenants.

use std::collections::BTreeSet;

use throughline::Reason::{Revoked, TenantMismatch};
use throughline::SystemClock;
use throughline_core::freshness::{Mark, Target};
use throughline_core::time::Clock as _;
use throughline_core::{Principal, Tenant};

use super::super::arena::Arena;
use super::super::judge::join_all;
use super::super::{Attack, Expected, Finding};
use super::edge_scene;
use crate::demo::net::Failure;
use crate::demo::workos::{self, ADA, ORG_ACME, ORG_GLOBEX, partner, session};

/// How many calls with each credential.
const CALLS: usize = 12;

pub(super) const ATTACKS: [Attack; 2] = [
    // CVE-2023-3128 (Grafana).
    edge_scene(
        "advisory-20",
        "one subject of two issuers and two tenants, of whom one is revoked",
        Expected::Refused(&[Revoked]),
        |arena| Box::pin(namesakes(arena)),
    ),
    // The race at the provider is the session's to win; what comes of it is ours.
    edge_scene(
        "T8",
        "two credentials of one login, for two tenants, at the same time",
        Expected::Refused(&[TenantMismatch]),
        |arena| Box::pin(switching(arena)),
    ),
];

async fn namesakes(arena: &Arena<'_>) -> Result<Finding, Failure> {
    const TWIN: &str = "user_01TWIN";
    let system = arena.system;
    for tenant in ["acme", "globex"] {
        system.sources.members.add(tenant, TWIN);
    }
    let own = system.workos.token(&session(TWIN, ORG_ACME))?;
    let switched = system.workos.token(&session(TWIN, ORG_GLOBEX))?;
    let partners = system.workos.partners();
    let others = partners.token("JWT", &partner(TWIN, ORG_ACME))?;
    let revoked = arena.edge_bearing(&own);
    let namesakes = [
        (arena.edge_bearing(&others), "acme"),
        (
            arena.edge_bearing(&switched).target("/t/globex/orders"),
            "globex",
        ),
    ];
    let mut twin_ok = arena
        .is_served(&revoked, "advisory-20-before", "acme")
        .await;
    let one = Principal::new(workos::ALIAS, Tenant::new("acme")?, TWIN)?;
    let mark = Mark::not_before(Target::Principal(one), SystemClock.now());
    system.directory.edit(|marks| marks.apply(mark));
    let got = arena.edge_refusal(&revoked, "advisory-20").await;
    for (n, (call, tenant)) in namesakes.iter().enumerate() {
        twin_ok &= arena
            .is_served(call, &format!("advisory-20-twin-{n}"), tenant)
            .await;
    }
    Ok(Finding {
        got: [got].into(),
        twin_ok,
    })
}

/// All at once: each credential on its own path, and on the other's.
async fn switching(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let workos = &arena.system.workos;
    let mut honest = Vec::new();
    let mut crossed = Vec::new();
    for (org, own, other) in [(ORG_ACME, "acme", "globex"), (ORG_GLOBEX, "globex", "acme")] {
        // Of one `sid`, as a refresh leaves it.
        let call = arena.edge_bearing(&workos.token(&session(ADA, org))?);
        honest.push((call.clone().target(format!("/t/{own}/orders")), own));
        crossed.push(call.target(format!("/t/{other}/orders")));
    }
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for n in 0..CALLS {
        for (m, (call, tenant)) in honest.iter().enumerate() {
            own.push((format!("T8-own-{n}-{m}"), call, *tenant));
        }
        for (m, call) in crossed.iter().enumerate() {
            other.push((format!("T8-{n}-{m}"), call));
        }
    }
    let (mut served, mut refused) = (Vec::new(), Vec::new());
    for (id, call, tenant) in &own {
        served.push(arena.is_served(call, id, tenant));
    }
    for (id, call) in &other {
        refused.push(arena.edge_refusal(call, id));
    }
    let (served, got) = tokio::join!(join_all(served), join_all(refused));
    Ok(Finding {
        got: got.into_iter().collect::<BTreeSet<_>>(),
        twin_ok: served.into_iter().all(|served| served),
    })
}
