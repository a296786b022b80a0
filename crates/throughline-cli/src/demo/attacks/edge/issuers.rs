//! Names of issuers that are almost right, keys that two of them share, and places to ask.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::json;
use throughline::Reason::{AlgorithmRefused, TenantMismatch};
use throughline::Reason::{ClaimMissing, IssuerUntrusted, KeysUnavailable, SignatureInvalid};
use throughline_identity::discovery::KeySettings;
use throughline_identity::{Issuers, Profile};
use throughline_jose::source::RefreshPolicy;

use super::super::arena::{Arena, change};
use super::super::{Attack, Expected, Finding, Hop, scene};
use super::annex::{Canary, KeyServer, claims_of, cool_down, jwks, name_of, nimble, several};
use super::{claiming, edge, edge_scene, saying, sources};
use crate::demo::idp::{ACCESS_TOKEN, ISSUER};
use crate::demo::net::Failure;
use crate::demo::signer::Signer;
use crate::demo::workos;

/// What becomes of a configuration that leads elsewhere.
const REFUSED: &str = "refused when built";

pub(super) const ATTACKS: [Attack; 9] = [
    // GHSA-75c5-xw7c-p5pm (PyJWT).
    edge(
        "advisory-6",
        "almost the issuer: shorter, longer, in other letters",
        &[IssuerUntrusted],
        |arena| {
            let shorter = ISSUER.trim_end_matches('l');
            let names = [
                shorter.to_owned(),
                format!("{ISSUER}/"),
                format!("{ISSUER}.attacker.example"),
                format!("{ISSUER}:443"),
                format!("{ISSUER}?"),
                format!(" {ISSUER}"),
                format!("{ISSUER} "),
                format!("{ISSUER},https://attacker.example"),
                format!("https://attacker.example/{ISSUER}"),
                format!("evil{ISSUER}"),
                ISSUER.to_uppercase(),
                ISSUER.replace("https", "http"),
                ISSUER.replace("idp", "Idp"),
                ISSUER.replace("idp", "idp\u{200b}"),
                String::new(),
                "https://".into(),
            ];
            claiming(arena, "iss", &names.map(|name| json!(name)))
        },
    ),
    edge(
        "advisory-6-vendor",
        "other names of one vendor, which are not configured",
        &[IssuerUntrusted],
        |arena| {
            let [_, source, _] = sources(arena);
            let own = workos::ISSUER;
            let names = [
                "https://api.workos.com".to_owned(),
                "https://api.workos.com/".into(),
                "https://api.workos.com/user_management".into(),
                format!("{own}/"),
                own.trim_end_matches('O').to_owned(),
                format!("{own}2"),
                own.to_lowercase(),
                own.replace("client_01DEMO", "client_01STRANGER"),
            ];
            saying(arena, &source, "iss", &names.map(|name| json!(name)))
        },
    ),
    // CVE-2025-59936 (get-jwks).
    edge_scene(
        "advisory-13",
        "another issuer publishes the same key id, in both orders",
        Expected::Refused(&[SignatureInvalid]),
        |arena| Box::pin(same_kid(arena)),
    ),
    edge_scene(
        "advisory-13-kinds",
        "the same key id for another kind of key",
        Expected::Refused(&[AlgorithmRefused]),
        |arena| Box::pin(same_kid_other_kind(arena)),
    ),
    edge_scene(
        "advisory-13-joined",
        "names and key ids that are equal once they are joined",
        Expected::Refused(&[SignatureInvalid]),
        |arena| Box::pin(joined(arena)),
    ),
    // CVE-2026-23552 and CAMEL-24448 (Camel-Keycloak).
    edge_scene(
        "advisory-19",
        "one key for two realms: no realm, a third one, the other's path",
        Expected::Refused(&[ClaimMissing, IssuerUntrusted, TenantMismatch]),
        |arena| Box::pin(two_realms(arena)),
    ),
    edge_scene(
        "advisory-16-redirect",
        "a key server that sends the edge inside",
        Expected::Refused(&[KeysUnavailable]),
        |arena| Box::pin(redirected(arena)),
    ),
    scene(
        "advisory-16-build",
        Hop::Build,
        "an issuer whose keys would be asked for inside",
        Expected::Word(REFUSED),
        |_| {
            Box::pin(async {
                let keys = |name: &str| Profile::RFC9068.keys(&KeySettings::of(name));
                let inside = [
                    "https://169.254.169.254",
                    "https://127.0.0.1",
                    "https://[::1]",
                    "https://localhost",
                    "https://10.0.0.1",
                    "https://192.168.1.1/realms/acme",
                    "https://[fd00::1]",
                    "http://id.example",
                    "https://id.example@169.254.169.254",
                    "https://id.example/../x",
                ];
                let got = inside.map(|name| match keys(name) {
                    Ok(_) => format!("{name} would be asked"),
                    Err(_) => REFUSED.into(),
                });
                Ok(Finding {
                    got: got.into(),
                    twin_ok: ["https://id.example", "https://id.example/realms/acme"]
                        .into_iter()
                        .all(|name| keys(name).is_ok()),
                })
            })
        },
    ),
    scene(
        "advisory-13-build",
        Hop::Build,
        "two issuers that one name could mean",
        Expected::Word(REFUSED),
        |_| {
            Box::pin(async {
                let one = Signer::es256("one")?;
                let server = KeyServer::publishing(&[&one]).await?;
                let named = |alias: &str, name: &str| -> Result<_, Failure> {
                    let issuer = server.issuer(alias, "acme", nimble())?;
                    // What is looked at is the names alone.
                    Ok(issuer.named(name).danger_open_to_every_tenant())
                };
                let built = |first: &str, second: &str| -> Result<bool, Failure> {
                    let issuers = [
                        named("one", first)?.build()?,
                        named("two", second)?.build()?,
                    ];
                    Ok(Issuers::new(issuers, super::annex::trust()).is_ok())
                };
                let both = [
                    ("https://id.example", "https://id.example"),
                    ("https://id.example/{tid}", "https://id.example/acme"),
                ];
                let mut got = BTreeSet::new();
                for (first, second) in both {
                    got.insert(match built(first, second)? {
                        true => format!("{second} was built twice"),
                        false => REFUSED.into(),
                    });
                }
                Ok(Finding {
                    got,
                    twin_ok: built("https://id.example/a", "https://id.example/b")?,
                })
            })
        },
    ),
];

