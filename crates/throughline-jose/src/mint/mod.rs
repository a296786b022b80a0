//! Minting transaction tokens with keys of this process.
//!
//! Rules:
//!
//! 1. A token is `EdDSA`, `typ: txntoken+jwt`, and names its key by `kid`.
//! 2. A token never outlives its task's deadline, and is never larger than
//!    [`OwnedFields::DEFAULT_SENDER_MAX_BYTES`](throughline_core::carrier::OwnedFields::DEFAULT_SENDER_MAX_BYTES):
//!    who mints hears of it before a proxy on the way does.
//! 3. Keys overlap in rotation: a key is published before it signs and after it has stopped.

mod issuer;
mod signing;

pub use self::issuer::{MintError, MintErrorKind, Minted, OwnToken, RotationError, TokenIssuer};
pub use self::signing::{SigningKey, SigningKeyError};

#[cfg(test)]
mod tests;
