//! Header, signature and claims.

use serde_json::{Value, json};
use throughline_testing::vectors::Vector;

use super::super::{Case, ISSUER, NOW};
use super::{Change, changed};

pub(super) fn add(vectors: &mut Vec<Vector>) {
    headers(vectors);
    encodings(vectors);
    payloads(vectors);
    claims(vectors);
    times(vectors);
    principals(vectors);
    freshness(vectors);
}

fn headers(vectors: &mut Vec<Vector>) {
    for member in [
        "b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip",
    ] {
        let case = changed(&|case| case.header[member] = Value::Null);
        vectors.push(case.refused(
            format!("a member {member} in the header"),
            "context_malformed",
            None,
        ));
    }
    for (member, wrong) in [
        ("alg", json!(7)),
        ("kid", json!(7)),
        ("kid", json!(null)),
        ("typ", json!(["txntoken+jwt"])),
    ] {
        let name = format!("{member} is {wrong}");
        let case = changed(&|case| case.header[member] = wrong.clone());
        vectors.push(case.refused(name, "context_malformed", None));
    }
    for (member, reason) in [("alg", "context_malformed"), ("typ", "type_refused")] {
        let case = changed(&|case| drop(case.header.as_object_mut().unwrap().remove(member)));
        vectors.push(case.refused(format!("no {member}"), reason, None));
    }
    for typ in ["JWT", "txntoken+jwt ", "text/txntoken+jwt", ""] {
        let case = changed(&|case| case.header["typ"] = typ.into());
        vectors.push(case.refused(format!("the type {typ:?}"), "type_refused", None));
    }
    for alg in ["none", "eddsa", "HS256", ""] {
        let case = changed(&|case| case.header["alg"] = alg.into());
        vectors.push(case.refused(format!("the algorithm {alg:?}"), "algorithm_refused", None));
    }
    let case = changed(&|case| case.header["kid"] = "".into());
    vectors.push(case.refused("an empty key id", "key_unknown", None));
    let case = changed(&|case| case.header["x-note"] = "harmless".into());
    vectors.push(case.accepted("a header member nobody knows"));
    for (name, header) in [
        ("is a list", r#"["EdDSA","txntoken+jwt","main"]"#),
        ("is a text", r#""EdDSA""#),
        ("is no json", "alg=EdDSA"),
        ("is empty", ""),
        (
            "has a member twice",
            r#"{"typ":"txntoken+jwt","alg":"EdDSA","kid":"main","kid":"main"}"#,
        ),
        (
            "has a number that is none",
            r#"{"typ":"txntoken+jwt","alg":"EdDSA","kid":"main","x":NaN}"#,
        ),
    ] {
        let case = changed(&|case| case.header_text = Some(header.into()));
        vectors.push(case.refused(format!("a header that {name}"), "context_malformed", None));
    }
}

/// What is changed here was signed before, so only the spelling can be the reason.
fn encodings(vectors: &mut Vec<Vector>) {
    let mut add = |name: &str, reason: &str, change: fn(String) -> String| {
        let case = changed(&|case| case.after_signing.push(change));
        vectors.push(case.refused(name, reason, None));
    };
    add("a padded signature", "context_malformed", |token| {
        token + "=="
    });
    add("a letter that is none", "context_malformed", |token| {
        token.replacen('.', ".!", 1)
    });
    add("standard base64", "context_malformed", |token| {
        token.replacen('.', ".+", 1)
    });
    add(
        "spare bits in the signature",
        "context_malformed",
        |token| respelt(&token),
    );
    add("a signature that goes on", "signature_invalid", |token| {
        token + "AA"
    });
    add("a letter too many", "context_malformed", |token| {
        token + "AAA"
    });
    add("two parts", "context_malformed", |token| {
        token.rsplit_once('.').unwrap().0.into()
    });
    add("no signature", "context_truncated", |token| {
        token.rsplit_once('.').unwrap().0.to_owned() + "."
    });
    add("spare bits in the header", "context_malformed", |token| {
        // `A` more: the length of a part is never one more than a multiple of four.
        token.replacen('.', "A.", 1)
    });
}

/// The last letter with its lowest bit set: 64 bytes leave four bits of it unused.
fn respelt(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 1);
    let next = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        "w" => "x",
        other => panic!("{other} has spare bits"),
    };
    format!("{rest}{next}")
}