/// Two issuers with one key id, whose keys come in one order and then in the other.
async fn same_kid(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let (one, two) = (Signer::es256("shared")?, Signer::es256("shared")?);
    let (first, second) = (
        KeyServer::publishing(&[&one]).await?,
        KeyServer::publishing(&[&two]).await?,
    );
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    for (n, order) in [["one", "two"], ["two", "one"]].into_iter().enumerate() {
        let issuers = several([
            first.issuer("one", "acme", RefreshPolicy::new())?,
            second.issuer("two", "globex", RefreshPolicy::new())?,
        ])?;
        for alias in order {
            let issuer = issuers.by_alias(alias).ok_or("it was built")?;
            issuer.keys().load().await?;
        }
        let annex = arena.annex(issuers).await?;
        for (signer, alias, tenant) in [(&two, "one", "acme"), (&one, "two", "globex")] {
            let token = signer.token(ACCESS_TOKEN, &claims_of(alias))?;
            let call = arena.at(&annex, tenant, &token);
            got.insert(
                arena
                    .edge_refusal(&call, &format!("advisory-13-{n}-{alias}"))
                    .await,
            );
        }
        for (signer, alias, tenant) in [(&one, "one", "acme"), (&two, "two", "globex")] {
            let token = signer.token(ACCESS_TOKEN, &claims_of(alias))?;
            let call = arena.at(&annex, tenant, &token);
            let id = format!("advisory-13-{n}-{alias}-twin");
            twin_ok &= arena.is_served(&call, &id, tenant).await;
        }
    }
    Ok(Finding { got, twin_ok })
}

async fn same_kid_other_kind(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let (one, two) = (Signer::es256("shared")?, Signer::ed25519("shared")?);
    let (first, second) = (
        KeyServer::publishing(&[&one]).await?,
        KeyServer::publishing(&[&two]).await?,
    );
    let annex = arena
        .annex(several([
            first.issuer("one", "acme", RefreshPolicy::new())?,
            second.issuer("two", "globex", RefreshPolicy::new())?,
        ])?)
        .await?;
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    for (own, other, alias, tenant) in [(&one, &two, "one", "acme"), (&two, &one, "two", "globex")]
    {
        let claims = claims_of(alias);
        let call = arena.at(&annex, tenant, &own.token(ACCESS_TOKEN, &claims)?);
        let id = format!("advisory-13-kinds-{alias}");
        twin_ok &= arena.is_served(&call, &format!("{id}-twin"), tenant).await;
        let call = call.bearing(&other.token(ACCESS_TOKEN, &claims)?);
        got.insert(arena.edge_refusal(&call, &id).await);
    }
    Ok(Finding { got, twin_ok })
}

