//! Tenants that a credential does not name, names in another way, or that are not its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use throughline::Reason::{
    ClaimInvalid, ClaimMissing, ContextAmbiguous, IssuerUntrusted, TenantInvalid, TenantMismatch,
};
use throughline::{SystemClock, Tenant};
use throughline_core::time::Clock as _;
use throughline_identity::{Audience, Issuer, Profile, Tenancy};

use super::super::arena::{Arena, change};
use super::super::{Attack, Expected, Finding, Pair};
use super::annex::{KeyServer, claims_of, nimble, several};
use super::{edge, edge_scene, saying, sources};
use crate::demo::idp::ACCESS_TOKEN;
use crate::demo::net::Failure;
use crate::demo::signer::Signer;
use crate::demo::visitors;

/// Of Microsoft Entra ID: everybody who has no directory of an own.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const DIRECTORY: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

pub(super) const ATTACKS: [Attack; 10] = [
    edge(
        "T3",
        "no organisation in the credential",
        &[ClaimMissing],
        |arena| {
            let [idp, workos, _] = sources(arena);
            let mut pair = Pair {
                attacks: Vec::new(),
                twins: Vec::new(),
            };
            for (source, claim) in [(idp, "/org"), (workos, "/org_id")] {
                let silent = source.sign(&source.with(&[(claim, None)]))?;
                pair.attacks.push(source.call(arena, &silent));
                // A header does not stand in for it.
                let named = source.call(arena, &silent).add("x-tenant-id", "acme");
                pair.attacks.push(named);
                let honest = source.call(arena, &source.honest()?);
                pair.twins.push((honest, source.tenant));
            }
            Ok(pair)
        },
    ),
    edge(
        "T3-empty",
        "an organisation that is empty, or no text",
        &[ClaimInvalid],
        |arena| {
            let values = [
                json!(""),
                json!(null),
                json!([]),
                json!(["acme"]),
                json!({}),
                json!(0),
                json!(false),
            ];
            let [idp, workos, _] = sources(arena);
            let mut pair = saying(arena, &idp, "org", &values)?;
            let more = saying(arena, &workos, "org_id", &values)?;
            pair.attacks.extend(more.attacks);
            pair.twins.extend(more.twins);
            Ok(pair)
        },
    ),
    edge_scene(
        "T7",
        "a template that knew half of the tenant",
        Expected::Refused(&[TenantInvalid]),
        |arena| Box::pin(halves(arena)),
    ),
    edge(
        "X11",
        "a tenant that nobody registered, on its own path",
        &[TenantInvalid],
        |arena| {
            let [idp, workos, _] = sources(arena);
            let mut pair = Pair {
                attacks: Vec::new(),
                twins: Vec::new(),
            };
            // Of the second provider, a tenant's own name is no name of an organisation.
            let unknown = [
                (idp, "/org", ["stark", "acme2", "ACME", "default"]),
                (
                    workos,
                    "/org_id",
                    ["org_01STARK", "acme", "org_01acme", "*"],
                ),
            ];
            for (source, claim, names) in unknown {
                for name in names {
                    let token = source.sign(&source.with(&[(claim, Some(json!(name)))]))?;
                    for path in ["acme", name] {
                        let call = source.call(arena, &token);
                        pair.attacks.push(call.target(format!("/t/{path}/orders")));
                    }
                }
                let honest = source.call(arena, &source.honest()?);
                pair.twins.push((honest, source.tenant));
            }
            Ok(pair)
        },
    ),
    // CVE-2025-55241 (Microsoft Entra ID).
    edge(
        "advisory-17",
        "each kind of credential, on the path of another tenant",
        &[TenantMismatch],
        |arena| {
            let mut pair = Pair {
                attacks: Vec::new(),
                twins: Vec::new(),
            };
            for visitor in visitors::all(arena.system)? {
                let (field, value) = visitor.field();
                let call = arena.edge()?.without("authorization").set(field, value);
                for other in ["acme", "globex", "hooli", "initech", "nobody"] {
                    if other != visitor.tenant {
                        let call = call.clone();
                        pair.attacks.push(call.target(format!("/t/{other}/orders")));
                    }
                }
                let own = call.target(format!("/t/{}/orders", visitor.tenant));
                pair.twins.push((own, visitor.tenant));
            }
            Ok(pair)
        },
    ),
    edge(
        "advisory-17-places",
        "each issuer's credential, and another tenant anywhere else",
        &[TenantMismatch, ContextAmbiguous],
        |arena| {
            let mut pair = Pair {
                attacks: Vec::new(),
                twins: Vec::new(),
            };
            for source in sources(arena) {
                let (call, own) = (source.call(arena, &source.honest()?), source.tenant);
                let target = format!("/t/{own}/orders");
                pair.attacks.extend([
                    call.clone().add("x-tenant-id", "globex"),
                    call.clone().add("x-tenant", "globex"),
                    call.clone().target(format!("{target}?tenant=globex")),
                    call.clone().add("baggage", "tenant.id=globex"),
                    // Two values, of which one is right.
                    call.clone().add("x-tenant", own).add("x-tenant", "globex"),
                    call.clone().add("x-tenant", own).add("x_tenant", "globex"),
                    call.clone()
                        .target(format!("{target}?tenant={own}&tenant=globex")),
                ]);
                let agreeing = call
                    .target(format!("{target}?tenant={own}"))
                    .add("x-tenant-id", own)
                    .add("x-tenant", own)
                    .add("baggage", format!("tenant.id={own}"));
                pair.twins.push((agreeing, own));
            }
            Ok(pair)
        },
    ),
    edge(
        "own-provider",
        "a tenant's own provider vouches for somebody else's",
        &[TenantMismatch],
        |arena| {
            let [_, _, hooli] = sources(arena);
            let mut attacks = Vec::new();
            for claim in ["/org", "/org_id", "/tenant", "/tid"] {
                let token = hooli.sign(&hooli.with(&[(claim, Some(json!("acme")))]))?;
                attacks.push(hooli.call(arena, &token).target("/t/acme/orders"));
            }
            let honest = hooli.call(arena, &hooli.honest()?);
            Ok(Pair {
                attacks,
                twins: vec![(honest, hooli.tenant)],
            })
        },
    ),
    // Storm-0558.
    edge_scene(
        "advisory-18",
        "a key for consumers signs for a company's directory",
        Expected::Refused(&[IssuerUntrusted]),
        |arena| Box::pin(consumers_key(arena)),
    ),
    edge_scene(
        "advisory-18-template",
        "a templated issuer, and a claim that names another directory",
        Expected::Refused(&[IssuerUntrusted]),
        |arena| {
            Box::pin(directories(arena, "advisory-18-template", |entra| {
                let other = "11111111-2222-3333-4444-555555555555";
                vec![
                    entra.sign(&entra.key, DIRECTORY, other),
                    entra.sign(&entra.key, other, DIRECTORY),
                    entra.sign(&entra.key, "", DIRECTORY),
                    entra.sign(&entra.key, "a/b", DIRECTORY),
                ]
            }))
        },
    ),
    edge_scene(
        "advisory-18-consumer",
        "somebody without a company, and a company nobody mapped",
        Expected::Refused(&[TenantInvalid]),
        |arena| {
            Box::pin(directories(arena, "advisory-18-consumer", |entra| {
                let other = "11111111-2222-3333-4444-555555555555";
                vec![
                    entra.sign(&entra.consumers, CONSUMERS, CONSUMERS),
                    entra.sign(&entra.key, other, other),
                ]
            }))
        },
    ),
];

