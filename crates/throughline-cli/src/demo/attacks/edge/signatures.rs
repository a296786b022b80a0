//! Signatures that a careless verifier takes.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline::Reason::{AlgorithmRefused, ContextTruncated, KeyUnknown, SignatureInvalid};

use super::super::arena::Arena;
use super::super::{Attack, Expected, Finding, Pair};
use super::annex::{self, KeyServer};
use super::{Source, at_each, edge, edge_scene, sources};
use crate::demo::net::Failure;
use crate::demo::roster::ADA_OF_GLOBEX;
use crate::demo::signer::{Signer, unsigned};
use crate::demo::{idp, workos};

pub(super) const ATTACKS: [Attack; 15] = [
    // CVE-2022-29217 (PyJWT), CVE-2026-34950 (fast-jwt), CVE-2026-22817 (Hono).
    edge(
        "advisory-3-es256",
        "a MAC over the text of an ES256 key",
        &[AlgorithmRefused],
        |arena| maced(arena, 0),
    ),
    edge(
        "advisory-3-rs256",
        "a MAC over the text of an RS256 key",
        &[AlgorithmRefused],
        |arena| maced(arena, 1),
    ),
    edge(
        "advisory-3-eddsa",
        "a MAC over the text of an EdDSA key",
        &[AlgorithmRefused],
        |arena| maced(arena, 2),
    ),
    // CVE-2026-44699 (LibJWT).
    edge(
        "advisory-2",
        "a MAC with an empty key",
        &[AlgorithmRefused],
        |arena| {
            at_each(arena, |source| {
                let algorithms = ["HS256", "HS384", "HS512"];
                let tokens = algorithms.map(|algorithm| mac(source, algorithm, b""));
                tokens.into_iter().collect()
            })
        },
    ),
    edge_scene(
        "advisory-1",
        "a key without `alg`: another RSA scheme, and a MAC over it",
        Expected::Refused(&[AlgorithmRefused]),
        |arena| Box::pin(without_alg(arena)),
    ),
    edge(
        "alg-swap",
        "the right key, and another algorithm's name",
        &[AlgorithmRefused],
        |arena| {
            at_each(arena, |source| {
                let own = source.signer.algorithm();
                let names = [
                    "ES256", "RS256", "EdDSA", "RS384", "RS512", "PS256", "ES384", "es256",
                    "rs256", "eddsa", "NONE", "None", "",
                ];
                let others = names.into_iter().filter(|name| *name != own);
                others.map(|name| named(source, name)).collect()
            })
        },
    ),
    edge(
        "alg-none-each",
        "`none`, with no signature, a signature, or any bytes",
        &[AlgorithmRefused],
        |arena| {
            at_each(arena, |source| {
                let mut header = source.header();
                super::change(&mut header, "/alg", Some(json!("none")));
                let text = unsigned(&header.to_string(), &source.claims.to_string());
                let honest = source.honest()?;
                let signature = honest.rsplit('.').next().unwrap_or_default();
                let ends = ["", signature, "AAAA"];
                Ok(ends.map(|end| format!("{text}.{end}")).into())
            })
        },
    ),
    // CVE-2022-21449 (Java).
    edge(
        "advisory-9",
        "signatures of nothing but zeros, ones, or all bits",
        &[SignatureInvalid],
        |arena| {
            at_each(arena, |source| {
                let length = signature_of(&source.honest()?)?.len();
                let fills = [0x00, 0x01, 0xff];
                let tokens = fills.map(|byte| resigned(&source.honest()?, &vec![byte; length]));
                tokens.into_iter().collect()
            })
        },
    ),
    edge(
        "flipped-edge",
        "a signature with one bit changed",
        &[SignatureInvalid],
        |arena| {
            at_each(arena, |source| {
                let honest = source.honest()?;
                let signature = signature_of(&honest)?;
                let flip = |at: usize| {
                    let mut changed = signature.clone();
                    if let Some(byte) = changed.get_mut(at) {
                        *byte ^= 1;
                    }
                    resigned(&honest, &changed)
                };
                // None of them makes an RSA signature larger than its modulus.
                [8, signature.len() / 2, signature.len() - 1]
                    .map(flip)
                    .into_iter()
                    .collect()
            })
        },
    ),
    edge(
        "cut-edge",
        "a credential that was cut on the way",
        &[ContextTruncated],
        |arena| {
            at_each(arena, |source| {
                let honest = source.honest()?;
                let signature = signature_of(&honest)?;
                let kept = [0, 1, signature.len() / 2, signature.len() - 1];
                let cut =
                    |length: usize| resigned(&honest, signature.get(..length).unwrap_or_default());
                kept.map(cut).into_iter().collect()
            })
        },
    ),
    // CVE-2026-35030 (LiteLLM), GHSA-rp9m-7r4c-75qg (fast-jwt).
    edge(
        "advisory-22",
        "a forged signature on claims that were accepted before",
        &[SignatureInvalid],
        |arena| {
            at_each(arena, |source| {
                let known = source.honest()?;
                let other = source.sign(&source.with(&[("/pad", Some(json!("x")))]))?;
                Ok(vec![resigned(&known, &signature_of(&other)?)?])
            })
        },
    ),
    edge(
        "advisory-22-long",
        "two credentials that share their first and last kilobyte",
        &[SignatureInvalid],
        |arena| {
            let signer = arena.system.idp.signer();
            let padded = |org: &str| {
                let mut claims = idp::Idp::claims(ADA_OF_GLOBEX);
                // By name, one stands before everything else and one behind.
                for (pointer, value) in [
                    ("/a", "x".repeat(1024)),
                    ("/z", "x".repeat(1024)),
                    ("/org", org.to_owned()),
                    ("/sid", "s-desk".to_owned()),
                    ("/jti", "one".to_owned()),
                ] {
                    super::change(&mut claims, pointer, Some(json!(value)));
                }
                signer.token(idp::ACCESS_TOKEN, &claims)
            };
            let (acme, globex) = (padded("acme")?, padded("globex")?);
            let call = |token: &str, tenant: &str| {
                arena
                    .edge_bearing(token)
                    .target(format!("/t/{tenant}/orders"))
            };
            let mixed = [
                resigned(&globex, &signature_of(&acme)?)?,
                resigned(&acme, &signature_of(&globex)?)?,
            ];
            let attacks = mixed
                .iter()
                .flat_map(|token| ["acme", "globex"].map(|tenant| call(token, tenant)));
            Ok(Pair {
                attacks: attacks.collect(),
                twins: vec![
                    (call(&acme, "acme"), "acme"),
                    (call(&globex, "globex"), "globex"),
                ],
            })
        },
    ),
    edge(
        "claims-swapped",
        "the claims of one credential under the signature of another",
        &[SignatureInvalid],
        |arena| {
            at_each(arena, |source| {
                let wider = [("/scope", Some(json!("orders.read payments.create")))];
                let wanted = source.sign(&source.with(&wider))?;
                Ok(vec![resigned(&wanted, &signature_of(&source.honest()?)?)?])
            })
        },
    ),
    edge(
        "other-issuer",
        "claims of one issuer, signed by another one of the edge",
        &[KeyUnknown],
        |arena| {
            let all = sources(arena);
            at_each(arena, |source| {
                let others = all
                    .iter()
                    .filter(|other| other.signer.kid() != source.signer.kid());
                others
                    .map(|other| other.signer.token(source.typ, &source.claims))
                    .collect()
            })
        },
    ),
    edge(
        "other-environment",
        "a session signed in another environment of one vendor",
        &[KeyUnknown, SignatureInvalid],
        |arena| {
            let partners = arena.system.workos.partners();
            let own = arena.system.workos.signer();
            let claims = workos::session(workos::ADA, workos::ORG_ACME);
            let attacks = [
                partners.token("JWT", &claims)?,
                partners.named(own.kid()).token("JWT", &claims)?,
            ];
            let attacks = attacks.map(|token| arena.edge_bearing(&token));
            let honest = arena.edge_bearing(&own.token("JWT", &claims)?);
            Ok(Pair::several(attacks, honest))
        },
    ),
];