/// `…/x` with key `y/z`, and `…/x/y` with key `z`.
async fn joined(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let (one, two) = (Signer::es256("y/z")?, Signer::es256("z")?);
    let (first, second) = (
        KeyServer::publishing(&[&one]).await?,
        KeyServer::publishing(&[&two]).await?,
    );
    let (short, long) = ("https://id.demo.internal/x", "https://id.demo.internal/x/y");
    let annex = arena
        .annex(several([
            first.issuer("short", "acme", nimble())?.named(short),
            second.issuer("long", "globex", nimble())?.named(long),
        ])?)
        .await?;
    let token = |signer: &Signer, kid: &str, issuer: &str| {
        let mut claims = claims_of("short");
        change(&mut claims, "/iss", Some(json!(issuer)));
        signer.named(kid).token(ACCESS_TOKEN, &claims)
    };
    let honest = [
        (token(&one, "y/z", short)?, "acme"),
        (token(&two, "z", long)?, "globex"),
    ];
    let mut twin_ok = true;
    for (token, tenant) in &honest {
        let call = arena.at(&annex, tenant, token);
        let id = format!("advisory-13-joined-{tenant}");
        twin_ok &= arena.is_served(&call, &id, tenant).await;
    }
    let forged = [
        (token(&two, "y/z", short)?, "acme"),
        (token(&one, "z", long)?, "globex"),
    ];
    let mut got = BTreeSet::new();
    for (n, (token, tenant)) in forged.iter().enumerate() {
        let call = arena.at(&annex, tenant, token);
        got.insert(
            arena
                .edge_refusal(&call, &format!("advisory-13-joined-{n}"))
                .await,
        );
    }
    Ok(Finding { got, twin_ok })
}

async fn two_realms(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let key = Signer::es256("of-both")?;
    let server = KeyServer::publishing(&[&key]).await?;
    let annex = arena
        .annex(several([
            server.issuer("realm-a", "acme", nimble())?,
            server.issuer("realm-b", "globex", nimble())?,
        ])?)
        .await?;
    let mut got = BTreeSet::new();
    let mut twin_ok = true;
    for (realm, own, other) in [("realm-a", "acme", "globex"), ("realm-b", "globex", "acme")] {
        let honest = key.token(ACCESS_TOKEN, &claims_of(realm))?;
        let id = format!("advisory-19-{realm}");
        let call = arena.at(&annex, own, &honest);
        twin_ok &= arena.is_served(&call, &format!("{id}-twin"), own).await;
        let elsewhere = arena.at(&annex, other, &honest);
        got.insert(arena.edge_refusal(&elsewhere, &format!("{id}-other")).await);
        for (n, issuer) in [None, Some(json!(name_of("realm-c")))]
            .into_iter()
            .enumerate()
        {
            let mut claims = claims_of(realm);
            change(&mut claims, "/iss", issuer);
            let call = arena.at(&annex, own, &key.token(ACCESS_TOKEN, &claims)?);
            got.insert(arena.edge_refusal(&call, &format!("{id}-{n}")).await);
        }
    }
    Ok(Finding { got, twin_ok })
}

/// What is there would be the attacker's keys.
async fn redirected(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let canary = Canary::new().await?;
    let key = Signer::es256("attacker")?;
    let server = KeyServer::publishing(&[&key]).await?;
    let elsewhere = KeyServer::publishing(&[&key]).await?;
    let annex = arena
        .annex(several([server.issuer("moved", "acme", nimble())?])?)
        .await?;
    let call = arena.at(
        &annex,
        "acme",
        &key.token(ACCESS_TOKEN, &claims_of("moved"))?,
    );
    let mut got = BTreeSet::new();
    for status in [301, 302, 303, 307, 308] {
        server.say(StatusCode::from_u16(status)?, canary.url());
        cool_down().await;
        got.insert(
            arena
                .edge_refusal(&call, &format!("advisory-16-redirect-{status}"))
                .await,
        );
    }
    server.say(StatusCode::FOUND, elsewhere.url());
    cool_down().await;
    got.insert(arena.edge_refusal(&call, "advisory-16-redirect-keys").await);
    if elsewhere.fetches() > 0 {
        got.insert("keys were fetched from elsewhere".into());
    }
    got.extend(canary.found());
    server.say(StatusCode::OK, jwks(&[&key])?);
    cool_down().await;
    let twin_ok = arena
        .is_served(&call, "advisory-16-redirect-twin", "acme")
        .await;
    Ok(Finding {
        got,
        twin_ok: twin_ok && canary.is_awake().await,
    })
}