/// `"{{org}}-{{region}}"`, of which one part or both were not known.
async fn halves(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let key = Signer::es256("joining")?;
    let server = KeyServer::publishing(&[&key]).await?;
    let issuer = server.issuer("joining", "acme", nimble())?;
    let issuer = issuer.with_tenancy(Tenancy::claim("org").joined_by('-'));
    let annex = arena.annex(several([issuer])?).await?;
    let call = |tenant: &str| -> Result<_, Failure> {
        let mut claims = claims_of("joining");
        change(&mut claims, "/org", Some(json!(tenant)));
        Ok(arena.at(&annex, tenant, &key.token(ACCESS_TOKEN, &claims)?))
    };
    let mut got = BTreeSet::new();
    for (n, half) in ["-", "acme-", "-acme", "acme--eu", "--"]
        .into_iter()
        .enumerate()
    {
        got.insert(arena.edge_refusal(&call(half)?, &format!("T7-{n}")).await);
    }
    // A whole one, of which the directory has heard.
    let whole = Tenant::new("acme-eu")?;
    let directory = &arena.system.directory;
    directory.edit(|marks| marks.confirm(&whole, SystemClock.now()));
    Ok(Finding {
        got,
        twin_ok: arena
            .is_served(&call("acme-eu")?, "T7-twin", "acme-eu")
            .await,
    })
}

