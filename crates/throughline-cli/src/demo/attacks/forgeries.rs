//! Tokens that no trusted key signed, however they are dressed up.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use throughline::Reason::{
    AlgorithmRefused, ContextMalformed, ContextOversized, KeyUnknown, SignatureInvalid,
};
use tokio::net::TcpListener;

use super::arena::{Arena, TYP};
use super::{Attack, Expected, Finding, Hop, Pair, pair, scene};
use crate::demo::net::Failure;
use crate::demo::roster::{ADA_OF_ACME, ADA_OF_GLOBEX};
use crate::demo::signer::{Signer, unsigned};

/// Signs with the public key as if it were a shared secret.
fn hmac_signed(header: &str, claims: &str, secret: &[u8]) -> String {
    let text = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The public key in every spelling that somebody took for a secret (CVE-2022-29217).
fn spellings(jwk: &Value) -> Vec<Vec<u8>> {
    let raw = jwk.get("x").and_then(Value::as_str).unwrap_or_default();
    let raw = URL_SAFE_NO_PAD.decode(raw).unwrap_or_default();
    // RFC 8410 §4: an Ed25519 key as SubjectPublicKeyInfo.
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend(&raw);
    let body = STANDARD.encode(der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    vec![
        raw,
        pem.into_bytes(),
        jwk.to_string().into_bytes(),
        Vec::new(),
    ]
}

fn under(arena: &Arena<'_>, changes: &[(&str, Value)]) -> Result<(String, String), Failure> {
    let mut header = arena.header();
    for (pointer, value) in changes {
        super::arena::change(&mut header, pointer, Some(value.clone()));
    }
    Ok((header.to_string(), arena.claims(ADA_OF_ACME)?.to_string()))
}

pub(super) const ATTACKS: [Attack; 11] = [
    pair(
        "alg-none",
        Hop::Orders,
        "`alg` is `none`, in any spelling",
        &[AlgorithmRefused],
        |arena| {
            let call = arena.orders();
            let mut attacks = Vec::new();
            for name in ["none", "None", "NONE", "nOnE", ""] {
                let (header, claims) = under(arena, &[("/alg", json!(name))])?;
                attacks.push(call.clone().token(unsigned(&header, &claims) + "."));
                // With a signature that would be good under the true name.
                attacks.push(
                    call.clone()
                        .token(arena.under_header(&[("/alg", json!(name))])?),
                );
            }
            Ok(Pair::several(attacks, call.token(arena.under_header(&[])?)))
        },
    ),
    pair(
        "alg-hmac",
        Hop::Orders,
        "`alg` is `HS256`, with the public key as the secret",
        &[AlgorithmRefused],
        |arena| {
            let call = arena.orders();
            let (header, claims) = under(arena, &[("/alg", json!("HS256"))])?;
            let secrets = spellings(&arena.system.forge.public_jwk()?);
            let attacks = secrets
                .iter()
                .map(|secret| call.clone().token(hmac_signed(&header, &claims, secret)));
            Ok(Pair::several(
                attacks,
                call.clone().token(arena.under_header(&[])?),
            ))
        },
    ),
    pair(
        "crit",
        Hop::Orders,
        "header members that change what the token means",
        &[ContextMalformed],
        |arena| {
            let call = arena.orders();
            let members = [
                ("/crit", json!(["exp"])),
                ("/crit", json!([])),
                ("/b64", json!(false)),
                ("/zip", json!("DEF")),
                ("/enc", json!("A128GCM")),
                ("/cty", json!("JWT")),
                ("/x5u", json!("https://attacker.example/x5u")),
            ];
            let mut attacks = Vec::new();
            for member in members {
                attacks.push(call.clone().token(arena.under_header(&[member])?));
            }
            Ok(Pair::several(attacks, call.token(arena.under_header(&[])?)))
        },
    ),
    pair(
        "own-key",
        Hop::Orders,
        "the token brings its own key along",
        &[ContextMalformed],
        |arena| {
            let own = Signer::es256("own")?;
            let mut header = own.header(TYP);
            super::arena::change(&mut header, "/jwk", Some(own.public_jwk()?));
            let claims = arena.claims(ADA_OF_ACME)?.to_string();
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().token(own.sign(&header.to_string(), &claims)?),
                call,
            ))
        },
    ),
    scene(
        "key-url",
        Hop::Orders,
        "the token says where its key is to be fetched",
        Expected::Refused(&[ContextMalformed]),
        |arena| {
            Box::pin(async move {
                let canary = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
                let url = format!("http://{}/jwks.json", canary.local_addr()?);
                let call = arena.orders();
                let token = arena.under_header(&[("/jku", json!(url))])?;
                let position = Hop::Orders.position();
                let mut got = arena
                    .refusal(&call.clone().token(token), "key-url", position)
                    .await;
                let visit = std::time::Duration::from_millis(20);
                if tokio::time::timeout(visit, canary.accept()).await.is_ok() {
                    got.push_str(", and the address was visited");
                }
                Ok(Finding {
                    got: [got].into(),
                    twin_ok: arena.is_served(&call, "key-url-twin", "acme").await,
                })
            })
        },
    ),
    pair(
        "kid",
        Hop::Orders,
        "a key id that is a path, a query or nobody's",
        &[KeyUnknown],
        |arena| {
            let call = arena.orders();
            let mut attacks = Vec::new();
            for kid in ["../../../dev/null", "x' OR '1'='1", "kid\u{0}", "", "idp-1"] {
                attacks.push(
                    call.clone()
                        .token(arena.under_header(&[("/kid", json!(kid))])?),
                );
            }
            Ok(Pair::several(attacks, call.token(arena.under_header(&[])?)))
        },
    ),
    pair(
        "forged",
        Hop::Orders,
        "the trusted key's name, another key's signature",
        &[SignatureInvalid],
        |arena| {
            let (_, stranger) = crate::demo::tokens::issuer()?;
            let (header, claims) = under(arena, &[])?;
            let call = arena.orders();
            let forged = stranger.sign(&header, &claims)?;
            let honest = arena.system.forge.sign(&header, &claims)?;
            Ok(Pair::new(call.clone().token(forged), call.token(honest)))
        },
    ),
    pair(
        "C2",
        Hop::Orders,
        "a long prefix in common with a token in the cache",
        &[SignatureInvalid],
        |arena| {
            let token = arena.acme();
            let (front, signature) = token.rsplit_once('.').unwrap_or_default();
            // The last character keeps its spare bits, so that it is the end and not the form.
            let turned: String = signature.chars().rev().skip(1).collect();
            let last = signature.chars().last().unwrap_or_default();
            let call = arena.orders();
            let attacks = [
                call.clone().token(format!("{front}.{turned}{last}")),
                call.clone().token(swap_payload(arena, token)?),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    pair(
        "dots",
        Hop::Orders,
        "a flood of dots, or parts too many and too few",
        &[ContextMalformed, ContextOversized],
        |arena| {
            let call = arena.orders();
            let token = arena.acme();
            let front = token.rsplit_once('.').map_or(token, |(front, _)| front);
            let attacks = [
                call.clone().token(".".repeat(5_000)),
                call.clone().token(".".repeat(200_000)),
                call.clone().token(format!("{token}.")),
                call.clone().token(format!("{token}.e30.e30")),
                call.clone().token(front),
                call.clone().token(".."),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    pair(
        "spelling",
        Hop::Orders,
        "padding, blanks and spare bits: one token, two spellings",
        &[ContextMalformed],
        |arena| {
            let call = arena.orders();
            let token = arena.acme();
            let (header, rest) = token.split_once('.').unwrap_or_default();
            let attacks = [
                call.clone().token(format!("{token}==")),
                call.clone().token(format!("{header}=.{rest}")),
                call.clone().token(format!("{header} .{rest}")),
                call.clone().token(format!("{header}\t.{rest}")),
                call.clone().token(format!("Bearer {token}")),
                call.clone().token(format!("\"{token}\"")),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    pair(
        "idp-key",
        Hop::Orders,
        "a context signed with the identity provider's key",
        &[KeyUnknown],
        |arena| {
            let idp = arena.system.idp.signer();
            let claims = arena.claims(ADA_OF_ACME)?.to_string();
            let call = arena.orders();
            let foreign = idp.sign(&idp.header(TYP).to_string(), &claims)?;
            let own = arena
                .system
                .forge
                .sign(&arena.header().to_string(), &claims)?;
            Ok(Pair::new(call.clone().token(foreign), call.token(own)))
        },
    ),
];

/// The other tenant's claims between an accepted header and an accepted signature.
fn swap_payload(arena: &Arena<'_>, token: &str) -> Result<String, Failure> {
    let mut parts = token.split('.');
    let (header, signature) = (parts.next(), parts.next_back());
    let claims = arena.claims(ADA_OF_GLOBEX)?.to_string();
    Ok(format!(
        "{}.{}.{}",
        header.unwrap_or_default(),
        URL_SAFE_NO_PAD.encode(claims),
        signature.unwrap_or_default()
    ))
}
