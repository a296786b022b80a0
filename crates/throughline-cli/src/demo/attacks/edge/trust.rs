//! Attributes that somebody asserts who does not own them.

use std::collections::BTreeSet;

use serde_json::json;
use throughline::Reason::ClaimInvalid;
use throughline_identity::EdgeConfig;

use super::super::arena::Arena;
use super::super::{Attack, Expected, Finding, Hop, NEUTRALISED, scene};
use super::annex::{KeyServer, claims_of, nimble, trust};
use super::{edge, edge_scene, saying, sources};
use crate::demo::edge::{Addresses, Trusted};
use crate::demo::idp::ACCESS_TOKEN;
use crate::demo::net::Failure;
use crate::demo::signer::Signer;
use crate::demo::workos;

/// What becomes of a map that leaves something to chance.
const REFUSED: &str = "refused when built";

pub(super) const ATTACKS: [Attack; 4] = [
    edge_scene(
        "X21",
        "an attribute from an issuer that does not own it",
        Expected::Word(NEUTRALISED),
        |arena| Box::pin(dropped(arena)),
    ),
    edge_scene(
        "X21-strict",
        "the same, where nobody may even say so",
        Expected::Refused(&[ClaimInvalid]),
        |arena| Box::pin(strict(arena)),
    ),
    edge(
        "X21-typed",
        "an attribute from its owner, of a type that none has",
        &[ClaimInvalid],
        |arena| {
            let [_, workos, _] = sources(arena);
            let values = [
                json!(null),
                json!({}),
                json!([7]),
                json!(1.5),
                json!([["x"]]),
            ];
            saying(arena, &workos, "role", &values)
        },
    ),
    scene(
        "X21-build",
        Hop::Build,
        "a rule that reads what nobody owns",
        Expected::Word(REFUSED),
        |_| {
            Box::pin(async {
                let local = || "http://127.0.0.1:9".to_owned();
                let at = Addresses {
                    idp: local(),
                    workos: local(),
                    hooli: local(),
                };
                let file = Trusted::new(&at, &local()).file;
                let built = |file: &str| EdgeConfig::parse(file, ".".as_ref()).is_ok();
                let changes = [
                    (
                        r#"read            = ["role"]"#,
                        r#"read = ["role", "clearance"]"#,
                    ),
                    (r#"attributes.role = "workos""#, ""),
                    (r#"authentication  = "identity team""#, ""),
                    (r#"rules           = "platform security""#, r#"rules = """#),
                    (r#"audience  = "none""#, ""),
                ];
                let got = changes.map(|(line, other)| {
                    let changed = file.replacen(line, other, 1);
                    match changed != file && !built(&changed) {
                        true => REFUSED.to_owned(),
                        false => format!("{line} may be {other}"),
                    }
                });
                Ok(Finding {
                    got: got.into(),
                    twin_ok: built(&file),
                })
            })
        },
    ),
];

/// The attributes that the handlers of a call saw, with their sources.
async fn attributes(arena: &Arena<'_>, call: &super::Call, id: &str) -> BTreeSet<String> {
    let sent = call.send(id).await;
    let seen = arena.system.log.take(id);
    if !sent.is_ok_and(|reply| reply.is_success()) || seen.is_empty() {
        return ["was not served".to_owned()].into();
    }
    let attributes = seen.into_iter().map(|seen| {
        let attributes = seen.hop.attributes.into_iter();
        let texts = attributes.map(|(name, source)| format!("{name} by {source}"));
        texts.collect::<Vec<_>>().join(", ")
    });
    attributes.collect()
}

/// Two issuers say a role. The rules hear of one.
async fn dropped(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let [_, workos, hooli] = sources(arena);
    let call = hooli.call(arena, &hooli.honest()?);
    let found = attributes(arena, &call, "X21").await;
    let owner = workos.call(arena, &workos.honest()?);
    let by_owner = attributes(arena, &owner, "X21-twin").await;
    let role = format!("role by {}", workos::ALIAS);
    Ok(Finding {
        got: [match found.iter().eq([""]) {
            true => NEUTRALISED.to_owned(),
            false => format!("{found:?} arrived"),
        }]
        .into(),
        twin_ok: by_owner.iter().eq([&role]),
    })
}

async fn strict(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let key = Signer::es256("stranger")?;
    let server = KeyServer::publishing(&[&key]).await?;
    let issuer = server.issuer("stranger", "acme", nimble())?;
    let issuer = issuer.add_attribute("role", "role").build()?;
    let trust = trust()
        .with_owner("role", "somebody-else")
        .refusing_strangers();
    let issuers = throughline_identity::Issuers::new([issuer], trust)?;
    let annex = arena.annex(issuers).await?;
    let silent = claims_of("stranger");
    let mut saying = silent.clone();
    super::change(&mut saying, "/role", Some(json!("admin")));
    let attack = arena.at(&annex, "acme", &key.token(ACCESS_TOKEN, &saying)?);
    let honest = arena.at(&annex, "acme", &key.token(ACCESS_TOKEN, &silent)?);
    Ok(Finding {
        got: [arena.edge_refusal(&attack, "X21-strict").await].into(),
        twin_ok: arena.is_served(&honest, "X21-strict-twin", "acme").await,
    })
}
