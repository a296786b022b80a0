//! The edge: what strangers bring along, and access tokens that are not worth a context.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline::Reason::{
    AlgorithmRefused, AudienceMismatch, ClaimInvalid, ClaimMissing, ContextAmbiguous,
    ContextExpired, ContextMalformed, ContextMissing, ContextStripped, IssuerUntrusted, KeyUnknown,
    SignatureInvalid, TenantMismatch, TypeRefused,
};

use super::arena::{Arena, change};
use super::wire::Call;
use super::{Attack, Hop, Pair, harmless, pair};
use crate::demo::idp::{self, Idp};
use crate::demo::net::Failure;
use crate::demo::roster::ADA_OF_ACME;
use crate::demo::signer::{Signer, unsigned};

/// A call whose access token says something else.
fn claiming(arena: &Arena<'_>, pointer: &str, value: Option<Value>) -> Result<Call, Failure> {
    let mut claims = Idp::claims(ADA_OF_ACME);
    change(&mut claims, pointer, value);
    arena.edge_with(&claims)
}

/// A call whose access token has a changed header, signed with the provider's key.
fn headed(arena: &Arena<'_>, pointer: &str, value: Option<Value>) -> Result<Call, Failure> {
    let signer = arena.system.idp.signer();
    let mut header = signer.header(idp::ACCESS_TOKEN);
    change(&mut header, pointer, value);
    let claims = Idp::claims(ADA_OF_ACME).to_string();
    Ok(arena.edge_bearing(&signer.sign(&header.to_string(), &claims)?))
}

