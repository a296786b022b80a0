//! Golden vectors: bytes in, verdict and reason out, for any language.
//!
//! `tests/vectors/hop/vectors.json` holds keys, services and requests with the verdict each must
//! get; its README says how to run it. [`run`] runs it through the real layers and knows nothing of
//! [`generate`], which makes it. The order of the checks is frozen in it: for each two faults, a
//! request that has both gets the reason of the earlier check.

mod generate;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Vectors {
    about: Vec<String>,
    /// Private keys, by `kid`: Ed25519 seeds in hex. They sign nothing but these vectors.
    seeds: BTreeMap<String, String>,
    /// What the services' key set holds.
    jwks: Value,
    services: BTreeMap<String, Service>,
    vectors: Vec<Vector>,
}

/// How a receiving service is configured.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Service {
    trust_domain: String,
    /// The `iss` that is demanded.
    issuer: Option<String>,
    skew_seconds: u64,
    max_lifetime_seconds: u64,
    max_chain_age_seconds: u64,
    max_bytes: usize,
    freshness: Freshness,
    witnesses: Vec<Witness>,
    relies_on: Vec<String>,
    exempt: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Freshness {
    LifetimeOnlySeconds(u64),
    Feed {
        budget_seconds: u64,
        /// By tenant, the time up to which the feed is complete.
        complete_to: BTreeMap<String, u64>,
        suspended: Vec<String>,
        revoked: Vec<Revoked>,
    },
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Revoked {
    Principal {
        composed: String,
        at: u64,
    },
    Session {
        tenant: String,
        session: String,
        at: u64,
    },
    Tenant {
        tenant: String,
        at: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Witness {
    place: Place,
    optional: bool,
    /// Tenants by the names that stand for them here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    aliases: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Baggage(String),
    Header(String),
    Path { parameter: String, template: String },
    Query(String),
    SubdomainOf(String),
}

/// One request and the verdict it must get.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Vector {
    name: String,
    service: String,
    now: u64,
    target: String,
    /// Name and value of each field line, in order. A value that is not text is `hex:` and digits.
    fields: Vec<(String, String)>,
    verdict: Verdict,
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Verdict {
    Accepted {
        tenant: Option<String>,
        principal: String,
        transaction: String,
        kind: String,
    },
    Anonymous,
    Refused {
        reason: String,
        place: Option<String>,
        status: u16,
    },
}

fn path() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/vectors/hop/vectors.json"
    ))
}
