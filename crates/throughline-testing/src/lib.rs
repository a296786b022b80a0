//! A catalogue of attacks on tenant context, to run against your own service.
//!
//! A service that serves tenants is only as good as what it refuses. This crate holds two hundred
//! attacks as data, each with the public source that it imitates and an honest twin, and everything
//! it takes to try them: real keys, a key server and a token service that fail in every way, a feed
//! of revocations, and a clock that the test moves.
//!
//! | module | promise |
//! |---|---|
//! | [`catalogue`] | every attack, to be chosen and aimed |
//! | [`target`] | what an honest request to your service looks like |
//! | [`run`] | each attack beside its twin, against a tower service or over a wire |
//! | [`judge`] | a verdict from the answers alone, also for services that know nothing of Throughline |
//! | [`report`] | which attack, what was sent, what came back, why it matters; never a token |
//! | [`domain`] | a trust domain in the hands of the test |
//!
//! 1. **An attack whose twin is refused was not run**, and never counts as held: a request that is
//!    broken is refused by every service.
//! 2. **What cannot be judged is said**: a redirect, an error of the server, an answer that never
//!    ends, two tenants who get the same answer.
//! 3. **Attacks that apply are seen in the honest request**: where it names its tenant in the path,
//!    in a header, in the query, in the body, in the host, there it is attacked.
//! 4. **Nothing is faked that decides**: keys, signatures and tokens are real.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use throughline::{AcceptLayer, TenantContext, Witness};
//! use throughline_testing::TestDomain;
//! use throughline_testing::catalogue::Catalogue;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = TestDomain::new();
//! let attacks = Catalogue::http().at("/t/{tenant}/orders");
//!
//! let orders = |cx: TenantContext| async move { format!("the orders of {}", cx.tenant()) };
//! let accept = AcceptLayer::builder(domain.trust_domain()).add_witness(Witness::path("tenant"));
//! let app: Router = Router::new()
//!     .route("/t/{tenant}/orders", get(orders))
//!     .layer(accept.build()?);
//! attacks.run_against(app, &domain).await.assert_all_refused(); // and every honest twin served
//!
//! // The same service without the witness: a genuine token opens every tenant's path.
//! let app: Router = Router::new()
//!     .route("/t/{tenant}/orders", get(orders))
//!     .layer(AcceptLayer::new(domain.trust_domain()));
//! let report = attacks.run_against(app, &domain).await;
//! assert!(report.accepted().any(|attack| attack.id() == "witnesses/path-of-another"));
//! # Ok(())
//! # }
//! ```
//!
//! `throughline probe URL`, of the crate `throughline-cli`, sends the same attacks to a service that
//! runs somewhere, and needs two tenants' tokens and nothing else.

pub mod attack;
pub mod captured_log;
pub mod catalogue;
pub mod clock;
pub mod domain;
pub mod forge;
pub mod issuer;
pub mod judge;
pub mod key;
pub mod key_server;
pub mod report;
pub mod run;
pub mod target;
pub mod vectors;

pub use self::captured_log::CapturedLog;
pub use self::catalogue::Catalogue;
pub use self::clock::HandClock;
pub use self::domain::TestDomain;
pub use self::issuer::{IssuerFault, TestIssuer};
pub use self::key::{TestKey, TestKeyError};
#[cfg(feature = "network")]
pub use self::key_server::Listening;
pub use self::key_server::{KeyFault, KeyServer};
