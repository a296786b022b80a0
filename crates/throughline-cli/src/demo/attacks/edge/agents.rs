//! Who acts for whom: kinds of credential that are taken for each other.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use throughline::Reason::{ClaimInvalid, ClaimMissing, TypeRefused};
use throughline_core::Tenant;
use throughline_identity::{Audience, CredentialKind, Issuer, Profile, Tenancy};

use super::super::arena::{Arena, change};
use super::super::{Attack, Expected, Finding, NEUTRALISED, Pair};
use super::annex::{KeyServer, several};
use super::{edge, edge_scene, sources};
use crate::demo::net::{Failure, Server};
use crate::demo::workos::{
    self, ADA, ADMIN, AGENT, BOB, ORG_ACME, PARTNERS_ISSUER, autonomous, delegated, impersonated,
    session,
};

pub(super) const ATTACKS: [Attack; 9] = [
    edge_scene(
        "T4",
        "an agent's token as an impersonated session, and the reverse",
        Expected::Refused(&[TypeRefused]),
        |arena| Box::pin(turned_round(arena)),
    ),
    edge(
        "T4-mixed",
        "somebody acts, and nobody can tell which way round",
        &[TypeRefused],
        |arena| {
            let acting = |sub: &str, act: Value| {
                let mut claims = match sub.starts_with("user_") {
                    true => session(sub, ORG_ACME),
                    false => autonomous(sub, ORG_ACME),
                };
                change(&mut claims, "/act", Some(act));
                arena.system.workos.token(&claims)
            };
            let tokens = [
                acting(ADA, json!({"sub": BOB}))?,
                acting(ADA, json!({"sub": AGENT}))?,
                acting(AGENT, json!({"sub": ADMIN}))?,
                acting(AGENT, json!({"sub": "agent_01OTHER"}))?,
                acting(ADA, json!({"sub": ADMIN, "act": {"sub": AGENT}}))?,
                acting(AGENT, json!({"sub": ADA, "act": {"sub": BOB}}))?,
                acting(ADA, json!(ADMIN))?,
                acting(AGENT, json!(ADA))?,
                acting(AGENT, json!([{"sub": ADA}]))?,
                acting(ADA, json!(null))?,
            ];
            let calls = tokens.map(|token| arena.edge_bearing(&token));
            let honest = [
                impersonated(ADA, ORG_ACME),
                delegated(AGENT, ADA, ORG_ACME),
                session(ADA, ORG_ACME),
            ];
            let mut twins = Vec::new();
            for claims in honest {
                let token = arena.system.workos.token(&claims)?;
                twins.push((arena.edge_bearing(&token), "acme"));
            }
            Ok(Pair {
                attacks: calls.into(),
                twins,
            })
        },
    ),
    edge(
        "T4-shadow",
        "a claim that is named like the path to the actor",
        &[ClaimInvalid],
        |arena| {
            let token = |claims: Value| arena.system.workos.token(&claims);
            let shadowed = |mut claims: Value| {
                // Not a path: the name itself has a slash in it.
                if let Some(members) = claims.as_object_mut() {
                    members.insert("act/sub".into(), json!(BOB));
                }
                token(claims)
            };
            let attacks = [
                shadowed(delegated(AGENT, ADA, ORG_ACME))?,
                shadowed(impersonated(ADA, ORG_ACME))?,
            ];
            let attacks = attacks.map(|token| arena.edge_bearing(&token));
            let honest = token(delegated(AGENT, ADA, ORG_ACME))?;
            Ok(Pair::several(attacks, arena.edge_bearing(&honest)))
        },
    ),
    edge(
        "unwanted",
        "an impersonated session, or an agent, where nobody wants one",
        &[TypeRefused],
        |arena| {
            let partners = arena.system.workos.partners();
            let call = |mut claims: Value| -> Result<_, Failure> {
                change(&mut claims, "/iss", Some(json!(PARTNERS_ISSUER)));
                Ok(arena.edge_bearing(&partners.token("JWT", &claims)?))
            };
            let attacks = [
                call(impersonated(ADA, ORG_ACME))?,
                call(delegated(AGENT, ADA, ORG_ACME))?,
                call(autonomous(AGENT, ORG_ACME))?,
            ];
            Ok(Pair::several(attacks, call(session(ADA, ORG_ACME))?))
        },
    ),
    edge(
        "act-unsaid",
        "an actor, at an issuer of which nobody said what one is",
        &[TypeRefused],
        |arena| {
            let [idp, _, hooli] = sources(arena);
            let mut pair = Pair {
                attacks: Vec::new(),
                twins: Vec::new(),
            };
            for source in [idp, hooli] {
                for act in [json!({"sub": "gus"}), json!("gus"), json!({}), json!(null)] {
                    let token = source.sign(&source.with(&[("/act", Some(act))]))?;
                    pair.attacks.push(source.call(arena, &token));
                }
                let honest = source.call(arena, &source.honest()?);
                pair.twins.push((honest, source.tenant));
            }
            Ok(pair)
        },
    ),
    edge(
        "sessionless",
        "a session or an agent that no revocation could name",
        &[ClaimMissing],
        |arena| {
            let call = |claims: &Value| -> Result<_, Failure> {
                Ok(arena.edge_bearing(&arena.system.workos.token(claims)?))
            };
            let mut pair = Pair {
                attacks: Vec::new(),
                twins: Vec::new(),
            };
            for (claims, session) in [
                (session(ADA, ORG_ACME), "/sid"),
                (impersonated(ADA, ORG_ACME), "/sid"),
                (
                    delegated(AGENT, ADA, ORG_ACME),
                    "/agent_instance_session_id",
                ),
                (autonomous(AGENT, ORG_ACME), "/agent_instance_session_id"),
            ] {
                let mut silent = claims.clone();
                change(&mut silent, session, None);
                pair.attacks.push(call(&silent)?);
                pair.twins.push((call(&claims)?, "acme"));
            }
            Ok(pair)
        },
    ),
    edge_scene(
        "X36",
        "an agent says by a parameter for whom it acts",
        Expected::Word(NEUTRALISED),
        |arena| Box::pin(parameter(arena)),
    ),
    edge(
        "X36-claim",
        "an agent's token that names its user beside `act`",
        &[TypeRefused],
        |arena| {
            // The vendor's validation answers so; in a token nobody may lean on it.
            let mut claims = autonomous(AGENT, ORG_ACME);
            change(&mut claims, "/act", Some(json!(ADA)));
            change(&mut claims, "/acting_user_id", Some(json!(ADA)));
            let attack = arena.edge_bearing(&arena.system.workos.token(&claims)?);
            let honest = arena
                .system
                .workos
                .token(&delegated(AGENT, ADA, ORG_ACME))?;
            Ok(Pair::new(attack, arena.edge_bearing(&honest)))
        },
    ),
    edge_scene(
        "machine-as-user",
        "a machine that is called like a user",
        Expected::Word(NEUTRALISED),
        |arena| {
            Box::pin(async move {
                // The same name, and never the same kind: nobody signed in.
                let claims = crate::demo::idp::Idp::machine_claims("ada", "acme");
                let token = arena.system.idp.signer().token("at+jwt", &claims)?;
                let machine = seen(arena, &arena.edge_bearing(&token), "machine-as-user").await;
                let user = seen(arena, &arena.edge()?, "machine-as-user-twin").await;
                let is = |seen: &BTreeSet<String>, kind: &str| {
                    seen.iter().eq([&format!("{kind} demo-idp/acme/ada")])
                };
                Ok(Finding {
                    got: [match is(&machine, "workload") {
                        true => NEUTRALISED.to_owned(),
                        false => format!("{machine:?}"),
                    }]
                    .into(),
                    twin_ok: is(&user, "user"),
                })
            })
        },
    ),
];

