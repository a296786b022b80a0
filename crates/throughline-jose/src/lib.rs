//! Signed tokens for Throughline: key sets, verification, minting, and the cache of verified
//! tokens.
//!
//! | module | promise |
//! |---|---|
//! | [`keys`] | a key that exists here passed admission, and is bound to one algorithm |
//! | `endpoint` | one place is asked over HTTP(S), and nothing else: no redirect, no address out of reach |
//! | [`source`] | key sets are fetched without being asked too often, kept when a fetch fails, and honour removal |
//! | [`verify`] | a token is accepted only in the frozen order of checks |
//! | [`mint`] | tokens are signed with keys that overlap in rotation |
//!
//! [`TrustDomain`] ties them together for a service; see its example.

mod algorithm;
mod base64url;
mod clock;
#[cfg(feature = "fetch-http")]
pub mod endpoint;
pub mod keys;
pub mod mint;
pub mod source;
pub mod verify;

pub use self::algorithm::Algorithm;
pub use self::clock::SystemClock;
pub use self::keys::{AdmissionPolicy, KeySet, VerifyingKey};
pub use self::mint::{SigningKey, TokenIssuer};
pub use self::source::{KeySource, Keys};
pub use self::verify::{TokenType, TrustDomain};
