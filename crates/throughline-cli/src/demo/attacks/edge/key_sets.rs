//! Key sets that changed, are none, or hold what no token may be verified with.

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use throughline::Reason::{KeyUnknown, KeysUnavailable};

use super::super::arena::{Arena, change};
use super::super::{Attack, Expected, Finding};
use super::annex::{KeyServer, claims_of, cool_down, jwks, nimble, several};
use super::edge_scene;
use crate::demo::idp::ACCESS_TOKEN;
use crate::demo::net::{Failure, Server};
use crate::demo::signer::{Signer, unsigned};

pub(super) const ATTACKS: [Attack; 6] = [
    // GHSA-675f-rq2r-jw82 (jwkset).
    edge_scene(
        "advisory-14",
        "a credential of a key that its issuer took back",
        Expected::Refused(&[KeyUnknown]),
        |arena| Box::pin(taken_back(arena)),
    ),
    // CVE-2026-31837 (Istio).
    edge_scene(
        "advisory-15",
        "keys that never came: an error page, half a set, none",
        Expected::Refused(&[KeysUnavailable]),
        |arena| Box::pin(never_came(arena)),
    ),
    edge_scene(
        "keys-symmetric",
        "a key set that publishes a secret, and a MAC with it",
        Expected::Refused(&[KeyUnknown]),
        |arena| {
            Box::pin(async move {
                let room = Room::open(arena).await?;
                let secret = b"a secret that everybody can read, 32 bytes";
                let oct = json!({"kty": "oct", "alg": "HS256", "use": "sig", "kid": "mac",
                    "k": URL_SAFE_NO_PAD.encode(secret)});
                room.publish(&[&room.key.public_jwk()?, &oct]).await;
                let header = json!({"typ": ACCESS_TOKEN, "alg": "HS256", "kid": "mac"});
                let text = unsigned(&header.to_string(), &claims_of(ALIAS).to_string());
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
                let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
                room.judge(arena, "keys-symmetric", &[token]).await
            })
        },
    ),
    edge_scene(
        "keys-other-use",
        "a signature by a key for encryption, or for other operations",
        Expected::Refused(&[KeyUnknown]),
        |arena| {
            Box::pin(async move {
                let room = Room::open(arena).await?;
                let other = Signer::es256("other")?;
                let mut got = BTreeSet::new();
                let mut twin_ok = true;
                for (n, (member, value)) in [
                    ("/use", json!("enc")),
                    ("/use", json!("jwt-svid")),
                    ("/use", json!(5)),
                    ("/key_ops", json!(["sign"])),
                    ("/crv", json!("P-384")),
                    ("/alg", json!("ES384")),
                ]
                .into_iter()
                .enumerate()
                {
                    let mut jwk = other.public_jwk()?;
                    change(&mut jwk, member, Some(value));
                    room.publish(&[&room.key.public_jwk()?, &jwk]).await;
                    let token = other.token(ACCESS_TOKEN, &claims_of(ALIAS))?;
                    let found = room
                        .judge(arena, &format!("keys-other-use-{n}"), &[token])
                        .await?;
                    got.extend(found.got);
                    twin_ok &= found.twin_ok;
                }
                Ok(Finding { got, twin_ok })
            })
        },
    ),
    edge_scene(
        "keys-twice",
        "two different keys under one name: neither is believed",
        Expected::Refused(&[KeyUnknown]),
        |arena| {
            Box::pin(async move {
                let room = Room::open(arena).await?;
                let (one, two) = (Signer::es256("twice")?, Signer::es256("twice")?);
                let (first, second) = (one.public_jwk()?, two.public_jwk()?);
                room.publish(&[&first, &room.key.public_jwk()?, &second])
                    .await;
                let claims = claims_of(ALIAS);
                let tokens = [
                    one.token(ACCESS_TOKEN, &claims)?,
                    two.token(ACCESS_TOKEN, &claims)?,
                ];
                room.judge(arena, "keys-twice", &tokens).await
            })
        },
    ),
    edge_scene(
        "keys-private",
        "a key whose private half is published along with it",
        Expected::Refused(&[KeyUnknown]),
        |arena| {
            Box::pin(async move {
                let room = Room::open(arena).await?;
                let leaked = Signer::ed25519("leaked")?;
                let mut jwk = leaked.public_jwk()?;
                let half = URL_SAFE_NO_PAD.encode([7; 32]);
                change(&mut jwk, "/d", Some(json!(half)));
                room.publish(&[&room.key.public_jwk()?, &jwk]).await;
                let token = leaked.token(ACCESS_TOKEN, &claims_of(ALIAS))?;
                room.judge(arena, "keys-private", &[token]).await
            })
        },
    ),
];

