//! Where the keys of an issuer are published, and when they are there.
//!
//! [`DiscoveredKeys`] reads the discovery document of an issuer (OpenID Connect Discovery 1.0 §4,
//! and RFC 8414 §3 where said) and fetches the keys from where it points:
//!
//! 1. **Places come from the configuration.** The document is at an address made from the issuer's
//!    name as it was configured. Nothing is ever fetched from a place that a token names.
//! 2. **The document speaks for that issuer.** Its `issuer` is the configured text, byte for byte,
//!    else nothing in it counts (OpenID Connect Discovery 1.0 §4.3). Some say it otherwise, and then
//!    the other text is configured ([`DiscoveredKeys::stating`]).
//! 3. **It points to its own origin**, or to one that is listed. No redirect is followed.
//! 4. **Neither leads inside.** All addresses belong to the public Internet, checked after each
//!    resolution ([`Reach`]); an issuer on this machine, to this machine; one in a private network is
//!    said to be there ([`DiscoveredKeys::in_private_network`]).
//! 5. **The document is kept.** It is read with the keys, never by itself, so one cool-down bounds
//!    both: again when it is [`DiscoveredKeys::MAX_AGE`] old, and when the keys are no longer where it
//!    said. While it cannot be read, the one at hand counts. One that was read and lies is a failed
//!    fetch.
//! 6. **A failed fetch changes nothing** ([`throughline_jose::source`]): not the keys at hand, and
//!    not what is refused without them.
//!
//! [`Profile::keys`] knows for each vendor where its keys are. [`Issuers::load`] says whether a
//! process waits for them when it starts.
//!
//! # Caveat
//!
//! Whoever can answer for the issuer's host name, by a certificate that the system trusts, publishes
//! its keys. Addresses are checked, and what stands behind them is TLS's to say.
//!
//! # Example
//!
//! ```no_run
//! use std::time::Duration;
//! use throughline_identity::discovery::{KeySettings, Startup};
//! use throughline_identity::{Audience, Issuer, Issuers, Profile, Tenancy, TrustMap};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let name = "https://id.example";
//! let keys = Profile::RFC9068.keys(&KeySettings::of(name))?;
//! let issuer = Issuer::builder("workforce", Profile::RFC9068)
//!     .named(name)
//!     .with_keys(keys)
//!     .with_audience(Audience::one_of(["api://orders"]))
//!     .with_tenancy(Tenancy::claim("org"))
//!     .build()?;
//! let issuers = Issuers::new([issuer], TrustMap::new("identity team", "platform security"))?;
//! issuers.load(Startup::Wait { time: Duration::from_secs(30) }).await?;
//!
//! // A place inside is refused before anything is asked.
//! let metadata = KeySettings::of("https://169.254.169.254");
//! assert!(Profile::RFC9068.keys(&metadata).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! [`Reach`]: throughline_jose::endpoint::Reach
//! [`Profile::keys`]: crate::Profile::keys
//! [`Issuers::load`]: crate::Issuers::load

mod document;
mod error;
mod fetch;
mod keys;
mod place;
mod startup;

pub use self::error::{DiscoveryError, DiscoveryErrorKind};
pub use self::keys::{DiscoveredKeys, KeySettings};
pub use self::startup::{Startup, StartupError};
