//! What a tenant context is, and when it has drifted.
//!
//! This crate holds the vocabulary and the decisions of Throughline, and nothing that waits: no
//! async, no I/O, no `http`, no clock of its own, and no panic reachable from input. It promises:
//!
//! 1. **Every hop decides alike.** [`hop`] holds the decision as pure functions in a frozen order.
//! 2. **What is proven is a type.** A [`Context`] alone proves nothing; [`Verified`] and
//!    [`Admitted`] do, and only [`hop`] makes them.
//! 3. **Every refusal has a name.** One table of [reasons](reason), with total maps to HTTP, gRPC
//!    and settlement.
//! 4. **Grants only narrow.** See [`grant`].
//!
//! ```
//! use std::time::Duration;
//! use throughline_core::context::{Issuers, Vouched};
//! use throughline_core::freshness::Freshness;
//! use throughline_core::hop::{self, TokenPolicy};
//! use throughline_core::time::Timestamp;
//! use throughline_core::witness::{Sighting, WitnessRule};
//! use throughline_core::{Place, Reason, Refusal, TrustDomainName};
//!
//! // The seam to the signature check; `throughline-jose` brings a real one.
//! let seam = |token: &[u8]| match token {
//!     b"signed" => Ok((br#"{
//!         "aud": "prod.example", "iat": 1000, "exp": 1300, "txn": "t-1",
//!         "sub": "okta/acme/ada", "scope": "orders.read", "req_wl": "edge",
//!         "tctx": {"kind": "user", "tenant": "acme", "idp": "okta", "sub": "ada"},
//!         "rctx": {"as_of": 1000}
//!     }"#.to_vec(), Vouched { key: [0; 32], generation: 1, issuers: Issuers::any() })),
//!     _ => Err(Refusal::new(Reason::SignatureInvalid)),
//! };
//! let policy = TokenPolicy::new(TrustDomainName::new("prod.example")?);
//! let freshness = Freshness::lifetime_only(Duration::from_secs(300));
//! let now = Timestamp::from_unix(1010);
//!
//! let genuine = hop::authenticate(b"signed", &seam, &policy, now)?;
//! let verified = hop::verify(genuine, &policy, &freshness, now)?;
//!
//! let path = WitnessRule::tenant(Place::new("path segment", "tenant"));
//! let agreed = hop::agree(&verified, [(&path, Sighting::Value("acme".into()))])?;
//! let admitted = hop::complete(agreed, [])?;
//! assert_eq!(admitted.tenant().map(|tenant| tenant.as_str()), Some("acme"));
//!
//! // The same token on another tenant's path is not admitted.
//! let drifted = hop::agree(&verified, [(&path, Sighting::Value("globex".into()))]);
//! assert_eq!(drifted.unwrap_err().reason(), Reason::TenantMismatch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod attribute;
pub mod authentication;
pub mod baggage;
pub mod caller;
pub mod carrier;
pub mod context;
#[cfg(test)]
mod fixture;
pub mod freshness;
pub mod grant;
pub mod hop;
pub mod json;
pub mod principal;
pub mod projection;
pub mod reason;
pub mod refusal;
pub mod tenant;
pub mod time;
pub mod traceparent;
pub mod trust_domain;
pub mod witness;

pub use self::caller::Caller;
pub use self::context::{Admitted, Context, Draft, Verified};
pub use self::principal::{Actor, ActorChain, ActorKind, Kind, Principal};
pub use self::reason::Reason;
pub use self::refusal::{Place, Refusal};
pub use self::tenant::{Tenant, TenantError};
pub use self::trust_domain::TrustDomainName;
