//! Forms and headers that change what a credential means, or lead elsewhere.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use throughline::Reason::{
    ClaimInvalid, ContextMalformed, ContextOversized, IssuerUntrusted, TypeRefused,
};

use super::super::arena::Arena;
use super::super::{Attack, Expected, Finding, Hop, Pair, pair};
use super::annex::Canary;
use super::{Source, at_each, edge, edge_scene, sources};
use crate::demo::net::Failure;

pub(super) const ATTACKS: [Attack; 13] = [
    // CVE-2025-59420 (Authlib), GHSA-752w-5fwx-jx9f (PyJWT), GHSA-hm7r-c7qw-ghp6 (fast-jwt).
    edge(
        "advisory-4",
        "`crit` in every form, also of what is understood",
        &[ContextMalformed],
        |arena| {
            at_each(arena, |source| {
                let forms = [
                    json!(["x"]),
                    json!([]),
                    json!(["exp"]),
                    json!(["exp", "exp"]),
                    json!("exp"),
                    json!(7),
                    json!(null),
                    json!({}),
                    json!([7]),
                    json!(["b64"]),
                ];
                let tokens = forms.into_iter().map(|form| headed(source, "crit", form));
                tokens.collect()
            })
        },
    ),
    edge(
        "advisory-4-b64",
        "a payload that is said to be not encoded, or zipped",
        &[ContextMalformed],
        |arena| {
            at_each(arena, |source| {
                let members = [
                    ("b64", json!(false)),
                    ("b64", json!(true)),
                    ("zip", json!("DEF")),
                    ("enc", json!("advisory-128GCM")),
                ];
                let tokens = members.into_iter();
                tokens
                    .map(|(name, value)| headed(source, name, value))
                    .collect()
            })
        },
    ),
    edge(
        "header-twice",
        "a header in which a member stands twice",
        &[ContextMalformed],
        |arena| {
            at_each(arena, |source| {
                let header = source.header().to_string();
                let twice = |more: &str| {
                    let header = header.replacen('{', &format!("{{{more},"), 1);
                    source.signer.sign(&header, &source.claims.to_string())
                };
                let more = [
                    r#""alg":"none""#,
                    r#""kid":"other""#,
                    r#""typ":"other""#,
                    r#""k\u0069d":"other""#,
                ];
                more.into_iter().map(twice).collect()
            })
        },
    ),
    edge(
        "kid-forms",
        "a key id that is none: another type, or far too long",
        &[ContextMalformed],
        |arena| {
            at_each(arena, |source| {
                let forms = [
                    json!(null),
                    json!(7),
                    json!([source.signer.kid()]),
                    json!({}),
                    json!("k".repeat(1024)),
                ];
                let tokens = forms.into_iter().map(|form| headed(source, "kid", form));
                tokens.collect()
            })
        },
    ),
    // CVE-2026-29000 (pac4j).
    edge(
        "advisory-7-segments",
        "one, two, four and five segments",
        &[ContextMalformed],
        |arena| {
            at_each(arena, |source| {
                let honest = source.honest()?;
                let signed = honest.rsplit_once('.').map_or("", |(signed, _)| signed);
                let header = honest.split('.').next().unwrap_or_default();
                Ok(vec![
                    header.to_owned(),
                    signed.to_owned(),
                    format!("{honest}."),
                    format!("{honest}.{header}"),
                    format!("{honest}.{header}.{header}"),
                    format!("{header}..{header}..{header}"),
                    format!(".{honest}"),
                ])
            })
        },
    ),
    edge(
        "advisory-7-cty",
        "a credential that is said to hold another one",
        &[ContextMalformed],
        |arena| {
            at_each(arena, |source| {
                let honest = source.honest()?;
                let mut header = source.header();
                super::change(&mut header, "/cty", Some(json!("JWT")));
                Ok(vec![
                    headed(source, "cty", json!("JWT"))?,
                    source.signer.sign(&header.to_string(), &honest)?,
                ])
            })
        },
    ),
    edge(
        "advisory-7-nested",
        "a signed credential as the payload of another",
        &[ClaimInvalid],
        |arena| {
            at_each(arena, |source| {
                let (honest, header) = (source.honest()?, source.header().to_string());
                let quoted = json!(honest).to_string();
                let listed = json!([source.claims]).to_string();
                let payloads = [honest, quoted, listed, String::new(), "null".into()];
                let tokens = payloads.iter();
                tokens
                    .map(|payload| source.signer.sign(&header, payload))
                    .collect()
            })
        },
    ),
    // CVE-2018-0114 (node-jose).
    edge_scene(
        "advisory-8",
        "a credential that brings its own key, or says where to ask",
        Expected::Refused(&[ContextMalformed]),
        |arena| Box::pin(own_key(arena)),
    ),
    // CVE-2026-32301 (Centrifugo).
    edge_scene(
        "advisory-16",
        "an issuer's name that leads inside",
        Expected::Refused(&[IssuerUntrusted]),
        |arena| Box::pin(leads_inside(arena)),
    ),
    // CVE-2025-30204 (golang-jwt), CVE-2025-27144 (go-jose).
    edge(
        "advisory-10",
        "a megabyte of dots, and one of letters",
        &[ContextOversized],
        |arena| {
            let attacks = [".", "a.", "A"].map(|text| {
                let many = text.repeat(1024 * 1024 / text.len());
                arena.edge_bearing(&many)
            });
            Ok(Pair::several(attacks, arena.edge()?))
        },
    ),
    edge(
        "advisory-10-small",
        "as many dots as fit",
        &[ContextMalformed],
        |arena| {
            let attacks =
                ["..", "...", "a.b.", "a..b"].map(|text| arena.edge_bearing(&text.repeat(2048)));
            Ok(Pair::several(attacks, arena.edge()?))
        },
    ),
    edge(
        "advisory-21-context",
        "a context as access token, and one that is typed as one",
        &[IssuerUntrusted],
        |arena| {
            let typed = arena.under_header(&[("/typ", json!("at+jwt"))])?;
            let attacks = [arena.acme(), &typed].map(|token| arena.edge_bearing(token));
            Ok(Pair::several(attacks, arena.edge()?))
        },
    ),
    // CVE-2020-26160 (jwt-go) and its kin.
    pair(
        "advisory-21-inside",
        Hop::Orders,
        "credentials of three issuers in the place of a context",
        &[TypeRefused],
        |arena| {
            let mut attacks = Vec::new();
            for source in sources(arena) {
                let target = format!("/t/{}/orders", source.tenant);
                let call = arena.orders().target(target);
                attacks.push(call.token(source.honest()?));
            }
            Ok(Pair::several(attacks, arena.orders()))
        },
    ),
];

