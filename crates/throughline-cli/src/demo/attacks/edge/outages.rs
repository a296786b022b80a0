//! Providers that are down, and floods that would take one down.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::json;
use throughline::Reason::KeyUnknown;
use throughline_jose::source::RefreshPolicy;

use super::super::arena::{Arena, change};
use super::super::judge::join_all;
use super::super::{Attack, Expected, Finding};
use super::annex::{KeyServer, claims_of, several};
use super::edge_scene;
use crate::demo::idp::ACCESS_TOKEN;
use crate::demo::net::{Failure, Server};
use crate::demo::signer::Signer;

/// How many made-up key ids are sent.
const FLOOD: usize = 100;
/// How many of them at the same time.
const WAVE: usize = 20;

pub(super) const ATTACKS: [Attack; 3] = [
    // CVE-2026-48524 (PyJWT).
    edge_scene(
        "advisory-11",
        "the provider is down, and a hundred key ids are made up",
        Expected::Refused(&[KeyUnknown]),
        |arena| Box::pin(down(arena)),
    ),
    // go-oidc #482, jwks-rsa-java #173, fastapi-zitadel-auth #149.
    edge_scene(
        "advisory-12",
        "a flood of key ids at one issuer, while another one works",
        Expected::Refused(&[KeyUnknown]),
        |arena| Box::pin(flood(arena)),
    ),
    edge_scene(
        "advisory-12-stranger",
        "the same, by a key of another kind than the issuer has",
        Expected::Refused(&[KeyUnknown]),
        |arena| Box::pin(flood_by_stranger(arena)),
    ),
];

/// A token of a key that nobody knows.
fn made_up(signer: &Signer, alias: &str, n: usize) -> Result<String, Failure> {
    let signer = signer.named(&format!("made-up-{n}"));
    signer.token(ACCESS_TOKEN, &claims_of(alias))
}

/// An honest token that was not seen before.
fn fresh(signer: &Signer, alias: &str, n: usize) -> Result<String, Failure> {
    let mut claims = claims_of(alias);
    change(&mut claims, "/jti", Some(json!(format!("fresh-{n}"))));
    signer.token(ACCESS_TOKEN, &claims)
}

/// Some made-up key ids at once, and what became of them.
async fn wave(
    arena: &Arena<'_>,
    id: &str,
    (annex, signer, alias): (&Server, &Signer, &str),
    wave: usize,
) -> Result<Vec<String>, Failure> {
    let mut calls = Vec::new();
    for n in wave * WAVE..(wave + 1) * WAVE {
        let call = arena.at(annex, "acme", &made_up(signer, alias, n)?);
        calls.push((format!("{id}-{n}"), call));
    }
    let mut refusals = Vec::new();
    for (id, call) in &calls {
        refusals.push(arena.edge_refusal(call, id));
    }
    Ok(join_all(refusals).await)
}

async fn down(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let key = Signer::es256("good")?;
    let server = KeyServer::publishing(&[&key]).await?;
    let issuers = several([server.issuer("down", "acme", RefreshPolicy::new())?])?;
    let annex = arena.annex(issuers.clone()).await?;
    let known = arena.at(&annex, "acme", &fresh(&key, "down", 0)?);
    let before = arena.is_served(&known, "advisory-11-before", "acme").await;
    let metrics = || {
        issuers
            .by_alias("down")
            .map(|issuer| issuer.keys().current().generation())
    };
    let generation = metrics();
    server.say(StatusCode::BAD_GATEWAY, "<html>");

    let mut found = Finding {
        got: BTreeSet::new(),
        twin_ok: before,
    };
    for n in 0..FLOOD / WAVE {
        let refusals = wave(arena, "advisory-11", (&annex, &key, "down"), n).await?;
        found.got.extend(refusals);
        // One that is at hand, and one whose signature must be checked.
        let new = arena.at(&annex, "acme", &fresh(&key, "down", n + 1)?);
        let (old_id, new_id) = (
            format!("advisory-11-known-{n}"),
            format!("advisory-11-new-{n}"),
        );
        found.twin_ok &= arena.is_served(&known, &old_id, "acme").await;
        found.twin_ok &= arena.is_served(&new, &new_id, "acme").await;
    }
    if metrics() != generation {
        found.got.insert("the keys at hand changed".into());
    }
    // The first set, and one look for a key that may be new.
    if server.fetches() > 2 {
        found.got.insert(format!("{} fetches", server.fetches()));
    }
    Ok(found)
}

async fn flood(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let (one, two) = (Signer::es256("good")?, Signer::es256("good")?);
    let (flooded, other) = (
        KeyServer::publishing(&[&one]).await?,
        KeyServer::publishing(&[&two]).await?,
    );
    let annex = arena
        .annex(several([
            flooded.issuer("flooded", "acme", RefreshPolicy::new())?,
            other.issuer("other", "globex", RefreshPolicy::new())?,
        ])?)
        .await?;
    // The keys of both are there before it begins.
    let mut found = Finding {
        got: BTreeSet::new(),
        twin_ok: true,
    };
    for (signer, alias, tenant) in [(&one, "flooded", "acme"), (&two, "other", "globex")] {
        let call = arena.at(&annex, tenant, &fresh(signer, alias, FLOOD)?);
        let id = format!("advisory-12-before-{alias}");
        found.twin_ok &= arena.is_served(&call, &id, tenant).await;
    }
    for n in 0..FLOOD / WAVE {
        let refusals = wave(arena, "advisory-12", (&annex, &one, "flooded"), n).await?;
        found.got.extend(refusals);
        let own = arena.at(&annex, "acme", &fresh(&one, "flooded", n)?);
        let others = arena.at(&annex, "globex", &fresh(&two, "other", n)?);
        let (own_id, others_id) = (
            format!("advisory-12-own-{n}"),
            format!("advisory-12-other-{n}"),
        );
        found.twin_ok &= arena.is_served(&own, &own_id, "acme").await;
        found.twin_ok &= arena.is_served(&others, &others_id, "globex").await;
    }
    if flooded.fetches() > 2 || other.fetches() > 1 {
        let fetches = (flooded.fetches(), other.fetches());
        found.got.insert(format!("{fetches:?} fetches"));
    }
    Ok(found)
}

/// Its keys are an attacker's, and none of them is the issuer's.
async fn flood_by_stranger(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let (own, stranger) = (Signer::ed25519("good")?, Signer::es256("stranger")?);
    let server = KeyServer::publishing(&[&own]).await?;
    let annex = arena
        .annex(several([server.issuer(
            "small",
            "acme",
            RefreshPolicy::new(),
        )?])?)
        .await?;
    let first = arena.at(&annex, "acme", &fresh(&own, "small", FLOOD)?);
    let before = arena.is_served(&first, "advisory-12-stranger-before", "acme");
    let mut found = Finding {
        got: BTreeSet::new(),
        twin_ok: before.await,
    };
    for n in 0..FLOOD / WAVE {
        let refusals = wave(
            arena,
            "advisory-12-stranger",
            (&annex, &stranger, "small"),
            n,
        )
        .await?;
        found.got.extend(refusals);
        let call = arena.at(&annex, "acme", &fresh(&own, "small", n)?);
        let id = format!("advisory-12-stranger-twin-{n}");
        found.twin_ok &= arena.is_served(&call, &id, "acme").await;
    }
    if server.fetches() > 2 {
        found.got.insert(format!("{} fetches", server.fetches()));
    }
    Ok(found)
}
