//! Organisations that an issuer signs, and to which the user does not belong.

use std::time::Duration;

use throughline::Reason::{DecisionDenied, DecisionUnavailable, TenantMismatch};
use throughline_core::Tenant;
use throughline_identity::{Audience, CredentialKind, Issuer, Profile, Tenancy};

use super::super::arena::Arena;
use super::super::{Attack, Expected, Finding, Pair};
use super::annex::{KeyServer, several};
use super::{edge, edge_scene};
use crate::demo::members::Members;
use crate::demo::net::{Failure, Server};
use crate::demo::workos::{self, ADA, AGENT, BOB, ORG_ACME, ORG_GLOBEX};

pub(super) const ATTACKS: [Attack; 5] = [
    // Measured with the vendor's own emulator: a refresh signs whichever organisation is asked for.
    edge(
        "T2",
        "an organisation that was signed, without a membership",
        &[DecisionDenied],
        |arena| {
            let workos = &arena.system.workos;
            let call =
                |claims| -> Result<_, Failure> { Ok(arena.edge_bearing(&workos.token(&claims)?)) };
            let of_globex =
                |claims| -> Result<_, Failure> { Ok(call(claims)?.target("/t/globex/orders")) };
            let attacks = [
                of_globex(workos::session(BOB, ORG_GLOBEX))?,
                // Whoever acts, it is done for somebody who does not belong.
                of_globex(workos::impersonated(BOB, ORG_GLOBEX))?,
                of_globex(workos::delegated(AGENT, BOB, ORG_GLOBEX))?,
                of_globex(workos::autonomous(AGENT, ORG_GLOBEX))?,
                call(workos::session("user_01NOBODY", ORG_ACME))?,
            ];
            Ok(Pair {
                attacks: attacks.into(),
                twins: vec![
                    (call(workos::session(BOB, ORG_ACME))?, "acme"),
                    (of_globex(workos::session(ADA, ORG_GLOBEX))?, "globex"),
                ],
            })
        },
    ),
    edge_scene(
        "T2-ended",
        "a membership that ended after the credential was signed",
        Expected::Refused(&[DecisionDenied]),
        |arena| {
            Box::pin(async move {
                let desk = Desk::open(arena).await?;
                let call = desk.call(arena)?;
                let mut twin_ok = arena.is_served(&call, "T2-ended-before", "acme").await;
                desk.members.remove("acme", BOB);
                let got = arena.edge_refusal(&call, "T2-ended").await;
                desk.members.add("acme", BOB);
                twin_ok &= arena.is_served(&call, "T2-ended-after", "acme").await;
                Ok(Finding {
                    got: [got].into(),
                    twin_ok,
                })
            })
        },
    ),
    edge_scene(
        "T2-down",
        "nobody can say who belongs to what",
        Expected::Refused(&[DecisionUnavailable]),
        |arena| {
            Box::pin(async move {
                let desk = Desk::open(arena).await?;
                let call = desk.call(arena)?;
                let mut twin_ok = arena.is_served(&call, "T2-down-before", "acme").await;
                desk.members.set_down(true);
                let got = arena.edge_refusal(&call, "T2-down").await;
                desk.members.set_down(false);
                twin_ok &= arena.is_served(&call, "T2-down-after", "acme").await;
                Ok(Finding {
                    got: [got].into(),
                    twin_ok,
                })
            })
        },
    ),
    edge_scene(
        "T2-order",
        "questions about strangers, asked by contradictory requests",
        Expected::Refused(&[TenantMismatch]),
        |arena| {
            Box::pin(async move {
                let desk = Desk::open(arena).await?;
                let call = desk.call(arena)?.add("x-tenant-id", "globex");
                let mut got = [arena.edge_refusal(&call, "T2-order").await];
                if desk.members.asked() > 0 {
                    got = ["the directory was asked".into()];
                }
                let honest = desk.call(arena)?;
                let served = arena.is_served(&honest, "T2-order-twin", "acme").await;
                Ok(Finding {
                    got: got.into(),
                    twin_ok: served && desk.members.asked() == 1,
                })
            })
        },
    ),
    edge_scene(
        "T2-forged",
        "questions about strangers, asked by forged credentials",
        Expected::Refused(&[throughline::Reason::SignatureInvalid]),
        |arena| {
            Box::pin(async move {
                let desk = Desk::open(arena).await?;
                let system = arena.system;
                let forger = system.workos.partners().named(system.workos.signer().kid());
                let claims = workos::session(BOB, ORG_ACME);
                let forged = arena.at(&desk.annex, "acme", &forger.token("JWT", &claims)?);
                let mut got = [arena.edge_refusal(&forged, "T2-forged").await];
                if desk.members.asked() > 0 {
                    got = ["the directory was asked".into()];
                }
                let honest = desk.call(arena)?;
                let served = arena.is_served(&honest, "T2-forged-twin", "acme").await;
                Ok(Finding {
                    got: got.into(),
                    twin_ok: served && desk.members.asked() == 1,
                })
            })
        },
    ),
];

/// An edge that asks about every call, and whom it asks.
struct Desk {
    members: Members,
    annex: Server,
    _keys: KeyServer,
}

impl Desk {
    async fn open(arena: &Arena<'_>) -> Result<Self, Failure> {
        let members = Members::new();
        let keys = KeyServer::publishing(&[arena.system.workos.signer()]).await?;
        let issuer = Issuer::builder("asked", Profile::WORKOS_AUTHKIT)
            .named(workos::ISSUER)
            .with_keys(keys.keys()?)
            .with_audience(Audience::none())
            .with_tenancy(Tenancy::claim("org_id").mapped([(ORG_ACME, Tenant::new("acme")?)]))
            .with_kinds([CredentialKind::Session])
            .with_memberships(members.memberships(Duration::ZERO));
        let annex = arena.annex(several([issuer])?).await?;
        Ok(Self {
            members,
            annex,
            _keys: keys,
        })
    }

    fn call(&self, arena: &Arena<'_>) -> Result<super::Call, Failure> {
        let token = arena.system.workos.token(&workos::session(BOB, ORG_ACME))?;
        Ok(arena.at(&self.annex, "acme", &token))
    }
}