/// A token under a header with one more member, signed with the issuer's key.
fn headed(source: &Source, name: &str, value: Value) -> Result<String, Failure> {
    let mut header = source.header();
    super::change(&mut header, &format!("/{name}"), Some(value));
    source
        .signer
        .sign(&header.to_string(), &source.claims.to_string())
}

/// Each with what would make its key the right one, for somebody who asks there.
async fn own_key(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let canary = Canary::new().await?;
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    for (n, source) in sources(arena).iter().enumerate() {
        let jwk = source.signer.public_jwk()?;
        let members = [
            ("jwk", jwk),
            ("jku", json!(format!("{}/jwks.json", canary.url()))),
            ("x5u", json!(format!("{}/cert.pem", canary.url()))),
            ("x5c", json!(["MIIB"])),
        ];
        for (name, value) in members {
            let token = headed(source, name, value)?;
            let call = source.call(arena, &token);
            got.insert(
                arena
                    .edge_refusal(&call, &format!("advisory-8-{n}-{name}"))
                    .await,
            );
        }
        let honest = source.call(arena, &source.honest()?);
        let id = format!("advisory-8-{n}-twin");
        twin_ok &= arena.is_served(&honest, &id, source.tenant).await;
    }
    got.extend(canary.found());
    twin_ok &= canary.is_awake().await;
    Ok(Finding { got, twin_ok })
}

/// Nothing is fetched from a place that a token names, however it is written.
async fn leads_inside(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let canary = Canary::new().await?;
    let inside = canary.url();
    let authority = inside.trim_start_matches("http://");
    let [source, ..] = sources(arena);
    let own = crate::demo::idp::ISSUER;
    let names = [
        inside.clone(),
        format!("{inside}/.well-known/openid-configuration"),
        format!("{own}@{authority}"),
        format!("{own}/../{authority}"),
        format!("{own}#@{authority}"),
        format!("{own}\\@{authority}"),
        format!("https://{authority}"),
        "http://169.254.169.254".into(),
        "http://169.254.169.254/latest/meta-data".into(),
        "https://[::1]".into(),
        "https://localhost".into(),
        "file:///etc/passwd".into(),
    ];
    let mut got = BTreeSet::new();
    for (n, name) in names.into_iter().enumerate() {
        let token = source.sign(&source.with(&[("/iss", Some(json!(name)))]))?;
        let call = source.call(arena, &token);
        got.insert(arena.edge_refusal(&call, &format!("advisory-16-{n}")).await);
    }
    got.extend(canary.found());
    let honest = source.call(arena, &source.honest()?);
    let twin_ok =
        arena.is_served(&honest, "advisory-16-twin", "acme").await && canary.is_awake().await;
    Ok(Finding { got, twin_ok })
}
