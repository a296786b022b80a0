//! Keys that may vouch for a token, and the rules by which they are admitted.
//!
//! A key is parsed once, here, and not again for each signature. What passes is a
//! [`VerifyingKey`]; its existence is the proof that every rule below held:
//!
//! 1. **One key, one algorithm** (RFC 8725bis §3.1). It is the `alg` of the JWK or, where the JWK
//!    names none, the only one of [`AdmissionPolicy::with_algorithms`] that fits the key. A token
//!    never chooses it.
//! 2. **For this use.** `use` is absent or `sig`, unless the policy says otherwise; `key_ops` is
//!    absent, or holds `verify` and no value twice (RFC 7517 §4.2, §4.3).
//! 3. **Strong and well-formed.** RSA has 2048 to 8192 bits, an odd exponent of 3 or more, no small
//!    factor and no ROCA fingerprint (CVE-2017-15361); a curve is named, fits the algorithm, and
//!    its point is complete and on it (RFC 8725bis §3.4); Ed25519 has 32 bytes that are no point of
//!    small order. Values are strict base64url and of minimal length.
//! 4. **Public.** A key with a private member is skipped and raises an alarm: somebody published
//!    it. A published `oct` key is the same case.
//! 5. **Unambiguous.** No member occurs twice in a key. Different keys under one `kid` are all
//!    dropped; the same key twice is one key.
//!
//! A set is read key by key: what breaks a rule is skipped with its [`SkipReason`] and never fails
//! its neighbours, as providers publish keys of kinds not known yet. A document that is no key set
//! at all is a [`KeySetError`].
//!
//! Caveat: these rules say that a key is fit to verify, not whose it is. That comes from where the
//! set was loaded: see [`KeySource::for_issuer`](crate::KeySource::for_issuer).
//!
//! ```
//! use throughline_jose::keys::{AdmissionPolicy, KeySet, SkipReason};
//!
//! let document = br#"{"keys": [
//!     {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "2026-07",
//!      "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
//!     {"kty": "OKP", "crv": "Ed25519", "use": "enc", "kid": "wrong-use",
//!      "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
//! ]}"#;
//! let set = KeySet::parse(document, &AdmissionPolicy::new())?;
//!
//! assert!(set.find(Some("2026-07")).is_some());
//! assert!(set.find(Some("wrong-use")).is_none());
//! assert_eq!(set.skipped()[0].reason(), SkipReason::UseRefused);
//!
//! // An error page is no key set, whatever its status and content type said.
//! let error = KeySet::parse(b"<html>", &AdmissionPolicy::new()).unwrap_err();
//! assert_eq!(error.to_string(), "key set is not json");
//! # Ok::<(), throughline_jose::keys::KeySetError>(())
//! ```

mod admission;
mod error;
mod key;
mod set;
mod weakness;

#[cfg(test)]
mod tests;

pub use self::admission::AdmissionPolicy;
pub use self::error::{
    KeyError, KeySetError, KeySetErrorKind, SecretError, SecretErrorKind, SkipReason, SkippedKey,
};
pub use self::key::{MAX_KID_LEN, Thumbprint, VerifyingKey};
pub use self::set::KeySet;