/// A token whose header names another algorithm, and that is signed with the key all the same.
fn named(source: &Source, algorithm: &str) -> Result<String, Failure> {
    let mut header = source.header();
    super::change(&mut header, "/alg", Some(json!(algorithm)));
    source
        .signer
        .sign(&header.to_string(), &source.claims.to_string())
}

/// A token that is not signed, but has a MAC with this secret.
fn mac(source: &Source, algorithm: &str, secret: &[u8]) -> Result<String, Failure> {
    let hash = match algorithm {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let mut header = source.header();
    super::change(&mut header, "/alg", Some(json!(algorithm)));
    let text = unsigned(&header.to_string(), &source.claims.to_string());
    let tag = hmac::sign(&hmac::Key::new(hash, secret), text.as_bytes());
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())))
}

/// What is public of a key, in every form in which it lies about.
fn texts(signer: &Signer) -> Result<Vec<String>, Failure> {
    let (jwk, pem) = (signer.public_jwk()?, signer.public_pem()?);
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(vec![
        jwk.to_string(),
        json!({"keys": [jwk]}).to_string(),
        pem.clone(),
        pem.trim_end().to_owned(),
        format!(" {pem}"),
        format!("{}{}{}", member("x"), member("y"), member("n")),
    ])
}

fn maced(arena: &Arena<'_>, which: usize) -> Result<Pair, Failure> {
    let source = sources(arena).into_iter().nth(which);
    let source = source.ok_or("there is no such issuer")?;
    let mut attacks = Vec::new();
    for text in texts(&source.signer)? {
        for algorithm in ["HS256", "HS512"] {
            let token = mac(&source, algorithm, text.as_bytes())?;
            attacks.push(source.call(arena, &token));
        }
    }
    let honest = source.call(arena, &source.honest()?);
    Ok(Pair {
        attacks,
        twins: vec![(honest, source.tenant)],
    })
}

