//! Signature algorithms by their JOSE names.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};

/// A signature algorithm of JSON Web Signature.
///
/// RFC 8725bis §3.1 wants one algorithm for each key and an explicit list of those in use, so what
/// is not listed here does not exist: `none` in any spelling, and ES256K, ES512 or ML-DSA. A token
/// never chooses; its `alg` is compared with the algorithm of the key that was found for it.
///
/// ```
/// use throughline_jose::Algorithm;
///
/// assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::Es256));
/// // RFC 9864 gave the algorithm a second name.
/// assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDsa));
///
/// // Names are compared exactly: RFC 7515 §4.1.1.
/// assert_eq!(Algorithm::from_name("es256"), None);
/// assert_eq!(Algorithm::from_name("none"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519, RFC 8037; named `EdDSA`, or `Ed25519` since RFC 9864.
    EdDsa,
    /// ECDSA over P-256 with SHA-256, RFC 7518 §3.4.
    Es256,
    /// ECDSA over P-384 with SHA-384, RFC 7518 §3.4.
    Es384,
    /// HMAC with SHA-256, RFC 7518 §3.2; only by [`KeySet::danger_from_hmac_secret`].
    ///
    /// [`KeySet::danger_from_hmac_secret`]: crate::KeySet::danger_from_hmac_secret
    Hs256,
    /// HMAC with SHA-384, as [`Algorithm::Hs256`].
    Hs384,
    /// HMAC with SHA-512, as [`Algorithm::Hs256`].
    Hs512,
    /// RSASSA-PSS with SHA-256, RFC 7518 §3.5.
    Ps256,
    /// RSASSA-PSS with SHA-384, RFC 7518 §3.5.
    Ps384,
    /// RSASSA-PSS with SHA-512, RFC 7518 §3.5.
    Ps512,
    /// RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 §3.3.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384, RFC 7518 §3.3.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512, RFC 7518 §3.3.
    Rs512,
}

impl Algorithm {
    /// Every algorithm a published key can have: all but HMAC.
    pub const ASYMMETRIC: [Self; 9] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// The algorithm a JOSE `alg` value names, compared byte by byte.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "EdDSA" | "Ed25519" => Self::EdDsa,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            _ => return None,
        })
    }

    /// The name written into headers. For Ed25519 that is `EdDSA`, which more peers read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// Whether signer and verifier share one secret.
    #[must_use]
    pub fn is_hmac(self) -> bool {
        matches!(self.scheme(), Scheme::Hmac(_))
    }

    pub(crate) fn scheme(self) -> Scheme {
        match self {
            Self::EdDsa => Scheme::Ed25519,
            Self::Es256 => Scheme::Ecdsa(&Curve::P256),
            Self::Es384 => Scheme::Ecdsa(&Curve::P384),
            Self::Hs256 => Scheme::Hmac(hmac::HMAC_SHA256),
            Self::Hs384 => Scheme::Hmac(hmac::HMAC_SHA384),
            Self::Hs512 => Scheme::Hmac(hmac::HMAC_SHA512),
            Self::Ps256 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Rs256 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an algorithm asks of the library below, and so of a key.
#[derive(Clone, Copy)]
pub(crate) enum Scheme {
    Ecdsa(&'static Curve),
    Ed25519,
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters),
}

/// A curve with exactly one JOSE algorithm, RFC 7518 §3.4.
pub(crate) struct Curve {
    pub(crate) coordinate_len: usize,
    /// The form `r || s`: JOSE has no other, and ASN.1 would let one signature be written twice.
    pub(crate) verification: &'static EcdsaVerificationAlgorithm,
}

impl Curve {
    pub(crate) const P256: Self = Self {
        coordinate_len: 32,
        verification: &signature::ECDSA_P256_SHA256_FIXED,
    };
    pub(crate) const P384: Self = Self {
        coordinate_len: 48,
        verification: &signature::ECDSA_P384_SHA384_FIXED,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const HMAC: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];

    #[test]
    fn every_name_reads_back() {
        for algorithm in Algorithm::ASYMMETRIC.into_iter().chain(HMAC) {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(algorithm.to_string(), algorithm.name());
        }
    }

    #[test]
    fn the_two_names_of_ed25519_are_one_algorithm() {
        assert_eq!(Algorithm::from_name("EdDSA"), Some(Algorithm::EdDsa));
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDsa));
    }

    #[test]
    fn unknown_names_and_other_spellings_are_no_algorithm() {
        for name in [
            "",
            "none",
            "None",
            "NONE",
            "nOnE",
            "rs256",
            "Rs256",
            "RS256 ",
            " RS256",
            "RS256\0",
            "RS1",
            "ES512",
            "ES521",
            "ES256K",
            "Ed448",
            "eddsa",
            "EDDSA",
            "ed25519",
            "HS1",
            "ML-DSA-44",
            "RSA-OAEP",
            "dir",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn only_hmac_shares_a_secret() {
        assert!(HMAC.into_iter().all(Algorithm::is_hmac));
        assert!(!Algorithm::ASYMMETRIC.into_iter().any(Algorithm::is_hmac));
    }
}
