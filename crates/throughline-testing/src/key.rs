//! A key that signs anything, as no honest service would.
//!
//! ```
//! use serde_json::json;
//! use throughline_core::Reason;
//! use throughline_testing::{TestDomain, TestKey};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = TestDomain::new();
//! domain.load().await?;
//! let (own, claims) = (domain.key(), domain.claims("acme"));
//!
//! // The key of the domain signs what a token service signs, and is believed …
//! let honest = own.sign(&own.header(), &claims);
//! assert!(domain.trust_domain().verify(honest.as_bytes()).is_ok());
//!
//! // … and an attacker's key under its name is not.
//! let attacker = TestKey::generate().with_kid(own.kid());
//! let forged = attacker.sign(&attacker.header(), &claims);
//! let refusal = domain.trust_domain().verify(forged.as_bytes()).unwrap_err();
//! assert_eq!(refusal.reason(), Reason::SignatureInvalid);
//! # Ok(())
//! # }
//! ```

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_jose::mint::{RotationError, SigningKey, SigningKeyError};

/// A real Ed25519 key that signs any bytes, for tests only. Cloning shares it; `Debug` shows its
/// `kid`. See the [module](self).
#[derive(Clone)]
pub struct TestKey {
    kid: Arc<str>,
    pair: Arc<Ed25519KeyPair>,
    /// PKCS #8, version 1: the seed is its last 32 bytes (RFC 8410 §7).
    der: Arc<[u8]>,
}

impl TestKey {
    /// A new random key. Its `kid` is its thumbprint (RFC 7638).
    ///
    /// # Panics
    ///
    /// The system gives no randomness, so no test that signs can run.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a test without a key has failed, and this is the sentence it fails with"
    )]
    pub fn generate() -> Self {
        Self::try_generate().expect("the system gives no randomness for a test key")
    }

    fn try_generate() -> Option<Self> {
        let key = SigningKey::generate().ok()?;
        let der = key.danger_to_pkcs8().ok()?;
        let pair = Ed25519KeyPair::from_pkcs8(&der).ok()?;
        Some(Self {
            kid: key.kid().into(),
            pair: Arc::new(pair),
            der: der.into(),
        })
    }

    /// The same key under another name, which may be that of somebody else's key.
    #[must_use]
    pub fn with_kid(mut self, kid: &str) -> Self {
        self.kid = kid.into();
        self
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The header of an honest transaction token of this key.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({"typ": "txntoken+jwt", "alg": "EdDSA", "kid": &*self.kid})
    }

    /// The public half as a JSON Web Key.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        let kid = &*self.kid;
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x})
    }

    /// The whole key as a JSON Web Key, with the private member that must never be published.
    #[must_use]
    pub fn danger_private_jwk(&self) -> Value {
        let mut jwk = self.public_jwk();
        let seed = self.der.get(self.der.len().saturating_sub(32)..);
        if let (Some(members), Some(seed)) = (jwk.as_object_mut(), seed) {
            members.insert("d".into(), URL_SAFE_NO_PAD.encode(seed).into());
        }
        jwk
    }

    /// A compact token of this header and these claims, whatever they say.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// A compact token of these texts, byte for byte: they need not be JSON, and may hold a member
    /// twice.
    #[must_use]
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(header);
        let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// The signature over `message`: 64 bytes.
    #[must_use]
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// The same key for a [`TokenIssuer`](throughline_jose::TokenIssuer), which signs honestly.
    ///
    /// # Errors
    ///
    /// The `kid` that [`TestKey::with_kid`] gave is not 1 to 256 bytes without control characters.
    pub fn to_signing_key(&self) -> Result<SigningKey, SigningKeyError> {
        SigningKey::from_pkcs8(&self.der)?.with_kid(&self.kid)
    }
}

impl fmt::Debug for TestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// A step of a rotation is out of order, or the key is unusable: see its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestKeyError(Cause);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Key(SigningKeyError),
    Rotation(RotationError),
}

impl From<SigningKeyError> for TestKeyError {
    fn from(cause: SigningKeyError) -> Self {
        Self(Cause::Key(cause))
    }
}

impl From<RotationError> for TestKeyError {
    fn from(cause: RotationError) -> Self {
        Self(Cause::Rotation(cause))
    }
}

impl fmt::Display for TestKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Cause::Key(_) => "test key is unusable for an issuer",
            Cause::Rotation(_) => "rotation of the test key was refused",
        })
    }
}

impl Error for TestKeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match &self.0 {
            Cause::Key(cause) => cause,
            Cause::Rotation(cause) => cause,
        })
    }
}
