//! Credentials that say nothing by themselves, and whoever answers for them.

use serde_json::{Value, json};
use throughline::Reason::{
    AudienceMismatch, ClaimInvalid, ClaimMissing, ContextExpired, IssuerUntrusted, KeyUnknown,
    KeysUnavailable, Revoked, TenantInvalid, TypeRefused,
};

use super::super::arena::{Arena, change};
use super::super::{Attack, Expected, Finding, Pair};
use super::{edge, edge_scene};
use crate::demo::api_keys::PREFIX;
use crate::demo::hooli;
use crate::demo::idp::{Idp, OPAQUE};
use crate::demo::net::Failure;
use crate::demo::roster::ADA_OF_ACME;

pub(super) const ATTACKS: [Attack; 11] = [
    edge(
        "key-revoked",
        "an api key that was withdrawn",
        &[Revoked],
        |arena| {
            let keys = &arena.system.sources.api_keys;
            let (old, new) = (
                keys.issue("key_01OLD", "acme")?,
                keys.issue("key_01NEW", "acme")?,
            );
            keys.revoke(&old);
            Ok(Pair::new(
                arena.edge_bearing(&old),
                arena.edge_bearing(&new),
            ))
        },
    ),
    edge(
        "key-unknown",
        "an api key that never was, is cut, or is longer",
        &[KeyUnknown],
        |arena| {
            let key = arena.system.sources.api_keys.issue("key_01CUT", "acme")?;
            let cut = |length: usize| key.get(..length).unwrap_or_default().to_owned();
            let attacks = [
                PREFIX.to_owned(),
                cut(PREFIX.len() + 1),
                cut(key.len() - 1),
                format!("{key}A"),
                format!("{PREFIX}{key}"),
                key.to_uppercase().replace("SK_", PREFIX),
                // It begins like a key, so nobody reads it as anything else.
                format!("{PREFIX}{}", arena.system.idp.token(ADA_OF_ACME)?),
            ];
            let attacks = attacks.map(|key| arena.edge_bearing(&key));
            Ok(Pair::several(attacks, arena.edge_bearing(&key)))
        },
    ),
    edge(
        "key-tenant",
        "an api key of a tenant that has none here",
        &[TenantInvalid],
        |arena| {
            let keys = &arena.system.sources.api_keys;
            let (other, own) = (
                keys.issue("key_01GLOBEX", "globex")?,
                keys.issue("key_01ACME", "acme")?,
            );
            Ok(Pair::new(
                arena.edge_bearing(&other).target("/t/globex/orders"),
                arena.edge_bearing(&own),
            ))
        },
    ),
    edge(
        "opaque-inactive",
        "an opaque token that ended, was withdrawn, or never was",
        &[ContextExpired],
        |arena| {
            let ended = arena.system.idp.opaque(json!({"active": false}))?;
            let mut answer = Idp::answer(ADA_OF_ACME);
            change(&mut answer, "/active", Some(json!(false)));
            let tokens = [
                ended,
                arena.system.idp.opaque(answer)?,
                format!("{OPAQUE}never"),
                OPAQUE.to_owned(),
            ];
            answered(arena, tokens)
        },
    ),
    edge(
        "opaque-active",
        "an answer whose `active` is almost true",
        &[ClaimInvalid, ClaimMissing],
        |arena| {
            let values = [
                Some(json!("true")),
                Some(json!(1)),
                Some(json!(null)),
                Some(json!([true])),
                None,
            ];
            changed(arena, values.map(|value| ("/active", value)))
        },
    ),
    // CAMEL-24448.
    edge(
        "opaque-issuer",
        "an answer about somebody of another issuer",
        &[IssuerUntrusted],
        |arena| {
            let values = [
                json!("https://attacker.example"),
                json!(hooli::ISSUER),
                json!(format!("{}/", crate::demo::idp::ISSUER)),
            ];
            changed(arena, values.map(|value| ("/iss", Some(value))))
        },
    ),
    edge(
        "opaque-silent",
        "an answer that does not say what is always said",
        &[ClaimMissing],
        |arena| {
            let claims = ["/iss", "/aud", "/sub", "/org", "/client_id", "/jti"];
            changed(arena, claims.map(|claim| (claim, None)))
        },
    ),
    edge(
        "opaque-audience",
        "an answer about a token for another resource",
        &[AudienceMismatch],
        |arena| {
            let values = [json!("https://mcp.demo.internal"), json!(""), json!([])];
            changed(arena, values.map(|value| ("/aud", Some(value))))
        },
    ),
    edge(
        "opaque-kind",
        "a refresh token, a token with a proof, a token with an actor",
        &[TypeRefused],
        |arena| {
            let changes = [
                ("/token_type", json!("refresh_token")),
                ("/token_type", json!("DPoP")),
                ("/token_use", json!("refresh")),
                ("/act", json!({"sub": "gus"})),
            ];
            changed(arena, changes.map(|(claim, value)| (claim, Some(value))))
        },
    ),
    edge(
        "opaque-claims",
        "an answer whose claims are of other types",
        &[ClaimInvalid],
        |arena| {
            let changes = [
                ("/org", json!(["acme", "globex"])),
                ("/org", json!("")),
                ("/org", json!(null)),
                ("/sub", json!(7)),
                ("/exp", json!("tomorrow")),
                ("/scope", json!({})),
                ("/cnf", json!({"jkt": "x"})),
            ];
            changed(arena, changes.map(|(claim, value)| (claim, Some(value))))
        },
    ),
    edge_scene(
        "opaque-down",
        "nobody answers for an opaque token",
        Expected::Refused(&[KeysUnavailable]),
        |arena| {
            Box::pin(async move {
                let idp = &arena.system.idp;
                let [known, new] = [(); 2].map(|()| idp.opaque(Idp::answer(ADA_OF_ACME)));
                let (known, new) = (arena.edge_bearing(&known?), arena.edge_bearing(&new?));
                let mut twin_ok = arena.is_served(&known, "opaque-down-before", "acme").await;
                idp.set_answering(false);
                let got = arena.edge_refusal(&new, "opaque-down").await;
                // What was answered counts on, for its time.
                twin_ok &= arena.is_served(&known, "opaque-down-known", "acme").await;
                idp.set_answering(true);
                twin_ok &= arena.is_served(&new, "opaque-down-after", "acme").await;
                Ok(Finding {
                    got: [got].into(),
                    twin_ok,
                })
            })
        },
    ),
];

/// These tokens, beside one behind which the provider stands.
fn answered<const N: usize>(arena: &Arena<'_>, tokens: [String; N]) -> Result<Pair, Failure> {
    let honest = arena.system.idp.opaque(Idp::answer(ADA_OF_ACME))?;
    let attacks = tokens.map(|token| arena.edge_bearing(&token));
    Ok(Pair::several(attacks, arena.edge_bearing(&honest)))
}

/// Tokens for which the provider answers almost as it should.
fn changed<const N: usize>(
    arena: &Arena<'_>,
    changes: [(&str, Option<Value>); N],
) -> Result<Pair, Failure> {
    let mut attacks = Vec::new();
    for (pointer, value) in changes {
        let mut answer = Idp::answer(ADA_OF_ACME);
        change(&mut answer, pointer, value);
        attacks.push(arena.edge_bearing(&arena.system.idp.opaque(answer)?));
    }
    let honest = arena.system.idp.opaque(Idp::answer(ADA_OF_ACME))?;
    Ok(Pair::several(attacks, arena.edge_bearing(&honest)))
}