const ALIAS: &str = "changing";

/// An issuer that publishes what it is told to, and an edge that trusts it.
struct Room {
    key: Signer,
    server: KeyServer,
    annex: Server,
}

impl Room {
    async fn open(arena: &Arena<'_>) -> Result<Self, Failure> {
        let key = Signer::es256("good")?;
        let server = KeyServer::publishing(&[&key]).await?;
        let issuers = several([server.issuer(ALIAS, "acme", nimble())?])?;
        let annex = arena.annex(issuers).await?;
        Ok(Self { key, server, annex })
    }

    /// Known to the edge with the next key that is not.
    async fn publish(&self, jwks: &[&Value]) {
        self.server
            .say(StatusCode::OK, json!({"keys": jwks}).to_string());
        cool_down().await;
    }

    /// What becomes of these tokens, beside one of the good key in the same set.
    async fn judge(
        &self,
        arena: &Arena<'_>,
        id: &str,
        tokens: &[String],
    ) -> Result<Finding, Failure> {
        let mut got = BTreeSet::new();
        for (n, token) in tokens.iter().enumerate() {
            let call = arena.at(&self.annex, "acme", token);
            got.insert(arena.edge_refusal(&call, &format!("{id}-{n}")).await);
        }
        let honest = self.key.token(ACCESS_TOKEN, &claims_of(ALIAS))?;
        let call = arena.at(&self.annex, "acme", &honest);
        Ok(Finding {
            got,
            twin_ok: arena.is_served(&call, &format!("{id}-twin"), "acme").await,
        })
    }
}

/// Also one that was accepted before, whose identity lies at hand.
async fn taken_back(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let room = Room::open(arena).await?;
    let next = Signer::es256("next")?;
    let call = |signer: &Signer| -> Result<_, Failure> {
        let token = signer.token(ACCESS_TOKEN, &claims_of(ALIAS))?;
        Ok(arena.at(&room.annex, "acme", &token))
    };
    let (old, new) = (call(&room.key)?, call(&next)?);
    let mut twin_ok = arena.is_served(&old, "advisory-14-before", "acme").await;
    room.publish(&[&next.public_jwk()?]).await;
    // The first token of the new key has the set fetched.
    twin_ok &= arena.is_served(&new, "advisory-14-new", "acme").await;
    let mut got = BTreeSet::new();
    got.insert(arena.edge_refusal(&old, "advisory-14-known").await);
    got.insert(
        arena
            .edge_refusal(&call(&room.key)?, "advisory-14-fresh")
            .await,
    );
    twin_ok &= arena.is_served(&new, "advisory-14-after", "acme").await;
    Ok(Finding { got, twin_ok })
}

async fn never_came(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let room = Room::open(arena).await?;
    let call = arena.at(
        &room.annex,
        "acme",
        &room.key.token(ACCESS_TOKEN, &claims_of(ALIAS))?,
    );
    let good = jwks(&[&room.key])?;
    let half = good.get(..good.len() / 2).unwrap_or_default();
    let twice = good.replacen('{', "{\"keys\":[],", 1);
    let answers = [
        (200, "<html><body>502 Bad Gateway</body></html>"),
        (200, ""),
        (200, half),
        (200, &twice),
        (404, &good),
        (500, &good),
        (200, "{}"),
        (200, r#"{"keys":[]}"#),
        (200, r#"{"keys":[{"kty":"AKP","kid":"good"}]}"#),
    ];
    let mut got = BTreeSet::new();
    for (n, (status, text)) in answers.into_iter().enumerate() {
        room.server.say(StatusCode::from_u16(status)?, text);
        cool_down().await;
        got.insert(arena.edge_refusal(&call, &format!("advisory-15-{n}")).await);
    }
    room.server.say(StatusCode::OK, good.as_str());
    cool_down().await;
    Ok(Finding {
        got,
        twin_ok: arena.is_served(&call, "advisory-15-twin", "acme").await,
    })
}
