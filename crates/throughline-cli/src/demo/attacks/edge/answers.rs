//! What leaves the edge: answers that caches keep, fields of ours, and where a refusal leads.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use throughline::Reason::{ContextMissing, KeyUnknown, TenantMismatch};
use throughline_identity::AuthenticateLayer;
use tower::{Layer as _, service_fn};

use super::super::arena::Arena;
use super::super::outside::NOTHING;
use super::super::wire::{Call, Reply};
use super::super::{Attack, Expected, Finding};
use super::annex::{KeyServer, claims_of, nimble, several};
use super::edge_scene;
use crate::demo::billing::LEGACY_FIELD;
use crate::demo::idp::{self, ACCESS_TOKEN};
use crate::demo::net::{self, Failure, Port, Server};
use crate::demo::roster::ADA_OF_GLOBEX;
use crate::demo::signer::Signer;
use crate::demo::third_party::LIES;

pub(super) const ATTACKS: [Attack; 4] = [
    // CVE-2025-64762 (authkit-nextjs), CVE-2025-48947 (nextjs-auth0).
    edge_scene(
        "C4",
        "a shared cache has an answer for one, and another one asks",
        Expected::Refused(&[TenantMismatch, ContextMissing, KeyUnknown]),
        |arena| Box::pin(cached(arena)),
    ),
    edge_scene(
        "C4-public",
        "a handler calls its answer public",
        Expected::Word(PRIVATE),
        |arena| Box::pin(public(arena)),
    ),
    edge_scene(
        "H5-edge",
        "a handler at the edge answers with a context",
        Expected::Word(NOTHING),
        |arena| Box::pin(echoed(arena)),
    ),
    edge_scene(
        "metadata",
        "a host of the caller's choice in the challenge",
        Expected::Refused(&[ContextMissing]),
        |arena| Box::pin(elsewhere(arena)),
    ),
];

/// What no shared cache keeps.
const PRIVATE: &str = "for one alone";

/// A cache as a careless CDN has it: it goes by the target and by `Cache-Control`, and by nothing
/// else of a request.
#[derive(Default)]
struct Cache(HashMap<String, Reply>);

impl Cache {
    /// The answer, and whether it was at hand.
    async fn get(&mut self, call: &Call, target: &str, id: &str) -> Result<(Reply, bool), Failure> {
        if let Some(kept) = self.0.get(target) {
            return Ok((kept.clone(), true));
        }
        let reply = call.clone().target(target).send(id).await?;
        if reply.status == 200 && !reply.is_private() {
            self.0.insert(target.into(), reply.clone());
        }
        Ok((reply, false))
    }
}

async fn cached(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let mut cache = Cache::default();
    let first = arena.edge()?;
    let target = "/t/acme/orders";
    let (answer, _) = cache.get(&first, target, "C4-first").await?;
    arena.system.log.take("C4-first");
    let mut twin_ok = answer.is_success();
    let globex = arena.system.idp.token(ADA_OF_GLOBEX)?;
    let askers = [
        first.clone().without("authorization"),
        first.clone().bearing(&globex),
        first.clone().bearing("sk_nobody"),
    ];
    let mut got = BTreeSet::new();
    for (n, asker) in askers.iter().enumerate() {
        let (reply, kept) = cache.get(asker, target, &format!("C4-{n}")).await?;
        let seen = arena.system.log.take(&format!("C4-{n}"));
        got.insert(match kept {
            true => "an answer for somebody else".into(),
            false => arena.judge(&reply, &seen, super::Position::Edge),
        });
    }
    // It does keep what is for everybody.
    let document = "/.well-known/oauth-protected-resource";
    for expected in [false, true] {
        let (reply, kept) = cache.get(&first, document, "C4-document").await?;
        twin_ok &= reply.is_success() && kept == expected;
    }
    Ok(Finding { got, twin_ok })
}

/// A service of one issuer, whose handler answers with more than it should.
struct Loud {
    server: Server,
    token: String,
    _keys: KeyServer,
}

