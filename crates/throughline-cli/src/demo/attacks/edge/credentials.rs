//! Places where a credential may be, may not be, or is twice.

use throughline::Reason::{ContextAmbiguous, ContextMalformed, ContextMissing, ContextOversized};

use super::super::arena::Arena;
use super::super::wire::Call;
use super::super::{Attack, Hop, Pair, harmless};
use super::edge;
use crate::demo::edge::SESSION_COOKIE;
use crate::demo::idp::Idp;
use crate::demo::net::Failure;
use crate::demo::roster::{ADA_OF_ACME, ADA_OF_GLOBEX};

pub(super) const ATTACKS: [Attack; 9] = [
    edge(
        "cookie-and-bearer",
        "a cookie beside a bearer credential, equal or not",
        &[ContextAmbiguous],
        |arena| {
            let (own, other) = tokens(arena)?;
            let call = arena.edge_bearing(&own);
            let attacks = [
                call.clone().add("cookie", cookie(&other)),
                call.clone().add("cookie", cookie(&own)),
                call.clone().add("cookie", cookie("x")),
                arena.edge_bearing(&other).add("cookie", cookie(&own)),
            ];
            let mut pair = Pair::several(attacks, call.add("cookie", "theme=dark"));
            pair.twins.push((in_cookie(arena, &cookie(&own))?, "acme"));
            Ok(pair)
        },
    ),
    edge(
        "cookie-twice",
        "two cookies of one name, of which one is somebody else's",
        &[ContextAmbiguous],
        |arena| {
            let (own, other) = tokens(arena)?;
            let (own, other) = (cookie(&own), cookie(&other));
            let attacks = [
                in_cookie(arena, &format!("{own}; {other}"))?,
                in_cookie(arena, &format!("{other}; {own}"))?,
                in_cookie(arena, &format!("{own};{own}"))?,
                in_cookie(arena, &own)?.add("cookie", &other),
                in_cookie(arena, &other)?.add("cookie", &own),
            ];
            Ok(Pair::several(attacks, in_cookie(arena, &own)?))
        },
    ),
    edge(
        "cookie-forms",
        "a cookie that cannot be a credential",
        &[ContextMalformed],
        |arena| {
            let (own, _) = tokens(arena)?;
            let forms = [
                String::new(),
                "\"\"".into(),
                format!("{own},{own}"),
                format!("{own} {own}"),
                format!("\"{own}"),
                "%65%79".into(),
            ];
            let mut attacks = Vec::new();
            for form in forms {
                attacks.push(in_cookie(arena, &cookie(&form))?);
            }
            let quoted = in_cookie(arena, &cookie(&format!("\"{own}\"")))?;
            Ok(Pair::several(attacks, quoted))
        },
    ),
    edge(
        "cookie-names",
        "a cookie with almost the right name",
        &[ContextMissing],
        |arena| {
            let (own, _) = tokens(arena)?;
            let names = [
                "Demo_Session",
                "demo-session",
                "demo_session2",
                "xdemo_session",
                "__Host-demo_session",
                "token",
            ];
            let mut attacks = Vec::new();
            for name in names {
                attacks.push(in_cookie(arena, &format!("{name}={own}"))?);
            }
            Ok(Pair::several(attacks, in_cookie(arena, &cookie(&own))?))
        },
    ),
    edge(
        "scheme-other",
        "a credential of another scheme",
        &[ContextMissing],
        |arena| {
            let (own, _) = tokens(arena)?;
            let call = arena.edge_bearing(&own);
            let attacks = [
                call.clone().set("authorization", "Basic YWRhOmFkYQ=="),
                call.clone().set("authorization", format!("DPoP {own}")),
                call.clone().set("authorization", format!("Token {own}")),
                call.clone().set("authorization", format!("BearerX {own}")),
            ];
            let lower = call.clone().set("authorization", format!("bearer {own}"));
            let mut pair = Pair::several(attacks, call);
            pair.twins.push((lower, "acme"));
            Ok(pair)
        },
    ),
    edge(
        "bearer-forms",
        "a bearer credential that is a list, or has blanks in it",
        &[ContextMalformed],
        |arena| {
            let (own, other) = tokens(arena)?;
            let call = arena.edge_bearing(&own);
            let forms = [
                format!("Bearer {own}, {other}"),
                format!("Bearer {own},{other}"),
                format!("Bearer {own}, Bearer {other}"),
                format!("Bearer {own} {other}"),
                format!("Bearer \"{own}\""),
                format!("Bearer\t{own}"),
                "Bearer ,".into(),
            ];
            let attacks = forms.map(|form| call.clone().set("authorization", form));
            Ok(Pair::several(attacks, call))
        },
    ),
    edge(
        "bearer-places",
        "a credential in a place of another kind",
        &[ContextMissing],
        |arena| {
            let (own, _) = tokens(arena)?;
            let call = arena.edge_bearing(&own);
            let bare = call.clone().without("authorization");
            let value = format!("Bearer {own}");
            let target = format!("/t/acme/orders?access_token={own}");
            let attacks = [
                bare.clone().target(target),
                bare.clone().add("proxy-authorization", &value),
                bare.clone().add("x-authorization", &value),
                bare.clone().add("x-forwarded-authorization", &value),
                bare.clone().add("x-access-token", &own),
                bare.clone()
                    .add("sec-websocket-protocol", format!("bearer, {own}")),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    edge(
        "bearer-long",
        "a credential that is longer than any is",
        &[ContextOversized],
        |arena| {
            let signed = |length: usize| -> Result<_, Failure> {
                let mut claims = Idp::claims(ADA_OF_ACME);
                let pad = serde_json::json!("x".repeat(length));
                super::change(&mut claims, "/pad", Some(pad));
                arena.edge_with(&claims)
            };
            Ok(Pair::new(signed(16 * 1024)?, signed(8 * 1024)?))
        },
    ),
    // Whoever is behind could act as the user towards everybody who takes that credential.
    harmless(
        "credential-behind",
        Hop::Edge,
        "the credential itself travels on to services behind",
        |arena| {
            let (own, _) = tokens(arena)?;
            let opaque = arena.system.idp.opaque(Idp::answer(ADA_OF_ACME))?;
            let key = arena
                .system
                .sources
                .api_keys
                .issue("key_01BEHIND", "acme")?;
            let attacks = [
                arena.edge_bearing(&own),
                arena.edge_bearing(&opaque),
                arena.edge_bearing(&key),
                in_cookie(arena, &cookie(&own))?,
                in_cookie(arena, &format!("a=b; {}; c=d", cookie(&own)))?,
                in_cookie(arena, "a=b")?.add("cookie", cookie(&own)),
            ];
            Ok(Pair::several(attacks, arena.edge()?))
        },
    ),
];

/// Honest credentials of acme and of globex.
fn tokens(arena: &Arena<'_>) -> Result<(String, String), Failure> {
    let idp = &arena.system.idp;
    Ok((idp.token(ADA_OF_ACME)?, idp.token(ADA_OF_GLOBEX)?))
}

fn cookie(credential: &str) -> String {
    format!("{SESSION_COOKIE}={credential}")
}

/// A call of a browser, with these cookies.
fn in_cookie(arena: &Arena<'_>, cookies: &str) -> Result<Call, Failure> {
    let call = arena.edge()?.without("authorization");
    Ok(call.set("cookie", cookies))
}