/// Microsoft Entra and OneLogin publish keys that do not say what they are for.
async fn without_alg(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let [_, source, _] = sources(arena);
    let mut jwk = source.signer.public_jwk()?;
    super::change(&mut jwk, "/alg", None);
    let server = KeyServer::publishing(&[]).await?;
    server.say(http::StatusCode::OK, json!({"keys": [jwk]}).to_string());
    let issuer = throughline_identity::Issuer::builder(
        "bare-keys",
        throughline_identity::Profile::WORKOS_AUTHKIT,
    )
    .named(workos::ISSUER)
    .with_keys(server.keys()?)
    .with_audience(throughline_identity::Audience::none())
    .with_tenancy(throughline_identity::Tenancy::one(
        throughline_core::Tenant::new("acme")?,
    ));
    let annex = arena.annex(annex::several([issuer])?).await?;
    let call = |token: &str| arena.at(&annex, "acme", token);
    let twin_ok = arena
        .is_served(&call(&source.honest()?), "advisory-1-twin", "acme")
        .await;
    let mut tokens = vec![
        named(&source, "RS512")?,
        named(&source, "RS384")?,
        named(&source, "PS256")?,
    ];
    for text in [jwk.to_string(), source.signer.public_pem()?] {
        tokens.push(mac(&source, "HS256", text.as_bytes())?);
    }
    let mut got = std::collections::BTreeSet::new();
    for (n, token) in tokens.iter().enumerate() {
        got.insert(
            arena
                .edge_refusal(&call(token), &format!("advisory-1-{n}"))
                .await,
        );
    }
    Ok(Finding { got, twin_ok })
}

fn signature_of(token: &str) -> Result<Vec<u8>, Failure> {
    let text = token.rsplit('.').next().unwrap_or_default();
    Ok(URL_SAFE_NO_PAD.decode(text)?)
}

/// The token under other bytes for a signature.
fn resigned(token: &str, signature: &[u8]) -> Result<String, Failure> {
    let (signed, _) = token.rsplit_once('.').ok_or("it is no token")?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
