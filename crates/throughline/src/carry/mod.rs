//! Carry: a call keeps its context across the hop, or is refused before it is sent.
//!
//! The layer goes around an HTTP client and performs these steps for each call:
//!
//! 1. **Where to?** A target without a host is `destination_mismatch`. A destination outside the
//!    [list](Destinations) gets nothing of ours: every owned field and owned baggage member is
//!    removed, and the call passes.
//! 2. **Which context?** The one given to the call with
//!    [`in_context`](crate::InContext::in_context), else the one the request was admitted with. A
//!    call without one is refused with `context_missing`, unless the layer
//!    [allows it](CarryBuilder::allow_missing); it is never sent anonymously by accident. A call
//!    that has another token already is `parent_mismatch`; another field of ours that holds
//!    something else is `context_ambiguous`. The same again is fine.
//! 3. **Still good?** An expired context is refused with `context_expired`. One about to expire is
//!    [replaced](CarryBuilder::with_renewal) through the token seam: never wider, its `as_of`
//!    unchanged.
//! 4. **Written and read back.** The token byte for byte, then the copies it promises. A size limit
//!    that drops one is an error here, not a surprise at the receiver.
//! 5. **Nothing comes back.** Owned fields and baggage members are removed from the response, and
//!    from its trailers, which some clients merge into the fields.
//!
//! It takes the context from the request's extensions and from nowhere else, so it works in another
//! task ([`tower::buffer`]), and a retry that loses the extensions is refused instead of sent
//! without.
//!
//! # Caveat
//!
//! A client that follows redirects by itself does so below this layer, where it cannot see them.
//! Turn that off, or stop it at the border of the domain: [`Destinations::contains`] is what a
//! redirect policy asks, and `throughline-reqwest` ships one for reqwest.
//!
//! The token is marked sensitive, so that no log prints it with the other fields. HTTP/2 therefore
//! does not index it (RFC 7541 §7.1.3) and sends it whole with each call, which is what most of a
//! hop costs. [`CarryBuilder::allow_indexing`] is the other choice; the benchmark shows both.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use throughline::{CarryLayer, InContext, TenantContext};
//!
//! # fn example(cx: TenantContext) -> Result<(), Box<dyn std::error::Error>> {
//! let carry = CarryLayer::builder(["billing.internal", "*.svc.internal"]).build()?;
//! let request = Request::get("http://billing.internal/invoices").in_context(&cx).body(())?;
//!
//! // A pattern for everywhere is refused when the layer is built.
//! assert!(CarryLayer::builder(["*"]).build().is_err());
//! # Ok(())
//! # }
//! ```
//!
//! [`tower::buffer`]: https://docs.rs/tower/latest/tower/buffer

mod destination;
mod error;
pub mod future;
mod layer;
mod outgoing;
mod service;
mod write;

pub use self::destination::Destinations;
pub use self::error::CarryError;
pub use self::layer::{CarryBuilder, CarryLayer};
pub(crate) use self::outgoing::drop_given;
pub use self::outgoing::{Carried, InContext, Narrowed, Narrowing, NarrowingError, set_context};
pub use self::service::Carry;

#[cfg(test)]
mod tests;
