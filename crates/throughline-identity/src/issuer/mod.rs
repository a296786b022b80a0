//! Issuers: whose word counts, and for whom. Each is one unit, and none is pooled with another.
//!
//! An [`Issuer`] holds everything by which its credentials are judged:
//!
//! 1. **Its names**: exact strings of `iss`, without trimming, prefixes or case; or one template
//!    whose middle is the tenant.
//! 2. **Its keys**, which verify its credentials and nobody else's. A key that another issuer
//!    publishes under the same `kid` is another key.
//! 3. **Its algorithms**, its **audience** (required or absent, never "if present"), its clocks.
//! 4. **The kinds** of credential it may issue ([`CredentialKind`](crate::CredentialKind)), told apart before anything is
//!    mapped.
//! 5. **Its tenants** ([`Tenancy`](crate::Tenancy)), and the attributes it asserts.
//!
//! [`Issuers`] takes several. The issuer that a credential names, unverified, selects whose keys
//! must vouch for it, and nothing else is read of it before they did.
//!
//! # Caveat
//!
//! Whoever holds a key of an issuer is that issuer, for all of its tenants. What it can do is bounded
//! by its tenants, kinds and attributes only, so list what it may say.
//!
//! # Example
//!
//! See [`Issuer`] for one, and the [crate] for a credential that is accepted and one that is not.

mod builder;
mod error;
mod name;
mod set;
mod unit;
mod verify;

pub use self::builder::IssuerBuilder;
pub use self::error::IssuerError;
pub use self::set::{Issuers, IssuersError};
pub use self::unit::Issuer;
