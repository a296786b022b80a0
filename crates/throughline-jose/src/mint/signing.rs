//! Signing keys.

use std::error::Error;
use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use crate::base64url;
use crate::keys::{AdmissionPolicy, VerifyingKey};

/// An Ed25519 key that signs. `Debug` shows its `kid` only.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifyingKey,
    kid: Box<str>,
}

impl SigningKey {
    /// A new random key. Its `kid` is its thumbprint (RFC 7638).
    ///
    /// # Errors
    ///
    /// The system gave no randomness.
    pub fn generate() -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| SigningKeyError(Kind::Randomness))?;
        Self::new(pair, None)
    }

    /// Reads a key from PKCS #8 DER (RFC 8410). Its `kid` is its thumbprint.
    ///
    /// # Errors
    ///
    /// `der` is not an Ed25519 key in PKCS #8.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| SigningKeyError(Kind::Pkcs8))?;
        Self::new(pair, None)
    }

    /// Replaces the `kid`.
    ///
    /// # Errors
    ///
    /// `kid` is not 1 to 256 bytes without control characters.
    pub fn with_kid(self, kid: &str) -> Result<Self, SigningKeyError> {
        Self::new(self.pair, Some(kid))
    }

    fn new(pair: Ed25519KeyPair, kid: Option<&str>) -> Result<Self, SigningKeyError> {
        let admit = |kid: &str| {
            VerifyingKey::from_jwk(jwk(&pair, kid).as_bytes(), &AdmissionPolicy::new())
                .map_err(|_| SigningKeyError(Kind::Kid))
        };
        let kid = match kid {
            Some(kid) => kid.into(),
            None => admit("thumbprint")?
                .thumbprint()
                .to_string()
                .into_boxed_str(),
        };
        let public = admit(&kid)?;
        Ok(Self { pair, public, kid })
    }

    /// The key in PKCS #8 DER. Whoever has it signs for this trust domain: write it nowhere but
    /// into a secret store.
    ///
    /// # Errors
    ///
    /// The key could not be encoded.
    pub fn danger_to_pkcs8(&self) -> Result<Vec<u8>, SigningKeyError> {
        let der = self
            .pair
            .as_der()
            .map_err(|_| SigningKeyError(Kind::Pkcs8))?;
        let der: &aws_lc_rs::encoding::Pkcs8V1Der<'_> = &der;
        Ok(der.as_ref().to_vec())
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, admitted.
    #[must_use]
    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// The public half as a JSON Web Key.
    #[must_use]
    pub fn public_jwk(&self) -> String {
        jwk(&self.pair, &self.kid)
    }

    pub(super) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.pair.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn jwk(pair: &Ed25519KeyPair, kid: &str) -> String {
    let x = base64url::encode(pair.public_key().as_ref());
    let kid = serde_json::Value::from(kid);
    format!(r#"{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":{kid},"x":"{x}"}}"#)
}

/// A signing key is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningKeyError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Kid,
    Pkcs8,
    Randomness,
}

impl fmt::Display for SigningKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Kid => "kid is unusable, expected 1 to 256 bytes without control characters",
            Kind::Pkcs8 => "text is not an ed25519 key in pkcs #8 der",
            Kind::Randomness => "the system gave no randomness for a key",
        })
    }
}

impl Error for SigningKeyError {}