/// An issuer in the shape of Microsoft Entra ID: one name for each directory, and keys that say for
/// which they are.
struct Entra {
    key: Signer,
    consumers: Signer,
}

impl Entra {
    fn name(directory: &str) -> String {
        format!("https://login.demo.internal/{directory}/v2.0")
    }

    fn published(signer: &Signer, directory: &str) -> Result<Value, Failure> {
        let mut jwk = signer.public_jwk()?;
        change(&mut jwk, "/alg", None);
        change(&mut jwk, "/issuer", Some(json!(Self::name(directory))));
        Ok(jwk)
    }

    /// By this key, of the issuer of one directory, about somebody of another.
    fn sign(&self, key: &Signer, issuer: &str, directory: &str) -> Result<String, Failure> {
        let now = SystemClock.now().as_unix();
        let claims = json!({
            "iss": Self::name(issuer),
            "aud": "api://orders",
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
            "oid": "00000000-0000-0000-66f3-3332eca7ea81",
            "tid": directory,
            "ver": "2.0",
            "scp": "orders.read orders.create",
            "iat": now,
            "exp": now + 3600,
        });
        key.token("JWT", &claims)
    }
}

async fn directories(
    arena: &Arena<'_>,
    id: &str,
    attack: fn(&Entra) -> Vec<Result<String, Failure>>,
) -> Result<Finding, Failure> {
    let entra = Entra {
        key: arena.system.workos.signer().clone(),
        consumers: arena.system.workos.partners().clone(),
    };
    let keys = [
        Entra::published(&entra.key, "{tenantid}")?,
        Entra::published(&entra.consumers, CONSUMERS)?,
    ];
    let server = KeyServer::publishing(&[]).await?;
    server.say(http::StatusCode::OK, json!({"keys": keys}).to_string());
    let issuer = Issuer::builder("entra", Profile::ENTRA)
        .named(&Entra::name("{tid}"))
        .with_keys(server.keys()?)
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("tid").mapped([(DIRECTORY, Tenant::new("acme")?)]));
    let annex = arena.annex(several([issuer])?).await?;
    let honest = arena.at(
        &annex,
        "acme",
        &entra.sign(&entra.key, DIRECTORY, DIRECTORY)?,
    );
    let twin_ok = arena
        .is_served(&honest, &format!("{id}-twin"), "acme")
        .await;
    let mut got = BTreeSet::new();
    for (n, token) in attack(&entra).into_iter().enumerate() {
        let call = honest.clone().bearing(&token?);
        got.insert(arena.edge_refusal(&call, &format!("{id}-{n}")).await);
    }
    Ok(Finding { got, twin_ok })
}

async fn consumers_key(arena: &Arena<'_>) -> Result<Finding, Failure> {
    directories(arena, "advisory-18", |entra| {
        vec![
            entra.sign(&entra.consumers, DIRECTORY, DIRECTORY),
            entra.sign(&entra.consumers, CONSUMERS, DIRECTORY),
        ]
    })
    .await
}