fn payloads(vectors: &mut Vec<Vector>) {
    let honest = Case::good().claims.to_string();
    let nested = |depth: usize| {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        honest.replacen('{', &format!(r#"{{"x":{value},"#), 1)
    };
    let with = |member: &str| honest.replacen('{', &format!("{{{member},"), 1);
    for (name, payload) in [
        ("a list", "[]".to_owned()),
        ("a text", r#""claims""#.to_owned()),
        ("no json", "claims".to_owned()),
        ("nothing", String::new()),
        ("claims with text behind them", honest.clone() + "{}"),
        ("claims with a number that is none", with(r#""x":NaN"#)),
        ("claims with a number too large", with(r#""x":1e999"#)),
        ("claims with half a character", with(r#""x":"\ud800""#)),
        ("claims 33 levels deep", nested(32)),
        (
            "claims with an escaped name again",
            with(r#""sc\u006fpe":"a""#),
        ),
        (
            "claims with a member twice inside",
            with(r#""x":[{"a":1,"a":1}]"#),
        ),
    ] {
        let case = changed(&|case| case.payload = Some(payload.clone()));
        vectors.push(case.refused(format!("a payload of {name}"), "claim_invalid", None));
    }
    let mut deep = Case::good();
    deep.payload = Some(nested(31));
    vectors.push(deep.accepted("claims 32 levels deep"));
}

fn claims(vectors: &mut Vec<Vector>) {
    let mut add = |name: &str, reason: &str, place: Option<&str>, change: Change<'_>| {
        vectors.push(changed(change).refused(name, reason, place));
    };
    add("no issuer", "claim_missing", Some("claim `iss`"), &|case| {
        drop(case.claims.as_object_mut().unwrap().remove("iss"));
    });
    add("the issuer in a list", "claim_invalid", None, &|case| {
        case.claims["iss"] = json!([ISSUER])
    });
    for list in [
        json!([]),
        json!(["prod.example", "prod.example"]),
        json!(["staging.example"]),
    ] {
        let name = format!("the audience {list}");
        add(&name, "audience_mismatch", Some("claim `aud`"), &|case| {
            case.claims["aud"] = list.clone()
        });
    }
    add(
        "the audience in a list with a number",
        "claim_invalid",
        None,
        &|case| {
            case.claims["aud"] = json!(["prod.example", 7]);
        },
    );
    add(
        "an unknown kind",
        "claim_invalid",
        Some("claim `tctx.kind`"),
        &|case| {
            case.claims["tctx"]["kind"] = "admin".into();
        },
    );
    add("nbf is null", "claim_invalid", None, &|case| {
        case.claims["nbf"] = Value::Null
    });
    add(
        "a session that is a number",
        "claim_invalid",
        None,
        &|case| case.claims["rctx"]["sid"] = 7.into(),
    );
    add(
        "a promise that is no list",
        "claim_invalid",
        None,
        &|case| {
            case.claims["tctx"]["proj"] = "tenant@baggage:copy.tenant".into();
        },
    );
    add("tctx as a list", "claim_invalid", None, &|case| {
        case.claims["tctx"] = json!(["user", "acme"])
    });
}

fn times(vectors: &mut Vec<Vector>) {
    for (name, claim, value, reason) in [
        (
            "exp in the second of iat",
            "exp",
            json!(NOW - 10),
            "claim_invalid",
        ),
        ("exp before iat", "exp", json!(NOW - 11), "claim_invalid"),
        (
            "iat in milliseconds",
            "iat",
            json!((NOW - 10) * 1_000),
            "claim_invalid",
        ),
        (
            "iat in the last second",
            "iat",
            json!(253_402_300_799_u64),
            "context_not_yet_valid",
        ),
        (
            "iat behind the last second",
            "iat",
            json!(253_402_300_800_u64),
            "claim_invalid",
        ),
        ("nbf before 1970", "nbf", json!(-1), "claim_invalid"),
        ("exp in 1970", "exp", json!(0), "context_expired"),
        (
            "exp a fraction before the skew",
            "exp",
            json!((NOW - 30) as f64 + 0.5),
            "context_expired",
        ),
    ] {
        let case = changed(&|case| case.claims[claim] = value.clone());
        let place = format!("claim `{claim}`");
        vectors.push(case.refused(name, reason, Some(&place)));
    }
    let case = changed(&|case| case.claims["rctx"]["as_of"] = 0.into());
    vectors.push(case.refused(
        "as of 1970",
        "lifetime_excessive",
        Some("claim `rctx.as_of`"),
    ));
    let case = changed(&|case| case.claims["nbf"] = (NOW + 30).into());
    vectors.push(case.accepted("valid by a clock that is ahead"));
    let case = changed(&|case| case.claims["rctx"]["as_of"] = (NOW - 3_630).into());
    vectors.push(case.accepted("the oldest chain"));
    let case = changed(&|case| case.claims["rctx"]["as_of"] = (NOW - 10).into());
    vectors.push(case.accepted("as of the second of iat"));
}

fn principals(vectors: &mut Vec<Vector>) {
    let named = |tenant: &str, subject: &str, sub: &str| {
        let mut case = Case::for_service("plain");
        case.claims["tctx"]["tenant"] = tenant.into();
        case.claims["tctx"]["sub"] = subject.into();
        case.claims["sub"] = sub.into();
        case
    };
    let longest = "a".repeat(128);
    for (tenant, subject, sub) in [
        ("acme", "a/b ü", "okta/acme/a%2Fb%20%C3%BC"),
        ("a:b", "ada", "okta/a%3Ab/ada"),
        ("A.b_c~d-e", "a~d_a", "okta/A.b_c~d-e/a~d_a"),
        (&longest, "ada", &format!("okta/{longest}/ada")),
    ] {
        let name = format!("the principal {} of {} bytes", subject, sub.len());
        vectors.push(named(tenant, subject, sub).accepted(&name));
    }
    for (subject, sub) in [
        ("a/b", "okta/acme/a%2fb"),
        ("a/b", "okta/acme/a/b"),
        ("ada", "okta/acme/%61da"),
        ("ada", "acme/ada"),
        ("a b", "okta/acme/a+b"),
    ] {
        let name = format!("the principal {subject} as {sub}");
        vectors.push(named("acme", subject, sub).refused(
            name,
            "claim_invalid",
            Some("claim `sub`"),
        ));
    }
    for (tenant, name) in [
        ("a".repeat(129).as_str(), "of 129 bytes"),
        ("", "of none"),
        ("é", "beyond ascii"),
        ("a/b", "with a slash"),
        ("a\n", "with a line end"),
    ] {
        let case = named(tenant, "ada", "okta/acme/ada");
        vectors.push(case.refused(
            format!("a tenant {name}"),
            "tenant_invalid",
            Some("claim `tctx.tenant`"),
        ));
    }
    let mut platform = Case::for_service("plain");
    platform.claims["tctx"] = json!({"kind": "platform", "idp": "okta", "sub": "cron"});
    platform.claims["sub"] = "okta//cron".into();
    vectors.push(platform.accepted("work of the platform"));
    platform.claims["tctx"]["tenant"] = "acme".into();
    platform.claims["sub"] = "okta/acme/cron".into();
    vectors.push(platform.refused(
        "work of the platform with a tenant",
        "claim_invalid",
        Some("claim `tctx.tenant`"),
    ));
}

fn freshness(vectors: &mut Vec<Vector>) {
    let eve = |as_of: u64| {
        changed(&|case| {
            case.claims["tctx"]["sub"] = "eve".into();
            case.claims["sub"] = "okta/acme/eve".into();
            case.claims["rctx"]["as_of"] = as_of.into();
        })
    };
    vectors.push(eve(NOW - 30).refused("a principal that was revoked", "revoked", None));
    vectors.push(eve(NOW - 29).accepted("a principal that was revoked before"));
    let of = |tenant: &'static str, sid: &'static str, as_of: u64| {
        changed(&|case| {
            case.of_tenant(tenant);
            case.claims["rctx"]["sid"] = sid.into();
            case.claims["rctx"]["as_of"] = as_of.into();
        })
    };
    vectors
        .push(of("globex", "ended", NOW - 40).accepted("a session of another tenant that ended"));
    vectors.push(of("hooli", "open", NOW - 30).refused(
        "a tenant that was revoked",
        "revoked",
        None,
    ));
    vectors.push(of("hooli", "open", NOW - 29).accepted("a tenant that was revoked before"));
    let at = |now: u64| {
        changed(&|case| {
            case.now = now;
            case.claims["iat"] = (NOW - 100).into();
            case.claims["rctx"]["as_of"] = (NOW - 100).into();
        })
    };
    // The feed is complete to five seconds before.
    vectors.push(at(NOW + 55).accepted("a feed as late as allowed"));
    vectors.push(at(NOW + 56).refused("a feed that is too late", "freshness_unknown", None));
    vectors.push(at(NOW - 65).accepted("a feed as early as allowed"));
    vectors.push(at(NOW - 66).refused("a feed that is too early", "freshness_unknown", None));
}
