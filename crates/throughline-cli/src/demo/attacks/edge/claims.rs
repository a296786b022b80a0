//! Claims of another type than they have: CVE-2026-25537 (jsonwebtoken), and what it left open.

use serde_json::{Value, json};
use throughline::Reason::{AudienceMismatch, ClaimInvalid, ClaimMissing};

use super::super::{Attack, Pair};
use super::{at_each, claiming, edge, no_texts, saying, sources};
use crate::demo::idp::AUDIENCE;

pub(super) const ATTACKS: [Attack; 16] = [
    edge(
        "advisory-5-iss",
        "`iss` as another type, also a list with a good entry",
        &[ClaimInvalid],
        |arena| {
            let mut values = no_texts();
            values.push(json!([crate::demo::idp::ISSUER]));
            claiming(arena, "iss", &values)
        },
    ),
    edge(
        "advisory-5-sub",
        "`sub` as another type, empty, or endless",
        &[ClaimInvalid],
        |arena| {
            let mut values = no_texts();
            values.extend([json!(""), json!("a".repeat(300)), json!("ada\u{0}")]);
            claiming(arena, "sub", &values)
        },
    ),
    edge(
        "advisory-5-aud",
        "`aud` as another type, or a list with one",
        &[ClaimInvalid],
        |arena| {
            let values = [
                json!(null),
                json!(7),
                json!(true),
                json!({}),
                json!([AUDIENCE, 7]),
                json!([[AUDIENCE]]),
                json!([null]),
            ];
            claiming(arena, "aud", &values)
        },
    ),
    edge(
        "advisory-5-exp",
        "`exp` as another type, or out of all time",
        &[ClaimInvalid],
        |arena| claiming(arena, "exp", &no_times()),
    ),
    edge(
        "advisory-5-nbf",
        "`nbf` as another type, or out of all time",
        &[ClaimInvalid],
        |arena| claiming(arena, "nbf", &no_times()),
    ),
    edge(
        "advisory-5-iat",
        "`iat` as another type, or out of all time",
        &[ClaimInvalid],
        |arena| claiming(arena, "iat", &no_times()),
    ),
    edge(
        "advisory-5-client",
        "`client_id` as another type: it tells machines from people",
        &[ClaimInvalid],
        |arena| {
            let mut values = no_texts();
            values.push(json!(""));
            claiming(arena, "client_id", &values)
        },
    ),
    edge(
        "advisory-5-scope",
        "`scope` as another type",
        &[ClaimInvalid],
        |arena| {
            let values = [
                json!(null),
                json!(7),
                json!(true),
                json!({}),
                json!(["orders.read", 7]),
                json!(["orders.read payments.create"]),
            ];
            claiming(arena, "scope", &values)
        },
    ),
    edge(
        "advisory-5-session",
        "`sid` as another type",
        &[ClaimInvalid],
        |arena| claiming(arena, "sid", &no_texts()),
    ),
    edge(
        "advisory-5-authentication",
        "how and when somebody signed in, as other types",
        &[ClaimInvalid],
        |arena| {
            let mut pair = claiming(arena, "auth_time", &no_times())?;
            for (name, values) in [
                ("acr", no_texts()),
                (
                    "amr",
                    vec![json!(null), json!("pwd"), json!({}), json!([7])],
                ),
            ] {
                pair.attacks.extend(claiming(arena, name, &values)?.attacks);
            }
            Ok(pair)
        },
    ),
    edge(
        "auth-future",
        "a sign-in that lies ahead, and stays recent",
        &[ClaimInvalid],
        |arena| {
            let [source, ..] = sources(arena);
            let later = now(&source.claims) + 3600;
            claiming(arena, "auth_time", &[json!(later)])
        },
    ),
    edge(
        "claims-needed",
        "a claim that is always there, and is not",
        &[ClaimMissing],
        |arena| {
            let needed: [&[&str]; 3] = [
                &["iss", "aud", "sub", "client_id", "iat", "jti", "exp", "org"],
                &["iss", "sub", "iat", "exp", "sid", "org_id"],
                &["iss", "aud", "sub", "client_id", "iat", "jti", "exp"],
            ];
            let mut pair = Pair {
                attacks: Vec::new(),
                twins: Vec::new(),
            };
            for (source, needed) in sources(arena).iter().zip(needed) {
                for name in needed {
                    let claims = source.with(&[(&format!("/{name}"), None)]);
                    let call = source.call(arena, &source.sign(&claims)?);
                    pair.attacks.push(call);
                }
                let honest = source.call(arena, &source.honest()?);
                pair.twins.push((honest, source.tenant));
            }
            Ok(pair)
        },
    ),
    edge(
        "claims-twice-each",
        "claims that stand twice, at any depth",
        &[ClaimInvalid],
        |arena| {
            at_each(arena, |source| {
                let (header, claims) = (source.header().to_string(), source.claims.to_string());
                let twice = |more: &str| {
                    let claims = claims.replacen('{', &format!("{{{more},"), 1);
                    source.signer.sign(&header, &claims)
                };
                let more = [
                    r#""sub":"gus""#,
                    r#""s\u0075b":"gus""#,
                    r#""iss":"https://attacker.example""#,
                    r#""x":{"a":1,"a":2}"#,
                    r#""x":[{"a":1,"a":2}]"#,
                ];
                more.into_iter().map(twice).collect()
            })
        },
    ),
    edge(
        "claims-deep",
        "claims that are nested without end",
        &[ClaimInvalid],
        |arena| {
            at_each(arena, |source| {
                let (header, claims) = (source.header().to_string(), source.claims.to_string());
                let nested = |open: &str, close: &str| {
                    let deep = format!("{}1{}", open.repeat(400), close.repeat(400));
                    let claims = claims.replacen('{', &format!("{{\"x\":{deep},"), 1);
                    source.signer.sign(&header, &claims)
                };
                Ok(vec![nested("[", "]")?, nested("{\"x\":", "}")?])
            })
        },
    ),
    // T5: the guides of vendors verify the issuer alone.
    edge(
        "T5",
        "a credential for another resource, or for none in particular",
        &[AudienceMismatch, ClaimMissing],
        |arena| {
            let [idp, _, hooli] = sources(arena);
            let others = [
                json!("https://mcp.demo.internal"),
                json!(["https://mcp.demo.internal", "https://api.demo"]),
                json!(format!("{AUDIENCE}/")),
                json!(format!("{AUDIENCE}.attacker.example")),
                json!(AUDIENCE.to_uppercase()),
                json!([]),
                json!(""),
                json!([""]),
            ];
            let mut pair = saying(arena, &idp, "aud", &others)?;
            let more = saying(arena, &hooli, "aud", &others)?;
            pair.attacks.extend(more.attacks);
            pair.twins.extend(more.twins);
            for source in [&idp, &hooli] {
                let silent = source.sign(&source.with(&[("/aud", None)]))?;
                pair.attacks.push(source.call(arena, &silent));
            }
            // One of several is enough, as it was meant for us too.
            let both = json!(["https://mcp.demo.internal", AUDIENCE]);
            let token = idp.sign(&idp.with(&[("/aud", Some(both))]))?;
            pair.twins.push((idp.call(arena, &token), "acme"));
            Ok(pair)
        },
    ),
    edge(
        "advisory-21-absent",
        "an audience, at an issuer whose sessions have none",
        &[AudienceMismatch],
        |arena| {
            let [_, workos, _] = sources(arena);
            let values = [
                json!(crate::demo::workos::CLIENT),
                json!(AUDIENCE),
                json!(""),
                json!([]),
            ];
            saying(arena, &workos, "aud", &values)
        },
    ),
];

/// What no point in time is.
fn no_times() -> Vec<Value> {
    vec![
        json!(null),
        json!("1"),
        json!(true),
        json!([1]),
        json!({}),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        // Milliseconds.
        json!(4_102_444_800_000_u64),
    ]
}

fn now(claims: &Value) -> u64 {
    claims
        .get("iat")
        .and_then(Value::as_u64)
        .unwrap_or_default()
}
