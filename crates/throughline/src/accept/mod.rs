//! Accept: a request gets one verified answer to who is acting, for which tenant, or is refused.
//!
//! The layer performs these steps in this order. The order is part of the contract and frozen in
//! the golden vectors: cheap before dear, no claim is believed or parsed before its signature is
//! checked, nothing is looked up for an unauthenticated caller.
//!
//! 1. **Read totally.** All values of every owned field (`Txn-Token`, header witnesses, the legacy
//!    header), under a cap of 8 KiB. Over it: `context_oversized`; more than one value, a list, a
//!    look-alike name: `context_ambiguous`; named in `Connection`: `context_stripped`.
//! 2. **Present?** No token is `context_missing`, never "anonymous". A route is
//!    [exempt](AcceptBuilder::exempt) by exact path or by the marker [`Exempt`](crate::Exempt),
//!    which allows *absence*: a token that is present is checked there as anywhere.
//! 3. **Well-formed**, 4. **genuine**, 5. **for us, now**, 6. **still true**:
//!    [`TrustDomain::verify`].
//! 7. **Agreed.** Every declared [`Witness`] is read and compared.
//! 8. **Complete.** Every copy this service [relies on](AcceptBuilder::relies_on) is promised by
//!    the token, present and equal.
//! 9. **Install.** The admitted context goes into the request's extensions, where
//!    [`TenantContext`](crate::TenantContext) and [`Require`](crate::require) find it.
//!
//! Witnesses are read first; then every owned field is removed, on every path: admitted, exempt,
//! anonymous, reported, off. A [legacy header](AcceptBuilder::with_legacy_header) that handlers
//! still read is set anew from the proof. On the way back every owned field and owned baggage member
//! is removed from the response and its trailers, whatever its status: a handler that copies fields
//! over does not hand a context to the client.
//!
//! A refusal is problem details with the reason and an id; see [`Refused`](crate::Refused).
//!
//! # Caveats
//!
//! - A stolen token works until it expires, for whoever can reach the service: demand a
//!   [caller](crate::RequireBuilder::caller) where that matters.
//! - A handler can still talk to the wrong database. `Accept` gives it the tenant; using it is its
//!   own work.
//!
//! # Cancel safety
//!
//! Nothing is kept between requests. A future that is dropped while it waits for keys leaves the
//! shared fetch to the others.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use throughline::{AcceptLayer, Freshness, TenantContext, TrustDomain, Witness};
//! # use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
//! # use throughline_jose::mint::{SigningKey, TokenIssuer};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let issuer = TokenIssuer::new(TrustDomainName::new("prod.acme.internal")?, SigningKey::generate()?);
//! # let keys = issuer.key_source();
//! let domain = TrustDomain::new("prod.acme.internal")?
//!     .with_keys(keys)
//!     .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
//!
//! let app: Router = Router::new()
//!     .route("/t/{tenant}/orders", get(|cx: TenantContext| async move { cx.tenant().to_string() }))
//!     .route("/health", get(|| async { "ok" }))
//!     .layer(
//!         AcceptLayer::builder(domain)
//!             .add_witness(Witness::path("tenant"))
//!             .exempt("/health")
//!             .build()?,
//!     );
//!
//! # let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
//! # let now = throughline::SystemClock.now();
//! # use throughline_core::time::Clock;
//! let token = issuer.mint(Draft::user(ada, now)?)?;
//! let call = |path: &str| Request::get(path).header("txn-token", &token).body(Body::empty());
//!
//! // A token of `acme` opens the path of `acme` …
//! let response = app.clone().oneshot(call("/t/acme/orders")?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! // … and no other, and nothing opens without one but the exempt path.
//! let response = app.clone().oneshot(call("/t/globex/orders")?).await?;
//! assert_eq!(response.status(), StatusCode::FORBIDDEN);
//! let response = app.clone().oneshot(Request::get("/t/acme/orders").body(Body::empty())?).await?;
//! assert_eq!(response.status(), StatusCode::BAD_REQUEST);
//! let response = app.oneshot(Request::get("/health").body(Body::empty())?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! [`TrustDomain::verify`]: throughline_jose::TrustDomain::verify
//! [`Witness`]: crate::Witness

mod decide;
pub mod future;
mod layer;
mod service;

pub use self::layer::{AcceptBuilder, AcceptLayer};
pub use self::service::Accept;

#[cfg(test)]
mod tests;
