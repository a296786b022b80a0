//! Verifying a token: steps 3 to 6 of the hop, with real signatures.
//!
//! The order is owned by [`throughline_core::hop`]; this module brings what needs cryptography and
//! memory:
//!
//! 1. **Well-formed** ([`Envelope`]): exactly three parts of strict base64url; a header that is an
//!    object without duplicate, critical, embedded-key, compression or encryption members; the
//!    expected `typ`. None of it is left to a JWT library, as those in use skip most of it.
//! 2. **Genuine**: the key is found by `kid` in an admitted set; the token's `alg` is the key's
//!    own; the signature has the length the key's signatures have, and verifies.
//! 3. **For us, now, still true**: [`hop::verify`](throughline_core::hop::verify) against the
//!    domain's policy, freshness and clock.
//!
//! A [cache](CacheMetrics) of accepted tokens makes the second sight cheap: it skips the
//! cryptography and the parsing of step 4, and nothing else.

mod cache;
mod domain;
mod envelope;
mod header;

pub use self::cache::{CacheMetrics, Cached, TokenCache};
pub use self::domain::{
    DomainKeysWait, TrustDomain, TrustDomainError, TrustDomainWithKeys, TrustDomainWithoutKeys,
};
pub use self::envelope::{Envelope, TokenType};
pub use self::header::KnownHeaders;

#[cfg(test)]
mod tests;
