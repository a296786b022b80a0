//! The edge, by theme: every failure of the catalogue that is the edge's, and advisories about those
//! who verified tokens before (each named at its attack).
//!
//! What can be tried at any issuer is tried at three, whose keys are of three kinds.

mod agents;
mod annex;
mod answers;
mod claims;
mod credentials;
mod headers;
mod issuers;
mod key_sets;
mod lifetimes;
mod members;
mod opaque;
mod outages;
mod principals;
mod signatures;
mod tenants;
mod trust;

use serde_json::{Value, json};
use throughline::Reason;
use throughline_core::reason::Position;

use super::arena::{Arena, change};
use super::wire::Call;
use super::{Attack, Expected, Hop, Pair, Scene, pair, scene};
use crate::demo::hooli::{self, Hooli};
use crate::demo::idp::{ACCESS_TOKEN, Idp};
use crate::demo::net::Failure;
use crate::demo::roster::ADA_OF_ACME;
use crate::demo::signer::Signer;
use crate::demo::workos::{self, ADA, ORG_ACME};

/// Every attack of these files.
pub(super) fn tables() -> [&'static [Attack]; 15] {
    [
        &agents::ATTACKS,
        &answers::ATTACKS,
        &claims::ATTACKS,
        &credentials::ATTACKS,
        &headers::ATTACKS,
        &issuers::ATTACKS,
        &key_sets::ATTACKS,
        &lifetimes::ATTACKS,
        &members::ATTACKS,
        &opaque::ATTACKS,
        &outages::ATTACKS,
        &principals::ATTACKS,
        &signatures::ATTACKS,
        &tenants::ATTACKS,
        &trust::ATTACKS,
    ]
}

const fn edge(
    id: &'static str,
    title: &'static str,
    expected: &'static [Reason],
    run: fn(&Arena<'_>) -> Result<Pair, Failure>,
) -> Attack {
    pair(id, Hop::Edge, title, expected, run)
}

const fn edge_scene(
    id: &'static str,
    title: &'static str,
    expected: Expected,
    run: for<'a> fn(&'a Arena<'a>) -> Scene<'a>,
) -> Attack {
    scene(id, Hop::Edge, title, expected, run)
}

/// An issuer of the edge, in the hands of somebody who signs anything with its key.
struct Source {
    signer: Signer,
    typ: &'static str,
    tenant: &'static str,
    /// Of an honest token.
    claims: Value,
}

impl Source {
    /// The claims with some changed or, by a `null` in Rust's sense, without some.
    fn with(&self, changes: &[(&str, Option<Value>)]) -> Value {
        let mut claims = self.claims.clone();
        for (pointer, value) in changes {
            change(&mut claims, pointer, value.clone());
        }
        claims
    }

    fn header(&self) -> Value {
        self.signer.header(self.typ)
    }

    fn sign(&self, claims: &Value) -> Result<String, Failure> {
        self.signer.token(self.typ, claims)
    }

    fn honest(&self) -> Result<String, Failure> {
        self.sign(&self.claims)
    }

    /// A call to the path of its tenant.
    fn call(&self, arena: &Arena<'_>, credential: &str) -> Call {
        let target = format!("/t/{}/orders", self.tenant);
        arena.edge_bearing(credential).target(target)
    }
}

/// One issuer for each kind of key: `ES256`, `RS256`, `EdDSA`.
fn sources(arena: &Arena<'_>) -> [Source; 3] {
    let system = arena.system;
    [
        Source {
            signer: system.idp.signer().clone(),
            typ: ACCESS_TOKEN,
            tenant: "acme",
            claims: Idp::claims(ADA_OF_ACME),
        },
        Source {
            signer: system.workos.signer().clone(),
            typ: "JWT",
            tenant: "acme",
            claims: workos::session(ADA, ORG_ACME),
        },
        Source {
            signer: system.hooli.signer().clone(),
            typ: ACCESS_TOKEN,
            tenant: hooli::TENANT,
            claims: Hooli::claims("ada"),
        },
    ]
}

/// The same attack on each of them, beside an honest token of each.
fn at_each(
    arena: &Arena<'_>,
    attack: impl Fn(&Source) -> Result<Vec<String>, Failure>,
) -> Result<Pair, Failure> {
    let mut pair = Pair {
        attacks: Vec::new(),
        twins: Vec::new(),
    };
    for source in sources(arena) {
        for credential in attack(&source)? {
            pair.attacks.push(source.call(arena, &credential));
        }
        let honest = source.call(arena, &source.honest()?);
        pair.twins.push((honest, source.tenant));
    }
    Ok(pair)
}

/// Claims of the first issuer with other values, one token for each.
fn claiming(arena: &Arena<'_>, name: &str, values: &[Value]) -> Result<Pair, Failure> {
    let [source, ..] = sources(arena);
    saying(arena, &source, name, values)
}

/// Claims of an issuer with other values, one token for each.
fn saying(
    arena: &Arena<'_>,
    source: &Source,
    name: &str,
    values: &[Value],
) -> Result<Pair, Failure> {
    let call =
        |claims: &Value| -> Result<Call, Failure> { Ok(source.call(arena, &source.sign(claims)?)) };
    let attacks = values.iter().map(|value| {
        let pointer = format!("/{name}");
        call(&source.with(&[(&pointer, Some(value.clone()))]))
    });
    Ok(Pair {
        attacks: attacks.collect::<Result<_, _>>()?,
        twins: vec![(call(&source.claims)?, source.tenant)],
    })
}

/// What no text is.
fn no_texts() -> Vec<Value> {
    vec![
        json!(null),
        json!(7),
        json!(true),
        json!([]),
        json!(["ada"]),
        json!({}),
    ]
}

impl Arena<'_> {
    /// The reason of a refusal of an edge, in a word.
    async fn edge_refusal(&self, call: &Call, id: &str) -> String {
        self.refusal(call, id, Position::Edge).await
    }
}
