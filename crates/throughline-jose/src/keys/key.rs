//! One admitted key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::{hmac, rand};

use super::admission::{self, AdmissionPolicy};
use super::error::{KeyError, SecretError, SecretErrorKind};
use crate::algorithm::{Algorithm, Scheme};
use crate::base64url;

/// The longest `kid` that is kept, in bytes. A longer one belongs to no key here.
pub const MAX_KID_LEN: usize = 256;

/// A key that passed admission, parsed and bound to one algorithm.
///
/// Cloning is cheap and shares the parsed key. `Debug` shows `kid`, algorithm and the beginning of
/// the thumbprint, and nothing of the key itself.
///
/// ```
/// use throughline_jose::keys::{AdmissionPolicy, SkipReason};
/// use throughline_jose::{Algorithm, VerifyingKey};
///
/// let policy = AdmissionPolicy::new();
/// let jwk = br#"{"kty": "OKP", "crv": "Ed25519", "kid": "2026-07",
///                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let key = VerifyingKey::from_jwk(jwk, &policy)?;
/// assert_eq!(key.algorithm(), Algorithm::EdDsa);
/// assert!(!key.verify(b"message", &[0; 64]));
///
/// // A P-521 key has no algorithm here.
/// let jwk = br#"{"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}"#;
/// let refused = VerifyingKey::from_jwk(jwk, &policy).unwrap_err();
/// assert_eq!(refused.reason(), SkipReason::CurveUnsupported);
/// # Ok::<(), throughline_jose::keys::KeyError>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey(Arc<Admitted>);

struct Admitted {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    issuer: Option<Box<str>>,
    thumbprint: Thumbprint,
    signature_len: usize,
    material: Material,
}

/// The parsed key. It has no `Debug` on purpose: the one of `ParsedPublicKey` prints the key.
enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Admits one JSON Web Key.
    ///
    /// # Errors
    ///
    /// The key breaks one of the rules of [`keys`](crate::keys), which the error names. Nothing but
    /// another key helps, except where `policy` is narrower than was meant.
    pub fn from_jwk(jwk: &[u8], policy: &AdmissionPolicy) -> Result<Self, KeyError> {
        admission::admit(jwk, policy).map_err(KeyError::from)
    }

    /// Made by `admission` alone, after every rule has held.
    pub(super) fn public(
        kid: Option<Box<str>>,
        algorithm: Algorithm,
        issuer: Option<Box<str>>,
        thumbprint: Thumbprint,
        signature_len: usize,
        key: ParsedPublicKey,
    ) -> Self {
        Self(Arc::new(Admitted {
            kid,
            algorithm,
            issuer,
            thumbprint,
            signature_len,
            material: Material::Public(key),
        }))
    }

    /// Made by [`KeySet::danger_from_hmac_secret`](super::KeySet::danger_from_hmac_secret) alone.
    pub(super) fn secret(
        kid: Option<&str>,
        algorithm: Algorithm,
        secret: &[u8],
    ) -> Result<Self, SecretError> {
        let Scheme::Hmac(hash) = algorithm.scheme() else {
            return Err(SecretErrorKind::AlgorithmNotHmac.into());
        };
        if kid.is_some_and(|kid| !is_valid_kid(kid)) {
            return Err(SecretErrorKind::KidInvalid.into());
        }
        if secret.len() < hash.tag_len() {
            return Err(SecretErrorKind::TooShort.into());
        }
        if is_key_text(secret) {
            return Err(SecretErrorKind::KeyText.into());
        }
        // A digest of the secret would let whoever sees it test guesses, so a secret is told from
        // another by chance instead.
        let mut random = [0; 32];
        rand::fill(&mut random).map_err(|_| SecretErrorKind::Randomness)?;
        Ok(Self(Arc::new(Admitted {
            kid: kid.map(Box::from),
            algorithm,
            issuer: None,
            thumbprint: Thumbprint(random),
            signature_len: hash.tag_len(),
            material: Material::Secret(Box::new(hmac::Key::new(hash, secret))),
        })))
    }

    /// The name of the key within its set.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The one algorithm this key verifies with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The `issuer` member that Microsoft Entra adds to each key of its shared sets: the issuer
    /// this key signs for, which may hold the literal placeholder `{tenantid}`. A verifier must
    /// hold the token's `iss` and `tid` against it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    /// The thumbprint of the key.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.0.thumbprint
    }

    /// The length of every signature by this key, in bytes: 64 for EdDSA and ES256, 96 for ES384,
    /// that of the modulus for RSA, that of the hash for HMAC. A shorter signature was cut.
    #[must_use]
    pub fn signature_len(&self) -> usize {
        self.0.signature_len
    }

    /// Whether `signature` is this key's signature of `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0.material {
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.0.material, Material::Secret(_))
    }

    /// Everything that makes a key this key. Sets are ordered by it, `kid` first.
    pub(super) fn identity(&self) -> (Option<&str>, Thumbprint, Algorithm, Option<&str>) {
        (
            self.kid(),
            self.thumbprint(),
            self.algorithm(),
            self.issuer(),
        )
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for VerifyingKey {}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid())
            .field("algorithm", &self.algorithm())
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}

/// The SHA-256 thumbprint of a public key, RFC 7638.
///
/// The thumbprint of an HMAC secret is drawn at random when the key is made, so that it tells
/// nothing about the secret; it tells keys apart within one process and no further.
///
/// `Display` is the base64url of RFC 7638 §3.1, `Debug` its first eight characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Hashes the required members, which the caller has put into the order of RFC 7638 §3.3.
    pub(super) fn of(canonical: &str) -> Self {
        let digest = digest::digest(&SHA256, canonical.as_bytes());
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The bytes of the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self:.8}…)")
    }
}

pub(super) fn is_valid_kid(kid: &str) -> bool {
    (1..=MAX_KID_LEN).contains(&kid.len()) && !kid.chars().any(char::is_control)
}

/// Whether a secret is the text of some key, as in CVE-2022-29217 and CVE-2026-34950: whoever
/// knows the public key could then make tokens. Blanks in front change nothing. The secret is
/// looked at where it is, as a copy of it would stay in memory.
fn is_key_text(secret: &[u8]) -> bool {
    const MARKS: [&[u8]; 4] = [b"-----BEGIN ", b"---- BEGIN ", b"\"kty\"", b"\"keys\""];
    const OPENSSH: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];

    let holds = |mark: &[u8]| secret.windows(mark.len()).any(|window| window == mark);
    if MARKS.into_iter().any(holds) {
        return true;
    }
    let Ok(text) = str::from_utf8(secret) else {
        return false;
    };
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    OPENSSH.iter().any(|name| text.starts_with(name))
        || (text.starts_with(['{', '['])
            && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}