/// Whom the handlers of a call saw: kind, principal and actors, each differing one once.
pub(super) async fn seen(arena: &Arena<'_>, call: &super::Call, id: &str) -> BTreeSet<String> {
    if let Err(error) = call.send(id).await {
        return [format!("no answer: {error}")].into();
    }
    let seen = arena.system.log.take(id).into_iter().map(|seen| {
        let hop = seen.hop;
        let text = |member: Option<String>| member.unwrap_or_default();
        let principal = [hop.idp, hop.tenant, hop.subject].map(text).join("/");
        let mut words = vec![text(hop.kind), principal];
        words.extend(hop.actors);
        words.join(" ")
    });
    seen.collect()
}

/// An edge that wants one kind from the second provider.
async fn wanting(arena: &Arena<'_>, kind: CredentialKind) -> Result<(Server, KeyServer), Failure> {
    let keys = KeyServer::publishing(&[arena.system.workos.signer()]).await?;
    let issuer = Issuer::builder("one-kind", Profile::WORKOS_AUTHKIT)
        .named(workos::ISSUER)
        .with_keys(keys.keys()?)
        .with_audience(Audience::none())
        .with_tenancy(Tenancy::one(Tenant::new("acme")?))
        .with_kinds([kind]);
    Ok((arena.annex(several([issuer])?).await?, keys))
}