pub(super) const ATTACKS: [Attack; 21] = [
    pair(
        "no-bearer",
        Hop::Edge,
        "nobody at the door",
        &[ContextMissing],
        |arena| {
            let call = arena.edge()?;
            Ok(Pair::new(call.clone().without("authorization"), call))
        },
    ),
    pair(
        "two-bearers",
        Hop::Edge,
        "two credentials, for two kinds of proxy",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.edge()?;
            let again = format!("Bearer {}", arena.system.idp.token(ADA_OF_ACME)?);
            Ok(Pair::new(call.clone().add("authorization", again), call))
        },
    ),
    pair(
        "T1-edge",
        Hop::Edge,
        "an access token of one tenant on the path of another",
        &[TenantMismatch],
        |arena| {
            let call = arena.edge()?;
            Ok(Pair::new(call.clone().target("/t/globex/orders"), call))
        },
    ),
    pair(
        "H1-edge",
        Hop::Edge,
        "a client's header, query or baggage names another tenant",
        &[TenantMismatch],
        |arena| {
            let call = arena.edge()?;
            let attacks = [
                call.clone().add("x-tenant-id", "globex"),
                call.clone().target("/t/acme/orders?tenant=globex"),
                call.clone().add("baggage", "tenant.id=globex"),
            ];
            let honest = call
                .add("x-tenant-id", "acme")
                .target("/t/acme/orders?tenant=acme")
                .add("baggage", "tenant.id=acme");
            Ok(Pair::several(attacks, honest))
        },
    ),
    pair(
        "H2-edge",
        Hop::Edge,
        "`connection` tells the edge to strip the context",
        &[ContextStripped],
        |arena| {
            let call = arena.edge()?;
            Ok(Pair::new(
                call.clone().set("connection", "close, txn-token"),
                call,
            ))
        },
    ),
    pair(
        "H3-edge",
        Hop::Edge,
        "an underscore twin beside the tenant's header",
        &[ContextAmbiguous],
        |arena| {
            let call = arena.edge()?.add("x-tenant-id", "acme");
            Ok(Pair::new(call.clone().add("x_tenant_id", "globex"), call))
        },
    ),
    harmless(
        "smuggled",
        Hop::Edge,
        "a stolen context beside an honest access token",
        |arena| {
            let call = arena.edge()?;
            let attacks = [
                call.clone().token(arena.globex()),
                call.clone().add("txn_token", arena.globex()),
                call.clone()
                    .token(arena.globex())
                    .add("txn-token", arena.acme()),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
    pair(
        "smuggled-alone",
        Hop::Edge,
        "a genuine context instead of an access token",
        &[ContextMissing],
        |arena| {
            let call = arena.edge()?;
            Ok(Pair::new(
                call.clone().without("authorization").token(arena.acme()),
                call,
            ))
        },
    ),
    pair(
        "X6-edge",
        Hop::Edge,
        "typed as a context or an id token, or untyped",
        &[TypeRefused],
        |arena| {
            let attacks = [
                headed(arena, "/typ", Some(json!("txntoken+jwt")))?,
                headed(arena, "/typ", Some(json!("JWT")))?,
                headed(arena, "/typ", Some(json!("logout+jwt")))?,
                headed(arena, "/typ", None)?,
            ];
            Ok(Pair::several(
                attacks,
                headed(arena, "/typ", Some(json!("application/at+jwt")))?,
            ))
        },
    ),
    pair(
        "X8-edge",
        Hop::Edge,
        "an access token of another issuer, or almost this one",
        &[IssuerUntrusted],
        |arena| {
            let issued_by = |issuer: String| claiming(arena, "/iss", Some(json!(issuer)));
            let own = idp::ISSUER;
            let attacks = [
                issued_by("https://attacker.example".into())?,
                issued_by(format!("{own}/"))?,
                issued_by(own.to_uppercase())?,
            ];
            Ok(Pair::several(attacks, issued_by(own.into())?))
        },
    ),
    pair(
        "X10-edge",
        Hop::Edge,
        "no tenant in the access token, one in a header",
        &[ClaimMissing],
        |arena| {
            let named = |call: Call| call.add("x-tenant-id", "acme");
            let silent = claiming(arena, "/org", None)?;
            Ok(Pair::new(named(silent), named(arena.edge()?)))
        },
    ),
    pair(
        "X19-edge",
        Hop::Edge,
        "an unreadable tenant in the access token, a good header",
        &[ClaimInvalid],
        |arena| {
            let named = |call: Call| call.add("x-tenant-id", "acme");
            let mut attacks = Vec::new();
            for tenant in [json!(7), json!(["acme", "globex"]), json!({"acme": {}})] {
                attacks.push(named(claiming(arena, "/org", Some(tenant))?));
            }
            Ok(Pair::several(attacks, named(arena.edge()?)))
        },
    ),
    pair(
        "audience-edge",
        Hop::Edge,
        "an access token for another api",
        &[AudienceMismatch],
        |arena| {
            let meant = |audience: Value| claiming(arena, "/aud", Some(audience));
            let attacks = [
                meant(json!("https://other.demo.internal"))?,
                meant(json!(""))?,
            ];
            Ok(Pair::several(attacks, meant(json!(idp::AUDIENCE))?))
        },
    ),
    pair(
        "audience-missing",
        Hop::Edge,
        "an access token for nobody in particular",
        &[ClaimMissing],
        |arena| Ok(Pair::new(claiming(arena, "/aud", None)?, arena.edge()?)),
    ),
    pair(
        "expired-edge",
        Hop::Edge,
        "an access token past its end",
        &[ContextExpired],
        |arena| {
            let mut claims = Idp::claims(ADA_OF_ACME);
            let now = claims
                .get("iat")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let mut ending = |at: u64| {
                change(&mut claims, "/exp", Some(json!(at)));
                arena.edge_with(&claims)
            };
            Ok(Pair::new(ending(now - 60)?, ending(now + 60)?))
        },
    ),
    pair(
        "alg-none-edge",
        Hop::Edge,
        "`alg` is `none` in an access token",
        &[AlgorithmRefused],
        |arena| {
            let header = json!({"typ": idp::ACCESS_TOKEN, "alg": "none", "kid": "idp-1"});
            let claims = Idp::claims(ADA_OF_ACME).to_string();
            let unsigned = unsigned(&header.to_string(), &claims) + ".";
            let attacks = [
                arena.edge_bearing(&unsigned),
                headed(arena, "/alg", Some(json!("none")))?,
                headed(arena, "/alg", Some(json!("HS256")))?,
                headed(arena, "/alg", Some(json!("EdDSA")))?,
            ];
            Ok(Pair::several(attacks, arena.edge()?))
        },
    ),
    pair(
        "zero-signature",
        Hop::Edge,
        "a signature of zeros, which a careless curve accepts",
        &[SignatureInvalid],
        |arena| {
            let signer = arena.system.idp.signer();
            let header = signer.header(idp::ACCESS_TOKEN).to_string();
            let claims = Idp::claims(ADA_OF_ACME).to_string();
            // CVE-2022-21449: r and s of zero, one, the order and all ones.
            let order = [
                0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
                0x25, 0x51,
            ];
            let mut one = [0; 32];
            one[31] = 1;
            let values = [[0; 32], one, order, [0xff; 32]];
            let text = unsigned(&header, &claims);
            let attacks = values.map(|value| {
                let signature = URL_SAFE_NO_PAD.encode([value, value].concat());
                arena.edge_bearing(&format!("{text}.{signature}"))
            });
            let honest = arena.edge_bearing(&signer.sign(&header, &claims)?);
            Ok(Pair::several(attacks, honest))
        },
    ),
    pair(
        "stranger-edge",
        Hop::Edge,
        "an access token signed by somebody else",
        &[SignatureInvalid, KeyUnknown],
        |arena| {
            let claims = Idp::claims(ADA_OF_ACME).to_string();
            let signed_by = |kid: &str| -> Result<Call, Failure> {
                let stranger = Signer::es256(kid)?;
                let header = stranger.header(idp::ACCESS_TOKEN).to_string();
                Ok(arena.edge_bearing(&stranger.sign(&header, &claims)?))
            };
            Ok(Pair::several(
                [signed_by("idp-1")?, signed_by("idp-2")?],
                arena.edge()?,
            ))
        },
    ),
    pair(
        "claims-twice-edge",
        Hop::Edge,
        "an access token that names two tenants",
        &[ClaimInvalid],
        |arena| {
            let signer = arena.system.idp.signer();
            let header = signer.header(idp::ACCESS_TOKEN).to_string();
            let claims = Idp::claims(ADA_OF_ACME).to_string();
            let sign = |claims: &str| -> Result<Call, Failure> {
                Ok(arena.edge_bearing(&signer.sign(&header, claims)?))
            };
            let twice = |more: &str| claims.replacen('{', &format!("{{{more},"), 1);
            let attacks = [
                sign(&twice(r#""org":"globex""#))?,
                sign(&twice(r#""o\u0072g":"globex""#))?,
            ];
            Ok(Pair::several(attacks, sign(&claims)?))
        },
    ),
    pair(
        "crit-edge",
        Hop::Edge,
        "an access token that brings its own key or its own rules",
        &[ContextMalformed],
        |arena| {
            let own = Signer::es256("own")?.public_jwk()?;
            let attacks = [
                headed(arena, "/jwk", Some(own))?,
                headed(
                    arena,
                    "/jku",
                    Some(json!("https://attacker.example/jwks.json")),
                )?,
                headed(arena, "/crit", Some(json!(["exp"])))?,
            ];
            Ok(Pair::several(attacks, arena.edge()?))
        },
    ),
    pair(
        "scheme",
        Hop::Edge,
        "a credential that cannot be one",
        &[ContextMalformed],
        |arena| {
            let call = arena.edge()?;
            let attacks = [
                call.clone().set("authorization", "Bearer"),
                call.clone().set("authorization", "YWRhOmFkYQ=="),
                call.clone().set("authorization", b"Bearer \xff\xfe"),
            ];
            Ok(Pair::several(attacks, call))
        },
    ),
];
