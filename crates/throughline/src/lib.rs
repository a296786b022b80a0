//! Tower layers that make tenant context trustworthy from end to end.
//!
//! A request carries its context as a signed transaction token. At each hop one layer turns it into
//! one verified answer to *who is acting, for which tenant, with what authority, as of when*, or
//! refuses the call with a named reason:
//!
//! | layer | promise |
//! |---|---|
//! | [`AcceptLayer`] | no handler runs under a context that is missing, cut, forged, stale or disagrees with the request |
//! | [`RequireLayer`] | a route runs only with enough authority |
//! | [`CarryLayer`] | a call keeps its context across the hop, or is not sent |
//! | [`BodyWitnessLayer`] | a body that names a tenant names the right one, before any side effect |
//!
//! Start with the example in [`accept`].

#[macro_use]
mod inner;

pub mod accept;
mod body;
pub mod body_witness;
mod carrier;
pub mod carry;
mod context;
mod error;
#[cfg(feature = "axum")]
mod extract;
#[cfg(test)]
mod fixture;
mod mode;
pub mod observe;
mod protocol;
mod refused;
mod request;
pub mod require;
pub mod scope;
pub mod tokens;
pub mod witness;

pub use throughline_core::freshness::Freshness;
pub use throughline_core::{Caller, Context, Reason, Tenant};
pub use throughline_jose::{KeySource, SystemClock, TrustDomain};

pub use self::accept::{Accept, AcceptBuilder, AcceptLayer};
pub use self::body::ResponseBody;
pub use self::body_witness::{BodyWitness, BodyWitnessBuilder, BodyWitnessLayer, BufferedBody};
pub use self::carry::{
    Carry, CarryBuilder, CarryError, CarryLayer, Destinations, InContext, Narrowed, Narrowing,
    NarrowingError,
};
pub use self::context::{Observed, TenantContext, admitted, tell};
pub use self::error::ConfigError;
pub use self::mode::{Mode, Rule};
pub use self::protocol::Protocol;
pub use self::refused::{RefusalId, Refused};
pub use self::request::{Exempt, Peer, RequestView};
pub use self::require::{CallerSource, Require, RequireBuilder, RequireLayer};
pub use self::witness::Witness;
