//! Require: whether an admitted context is enough for a route.
//!
//! Goes behind [`Accept`](crate::accept), on single routes, and refuses in this order (step 10 of
//! the hop, [`Requirement`](throughline_core::hop::Requirement)):
//!
//! 1. No admitted context: the refusal `Accept` [reported](crate::Mode::Report), or
//!    `context_missing`.
//! 2. The [caller](RequireBuilder::caller), the workload at the other end of the connection, is
//!    not among those allowed: `caller_refused`.
//! 3. The kind or the nearest actor is another: `actor_mismatch`.
//! 4. The scope does not cover the route: `scope_insufficient`.
//! 5. The work belongs to no task, or to one for another purpose: `task_mismatch`.
//! 6. The data scope reaches no such data: `data_scope_exceeded`.
//! 7. The authentication is too old or too weak: `authentication_stale`, with the challenge of
//!    RFC 9470.
//!
//! Layers add up: a route behind two of them demands what both demand.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, routing::post};
//! use throughline::RequireLayer;
//!
//! # fn main() -> Result<(), throughline::ConfigError> {
//! let app: Router = Router::new().route(
//!     "/payments",
//!     post(|| async { "paid" }).layer(
//!         RequireLayer::builder()
//!             .scope("payments.create")
//!             .authenticated_within(Duration::from_secs(300))
//!             .build()?,
//!     ),
//! );
//!
//! // A scope nobody can hold is refused now, not on each request.
//! assert!(RequireLayer::builder().scope("payments.*.create").build().is_err());
//! # Ok(())
//! # }
//! ```

pub mod future;
mod layer;
mod service;

pub use self::layer::{CallerSource, RequireBuilder, RequireLayer};
pub use self::service::Require;

#[cfg(test)]
mod tests;
