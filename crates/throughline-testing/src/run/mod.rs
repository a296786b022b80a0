//! Running attacks: in process against any tower service, or over whatever a [`Sender`] speaks.
//!
//! For each attack, in this order:
//!
//! 1. **Does it apply?** What it needs must be offered by the target or the world; else the report
//!    says what is missing.
//! 2. **The honest twin** is sent, and must be served. Where it is not, the attack counts as not
//!    run.
//! 3. **Every variant** of the attack is sent, each after what has to happen before it, and the
//!    world is put back afterwards.
//! 4. **The twin again**: the service still lives, gives away nothing of the other tenant's, and what
//!    differs between the two answers to the same request is known to change by itself.
//! 5. **The judge** looks at the answers; the worst variant decides.
//!
//! Attacks run one after the other. A run ends, if its sender always does.
//!
//! ```
//! use http::StatusCode;
//! use throughline_testing::catalogue::Catalogue;
//! use throughline_testing::run::{Answer, Failure, Outgoing, Run, World};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! /// A service that asks nobody who they are.
//! async fn open(_: Outgoing) -> Result<Answer, Failure> {
//!     let (headers, trailers) = Default::default();
//!     Ok(Answer::new(StatusCode::OK, headers, "everything of everybody".into(), trailers))
//! }
//!
//! let catalogue = Catalogue::http().at("/t/{tenant}/orders").only(["tokens/none"]);
//! let report = Run::new(&catalogue, World::stranger("token-of-acme")).against(&open).await;
//! assert_eq!(report.counts().accepted, 1);
//! # }
//! ```

mod exchange;
mod fill;
mod in_process;
mod many;
#[cfg(feature = "network")]
pub mod network;
mod plan;
mod render;
mod runner;
mod sender;
mod shot;
mod twin;
mod weigh;
mod world;

pub use self::exchange::{Answer, Failure, Outgoing};
pub use self::in_process::{InProcess, RequestBody};
pub use self::plan::{Plan, Planned};
pub use self::runner::Run;
pub use self::sender::Sender;
pub use self::world::World;
