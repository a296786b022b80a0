//! placeholder
mod algorithm;
pub mod keys;
pub mod source;

pub use self::algorithm::Algorithm;
pub use self::keys::{AdmissionPolicy, KeySet, VerifyingKey};
pub use self::source::{KeySource, Keys};
