//! Golden vectors of a hop: bytes in, verdict and reason out, for implementations in any language.
//!
//! [`HOP`] is the file as a text, and [`Vectors::hop`] reads it into types. The rest of this page
//! stands beside the file too, as its README.
//!
//! ```
//! use throughline_testing::vectors::{Vectors, Verdict};
//!
//! let vectors = Vectors::hop()?;
//! let verdict = |name: &str| {
//!     let mut named = vectors.vectors.iter().filter(|vector| vector.name == name);
//!     named.next().map(|vector| &vector.verdict)
//! };
//! // What differs between these two requests is the tenant in the path.
//! assert!(matches!(
//!     verdict("every required thing is there"),
//!     Some(Verdict::Accepted { tenant: Some(tenant), .. }) if tenant == "acme"
//! ));
//! assert!(matches!(
//!     verdict("another tenant in the path"),
//!     Some(Verdict::Refused { reason, status: 403, .. }) if reason == "tenant_mismatch"
//! ));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
#![doc = include_str!("../vectors/README.md")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file, `vectors/hop.json` of this crate.
pub const HOP: &str = include_str!("../vectors/hop.json");

/// The file, read.
///
/// These types list everything that can stand in the file, without a rest: a runner that does not
/// know a new kind of place or of verdict should not compile, rather than pass over it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    /// What the file is, for who opens it.
    pub about: Vec<String>,
    /// Private keys, by `kid`: Ed25519 seeds in hex. They sign nothing but these vectors.
    pub seeds: BTreeMap<String, String>,
    /// The JWK set of all services.
    pub jwks: Value,
    /// Receivers, by the name that vectors call them.
    pub services: BTreeMap<String, Service>,
    /// The requests.
    pub vectors: Vec<Vector>,
}

impl Vectors {
    /// Reads [`HOP`].
    ///
    /// # Errors
    ///
    /// None for the file of this crate; the tests of this crate read it.
    pub fn hop() -> Result<Self, serde_json::Error> {
        serde_json::from_str(HOP)
    }
}

/// How a receiving service is configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The `aud` of its contexts.
    pub trust_domain: String,
    /// The `iss` that is demanded, if one is.
    pub issuer: Option<String>,
    /// The clock skew that is forgiven.
    pub skew_seconds: u64,
    /// The longest life of a token.
    pub max_lifetime_seconds: u64,
    /// The greatest age of a chain.
    pub max_chain_age_seconds: u64,
    /// The cap over names and values of all owned fields.
    pub max_bytes: usize,
    /// What has been revoked.
    pub freshness: Freshness,
    /// In the order in which they are compared.
    pub witnesses: Vec<Witness>,
    /// Copies that must be there, as the claim `tctx.proj` names them.
    pub relies_on: Vec<String>,
    /// Paths that need no token.
    pub exempt: Vec<String>,
}

/// How a service learns whether a context is still true.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// By a feed.
    Feed {
        /// How far it may be behind, or ahead.
        budget_seconds: u64,
        /// By tenant, the time up to which the feed is complete.
        complete_to: BTreeMap<String, u64>,
        /// Tenants.
        suspended: Vec<String>,
        /// Marks.
        revoked: Vec<Revoked>,
    },
    /// Not at all: a context is believed for so long after its `as_of`.
    LifetimeOnlySeconds(u64),
}

/// What was known up to and including `at` counts no more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// Of a principal.
    Principal {
        /// As in the claim `sub`.
        composed: String,
        /// Seconds since 1970.
        at: u64,
    },
    /// Of a session.
    Session {
        /// Whose session it is.
        tenant: String,
        /// As in the claim `rctx.sid`.
        session: String,
        /// Seconds since 1970.
        at: u64,
    },
    /// Of everything of a tenant.
    Tenant {
        /// The tenant.
        tenant: String,
        /// Seconds since 1970.
        at: u64,
    },
}

/// Whatever else in a request names the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Where it stands.
    pub place: Place,
    /// Whether it may be absent.
    pub optional: bool,
    /// Tenants by the names that stand for them here; empty where they are named themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, String>,
}

/// Where a witness stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The member of the baggage with this key.
    Baggage(String),
    /// The header of this name.
    Header(String),
    /// A segment of the path.
    Path {
        /// The name of the segment.
        parameter: String,
        /// The path, with `{PARAMETER}` for the segment.
        template: String,
    },
    /// The query parameter of this name.
    Query(String),
    /// The label of the host in front of this domain.
    SubdomainOf(String),
}

/// One request, and the verdict it must get.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Unique, and says what is wrong with it, if anything is.
    pub name: String,
    /// The receiver.
    pub service: String,
    /// When it arrives, in seconds since 1970.
    pub now: u64,
    /// Path and query.
    pub target: String,
    /// Name and value of each field line, in order. A value that is not text is `hex:` and digits.
    pub fields: Vec<(String, String)>,
    /// What must come of it.
    pub verdict: Verdict,
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// It reaches the handler, with a context.
    Accepted {
        /// The tenant; none for work of the platform.
        tenant: Option<String>,
        /// As in the claim `sub`.
        principal: String,
        /// The claim `txn`.
        transaction: String,
        /// The claim `tctx.kind`.
        kind: String,
    },
    /// It reaches the handler, without a context.
    Anonymous,
    /// It does not reach the handler.
    Refused {
        /// The code of a [`Reason`](throughline_core::Reason).
        reason: String,
        /// Where it was found, if at one place.
        place: Option<String>,
        /// The HTTP status inside a trust domain.
        status: u16,
    },
}
