//! Tokens that a trusted key signed, and that say something they must not say.

use serde_json::{Value, json};
use throughline::Reason::{
    AudienceMismatch, ClaimInvalid, ClaimMissing, IssuerUntrusted, TenantInvalid, TenantMismatch,
    TypeRefused,
};
use throughline::SystemClock;
use throughline_core::time::Clock as _;
use throughline_core::{Draft, Principal};

use super::arena::TYP;
use super::{Attack, Hop, Pair, pair};
use crate::demo::roster::{ADA_OF_ACME, PROVIDER};
use crate::demo::{idp, tokens};

pub(super) const ATTACKS: [Attack; 14] = [
    pair(
        "X6",
        Hop::Orders,
        "tokens of other kinds, signed with the trusted key",
        &[TypeRefused],
        |arena| {
            let call = arena.orders();
            let typed = |typ: Value| arena.under_header(&[("/typ", typ)]);
            let kinds = [
                "at+jwt",
                "JWT",
                "txn_token",
                "throughline-context+jwt",
                "throughline-seal+jwt",
                "",
            ];
            let mut attacks = Vec::new();
            for kind in kinds {
                attacks.push(call.clone().token(typed(json!(kind))?));
            }
            let mut untyped = arena.header();
            super::arena::change(&mut untyped, "/typ", None);
            let claims = arena.claims(ADA_OF_ACME)?.to_string();
            let untyped = arena.system.forge.sign(&untyped.to_string(), &claims)?;
            attacks.push(call.clone().token(untyped));
            // RFC 7515 §4.1.9: the type is a media type, whose prefix and case do not matter.
            let twins = vec![
                (call.clone().token(typed(json!(TYP))?), "acme"),
                (
                    call.token(typed(json!("application/TxnToken+JWT"))?),
                    "acme",
                ),
            ];
            Ok(Pair { attacks, twins })
        },
    ),
    pair(
        "X6-access",
        Hop::Orders,
        "a user's access token where a context belongs",
        &[TypeRefused],
        |arena| {
            let call = arena.orders();
            let access = arena.system.idp.token(ADA_OF_ACME)?;
            Ok(Pair::new(call.clone().token(access), call))
        },
    ),
    pair(
        "X7",
        Hop::Orders,
        "the circumstances under a name that nobody reads",
        &[ClaimMissing],
        |arena| {
            let mut claims = arena.claims(ADA_OF_ACME)?;
            let honest = arena.sign(&claims)?;
            let circumstances = claims.get("rctx").cloned();
            super::arena::change(&mut claims, "/req_ctx", circumstances);
            super::arena::change(&mut claims, "/rctx", None);
            let call = arena.orders();
            Ok(Pair::new(
                call.clone().token(arena.sign(&claims)?),
                call.token(honest),
            ))
        },
    ),
    pair(
        "X8",
        Hop::Orders,
        "each required claim left out in turn",
        &[ClaimMissing],
        |arena| {
            let call = arena.orders();
            let required = [
                "/iss",
                "/aud",
                "/iat",
                "/exp",
                "/txn",
                "/sub",
                "/scope",
                "/req_wl",
                "/tctx",
                "/tctx/kind",
                "/tctx/tenant",
                "/tctx/idp",
                "/tctx/sub",
                "/rctx",
                "/rctx/as_of",
            ];
            let mut attacks = Vec::new();
            for claim in required {
                attacks.push(call.clone().token(arena.acme_without(claim)?));
            }
            // What may be left out changes nothing.
            let optional = arena.acme_without("/rctx/sid")?;
            Ok(Pair::several(attacks, call.token(optional)))
        },
    ),
    pair(
        "X8-issuer",
        Hop::Orders,
        "the trusted key vouches for another issuer",
        &[IssuerUntrusted],
        |arena| {
            let call = arena.orders();
            let issued_by = |issuer: &str| arena.acme_with(&[("/iss", json!(issuer))]);
            let own = crate::demo::tokens::ISSUER;
            let attacks = [
                call.clone().token(issued_by(idp::ISSUER)?),
                call.clone().token(issued_by(&format!("{own}/"))?),
                call.clone().token(issued_by(&own.to_uppercase())?),
                call.clone().token(issued_by(own.trim_end_matches('l'))?),
            ];
            Ok(Pair::several(attacks, call.token(issued_by(own)?)))
        },
    ),
    pair(
        "audience",
        Hop::Orders,
        "a context for another trust domain, or for several",
        &[AudienceMismatch],
        |arena| {
            let call = arena.orders();
            let own = crate::demo::tokens::DOMAIN;
            let meant = |audience: Value| arena.acme_with(&[("/aud", audience)]);
            let attacks = [
                call.clone().token(meant(json!("other.internal"))?),
                call.clone().token(meant(json!(""))?),
                call.clone().token(meant(json!([]))?),
                call.clone().token(meant(json!([own, "other.internal"]))?),
            ];
            Ok(Pair::several(attacks, call.token(meant(json!(own))?)))
        },
    ),
    pair(
        "X10",
        Hop::Orders,
        "no tenant in the context, one in a header",
        &[ClaimMissing],
        |arena| {
            let call = arena.orders().add("x-tenant-id", "acme");
            let silent = arena.acme_without("/tctx/tenant")?;
            let speaking = arena.acme_with(&[])?;
            Ok(Pair::new(call.clone().token(silent), call.token(speaking)))
        },
    ),
    pair(
        "X19",
        Hop::Orders,
        "an unreadable tenant in the context, a good one in a header",
        &[ClaimInvalid],
        |arena| {
            let call = arena.orders().add("x-tenant-id", "acme");
            let saying = |tenant: Value| arena.acme_with(&[("/tctx/tenant", tenant)]);
            let unreadable = [
                json!(7),
                json!(["acme"]),
                json!({"id": "acme"}),
                json!(null),
            ];
            let mut attacks = Vec::new();
            for tenant in unreadable {
                attacks.push(call.clone().token(saying(tenant)?));
            }
            Ok(Pair::several(attacks, call.token(saying(json!("acme"))?)))
        },
    ),
    pair(
        "tenant-grammar",
        Hop::Orders,
        "a tenant that is empty, default-like or a path",
        &[TenantInvalid],
        |arena| {
            let call = arena.orders();
            let saying = |tenant: &str| arena.acme_with(&[("/tctx/tenant", json!(tenant))]);
            let mut attacks = Vec::new();
            for tenant in [
                "",
                " ",
                "-",
                "../acme",
                "acme,globex",
                "acme\u{0}",
                "äcme",
                "*",
            ] {
                attacks.push(call.clone().token(saying(tenant)?));
            }
            Ok(Pair::several(attacks, call.token(saying("acme")?)))
        },
    ),
    pair(
        "sub-parts",
        Hop::Orders,
        "a composed subject that its parts contradict",
        &[ClaimInvalid],
        |arena| {
            let call = arena.orders();
            let saying = |sub: &str| arena.acme_with(&[("/sub", json!(sub))]);
            let attacks = [
                call.clone().token(saying("demo-idp/globex/ada")?),
                call.clone().token(saying("ada")?),
                call.clone().token(saying("demo-idp/acme/%61da")?),
            ];
            Ok(Pair::several(
                attacks,
                call.token(saying("demo-idp/acme/ada")?),
            ))
        },
    ),
    pair(
        "claims-twice",
        Hop::Orders,
        "a claim that occurs twice, for two kinds of parser",
        &[ClaimInvalid],
        |arena| {
            let honest = arena.claims(ADA_OF_ACME)?.to_string();
            let twice = |claim: &str, more: &str| {
                arena.sign_text(&honest.replacen(claim, &format!("{more},{claim}"), 1))
            };
            let call = arena.orders();
            let tenant = r#""tenant":"acme""#;
            let attacks = [
                call.clone().token(twice(tenant, r#""tenant":"globex""#)?),
                call.clone()
                    .token(twice(tenant, r#""ten\u0061nt":"globex""#)?),
                call.clone().token(twice(tenant, tenant)?),
                call.clone()
                    .token(twice(r#""aud":"#, r#""aud":"other.internal""#)?),
                call.clone().token(twice(r#""rctx":"#, r#""rctx":{}"#)?),
            ];
            Ok(Pair::several(
                attacks,
                call.token(arena.sign_text(&honest)?),
            ))
        },
    ),
    pair(
        "C1",
        Hop::Orders,
        "one user name in two tenants, against the token cache",
        &[TenantMismatch],
        |arena| {
            let acme = arena.orders();
            let globex = acme
                .clone()
                .target("/t/globex/orders")
                .token(arena.globex());
            let attacks = [
                acme.clone().token(arena.globex()),
                globex.clone().token(arena.acme()),
            ];
            // Served first, so that both are in the cache when they are swapped.
            Ok(Pair {
                attacks: attacks.into(),
                twins: vec![(acme, "acme"), (globex, "globex")],
            })
        },
    ),
    pair(
        "platform",
        Hop::Orders,
        "platform work, which has no tenant, on a tenant's route",
        &[ClaimMissing],
        |arena| {
            let now = SystemClock.now();
            let cron = Principal::platform(PROVIDER, "cron")?;
            let platform = arena.system.issuer.mint(Draft::platform(cron, now)?)?;
            let user = Draft::user(ADA_OF_ACME.principal()?, now)?;
            let user = arena.system.issuer.mint(tokens::with_copies(user)?)?;
            let call = arena.orders();
            Ok(Pair::new(call.clone().token(platform), call.token(user)))
        },
    ),
    pair(
        "kind",
        Hop::Orders,
        "a tenant's user who claims to be the platform",
        &[ClaimInvalid],
        |arena| {
            let call = arena.orders();
            let of_kind = |kind: &str| arena.acme_with(&[("/tctx/kind", json!(kind))]);
            let attacks = [
                call.clone().token(of_kind("platform")?),
                call.clone().token(of_kind("admin")?),
            ];
            Ok(Pair::several(attacks, call.token(of_kind("user")?)))
        },
    ),
];