impl Loud {
    async fn open(arena: &Arena<'_>) -> Result<Self, Failure> {
        let key = Signer::es256("loud")?;
        let keys = KeyServer::publishing(&[&key]).await?;
        let issuers = several([keys.issuer("loud", "acme", nimble())?])?;
        let system = arena.system;
        let layer = AuthenticateLayer::builder(issuers, system.issuer.clone(), system.own.clone())
            .accepting(|accept| accept.with_legacy_header(LEGACY_FIELD))
            .build()?;
        let context = HeaderValue::from_str(arena.acme())?;
        let handler = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::new(Bytes::from("{}")));
            let fields = response.headers_mut();
            for (name, value) in LIES {
                fields.append(name, HeaderValue::from_static(value));
            }
            fields.append("txn-token", context.clone());
            fields.insert("x-weather", HeaderValue::from_static("fine"));
            let shared = HeaderValue::from_static("public, max-age=60, s-maxage=600");
            fields.insert("cache-control", shared);
            for name in ["cdn-cache-control", "surrogate-control"] {
                fields.insert(name, HeaderValue::from_static("max-age=60"));
            }
            ready(Ok::<_, Infallible>(response))
        });
        Ok(Self {
            server: net::serve_at(Port::open().await?, layer.layer(handler))?,
            token: key.token(ACCESS_TOKEN, &claims_of("loud"))?,
            _keys: keys,
        })
    }

    async fn ask(&self, arena: &Arena<'_>, id: &str) -> Result<Reply, Failure> {
        let call = arena.at(&self.server, "acme", &self.token);
        Ok(call.send(id).await?)
    }
}

async fn public(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let reply = Loud::open(arena).await?.ask(arena, "C4-public").await?;
    let shared = ["cdn-cache-control", "surrogate-control"]
        .into_iter()
        .find(|name| reply.field(name).is_some());
    let control = reply.field("cache-control").unwrap_or_default();
    let vary = reply.field("vary").unwrap_or_default();
    let word = match (shared, reply.is_private() && !control.contains("public")) {
        (None, true) if vary.contains("authorization") => PRIVATE.to_owned(),
        (shared, _) => format!("{control}, {vary}, {shared:?}"),
    };
    Ok(Finding {
        got: [word].into(),
        // The handler was asked, and what else it says arrives.
        twin_ok: reply.is_success() && reply.field("x-weather") == Some("fine"),
    })
}

async fn echoed(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let reply = Loud::open(arena).await?.ask(arena, "H5-edge").await?;
    let ours = ["txn-token", "txn_token", LEGACY_FIELD];
    let arrived = ours.into_iter().find(|name| reply.field(name).is_some());
    Ok(Finding {
        got: [arrived.map_or(NOTHING.to_owned(), |name| format!("{name} arrived"))].into(),
        twin_ok: reply.is_success() && reply.field("x-weather") == Some("fine"),
    })
}

/// RFC 9728 §7: a client that followed it would ask the attacker for tokens.
async fn elsewhere(arena: &Arena<'_>) -> Result<Finding, Failure> {
    let edge = &arena.system.services.edge;
    let bare = arena.edge()?.without("authorization");
    let own = format!(
        "resource_metadata=\"{}/.well-known/oauth-protected-resource\"",
        edge.url()
    );
    let calls = [
        bare.clone().set("host", "attacker.example"),
        bare.clone().add("x-forwarded-host", "attacker.example"),
        bare.clone().add("forwarded", "host=attacker.example"),
        bare.clone().add("x-forwarded-proto", "https"),
    ];
    let mut got = BTreeSet::new();
    for (n, call) in calls.iter().enumerate() {
        let id = format!("metadata-{n}");
        let reply = call.send(&id).await?;
        let seen = arena.system.log.take(&id);
        let challenge = reply.field("www-authenticate").unwrap_or_default();
        got.insert(match challenge.contains(&own) {
            true => arena.judge(&reply, &seen, super::Position::Edge),
            false => format!("the challenge is {challenge}"),
        });
    }
    // Whoever follows it learns where tokens come from, without a credential.
    let document = bare.target("/.well-known/oauth-protected-resource");
    let reply = document.send("metadata-twin").await?;
    let metadata = reply.json();
    let servers = metadata.get("authorization_servers");
    let servers = servers.and_then(serde_json::Value::as_array);
    Ok(Finding {
        got,
        twin_ok: reply.is_success()
            && metadata
                .get("resource")
                .is_some_and(|own| *own == edge.url())
            && servers.is_some_and(|all| all.iter().any(|one| one == idp::ISSUER)),
    })
}
