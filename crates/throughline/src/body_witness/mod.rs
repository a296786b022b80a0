//! Body witnesses: fields of a JSON body that must agree with the context.
//!
//! Goes behind [`Accept`](crate::accept) and [`Require`](crate::require), on the routes that take a
//! body which names a tenant. The body is read before the handler runs, so before any side effect:
//!
//! 1. No admitted context: the refusal `Accept` reported, or `context_missing`. Nothing is read.
//! 2. A `Content-Encoding` is `context_malformed`: a parser behind us could see another text.
//! 3. The body is buffered up to a [cap](BodyWitnessBuilder::with_max_bytes) (`body_oversized`) and
//!    a [deadline](BodyWitnessBuilder::with_deadline) (`body_timeout`).
//! 4. It is strict JSON: a member that occurs twice, at any depth, is `context_ambiguous`; another
//!    syntax error, or a `Content-Type` of something else, is `context_malformed`. Only an empty
//!    body is no body.
//! 5. Each declared field is compared. A field that is no text is `context_malformed`; one whose
//!    name differs in case is `context_ambiguous`, as it is the same to some parsers; an absent one
//!    is `witness_missing`, unless it is optional; another value is `tenant_mismatch`.
//!
//! The handler gets the bytes and the trailers as they came.
//!
//! # Caveat
//!
//! A field is named by its path through objects. A list of items with a tenant each is not one
//! witness; check those in the handler.
//!
//! # Cancel safety
//!
//! A future that is dropped while it reads drops the body with it, as the inner service would.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::post};
//! use throughline::BodyWitnessLayer;
//!
//! # fn main() -> Result<(), throughline::ConfigError> {
//! let app: Router = Router::new().route(
//!     "/orders",
//!     post(|| async { "created" })
//!         .layer(BodyWitnessLayer::builder().add_tenant_field("/order/tenant_id").build()?),
//! );
//!
//! // A field that cannot be found in any body is refused now.
//! assert!(BodyWitnessLayer::builder().add_tenant_field("tenant_id").build().is_err());
//! # Ok(())
//! # }
//! ```

mod buffered;
mod decide;
pub mod future;
mod layer;
mod service;

pub use self::buffered::BufferedBody;
pub use self::layer::{BodyWitnessBuilder, BodyWitnessLayer};
pub use self::service::BodyWitness;

#[cfg(test)]
mod tests;