/// Each mapping gets what is the other's; and what is its own, the right way round.
async fn turned_round(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let token = |claims: Value| arena.system.workos.token(&claims);
    let admins = token(impersonated(ADA, ORG_ACME))?;
    let agents = token(delegated(AGENT, ADA, ORG_ACME))?;
    let (impersonating, _keys) = wanting(arena, CredentialKind::ImpersonatedSession).await?;
    let (delegating, _more) = wanting(arena, CredentialKind::DelegatedAgent).await?;
    let mut got = BTreeSet::new();
    for (n, (annex, other)) in [(&impersonating, &agents), (&delegating, &admins)]
        .into_iter()
        .enumerate()
    {
        let call = arena.at(annex, "acme", other);
        got.insert(arena.edge_refusal(&call, &format!("T4-{n}")).await);
    }
    let as_admin = arena.at(&impersonating, "acme", &admins);
    let as_agent = arena.at(&delegating, "acme", &agents);
    let admin = format!(
        "user one-kind/acme/{ADA} person one-kind//{}",
        ADMIN.replace('@', "%40")
    );
    let agent = format!("delegated_agent one-kind/acme/{ADA} agent one-kind/acme/{AGENT}");
    let twin_ok = seen(arena, &as_admin, "T4-admin").await.iter().eq([&admin])
        && seen(arena, &as_agent, "T4-agent").await.iter().eq([&agent]);
    Ok(Finding { got, twin_ok })
}

/// A name that is not signed makes nobody act for anybody.
async fn parameter(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let token = arena.system.workos.token(&autonomous(AGENT, ORG_ACME))?;
    let call = arena.edge_bearing(&token);
    let calls = [
        call.clone().add("x-user-id", ADA),
        call.clone().add("x-on-behalf-of", ADA),
        call.clone().add("x-forwarded-user", ADA),
        call.clone().add("x-workload-user-id", "gus"),
        call.clone()
            .target(format!("/t/acme/orders?user_id={ADA}&userId={ADA}")),
        call.clone().add("baggage", format!("user.id={ADA}")),
    ];
    let itself = format!("autonomous_agent workos/acme/{AGENT}");
    let mut got = BTreeSet::new();
    for (n, call) in calls.iter().enumerate() {
        let seen = seen(arena, call, &format!("X36-{n}")).await;
        got.insert(match seen.iter().eq([&itself]) {
            true => NEUTRALISED.to_owned(),
            false => format!("{seen:?}"),
        });
    }
    let signed = arena
        .system
        .workos
        .token(&delegated(AGENT, ADA, ORG_ACME))?;
    let signed = seen(arena, &arena.edge_bearing(&signed), "X36-twin").await;
    let for_ada = format!("delegated_agent workos/acme/{ADA} agent workos/acme/{AGENT}");
    Ok(Finding {
        got,
        twin_ok: signed.iter().eq([&for_ada]),
    })
}
