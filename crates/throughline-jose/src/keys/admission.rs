//! From the text of one JSON Web Key to a [`VerifyingKey`], or the rule it broke.

use std::borrow::Cow;
use std::collections::HashSet;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey, RsaPublicKeyComponents};
use serde_json::{Map, Value};
use throughline_core::json;

use super::error::SkipReason;
use super::key::{Thumbprint, VerifyingKey, is_valid_kid};
use super::weakness::{is_small_order, is_weak_modulus};
use crate::algorithm::{Algorithm, Curve, Scheme};
use crate::base64url;

/// RFC 7518 §3.3 and §3.5 ask for 2048 bits or more.
const RSA_MIN_BITS: usize = 2048;
/// The most that the cryptographic library verifies.
const RSA_MAX_BITS: usize = 8192;
/// As above: a longer exponent only makes each verification dearer.
const RSA_EXPONENT_MAX_BITS: usize = 33;

/// Members that a public key never has: RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2 and, for
/// `priv`, the AKP keys of the post-quantum drafts.
const PRIVATE_MEMBERS: [&str; 9] = ["d", "dp", "dq", "k", "oth", "p", "priv", "q", "qi"];

/// Which keys of an issuer are admitted.
///
/// The rules in [`keys`](super) always hold; a policy says what the issuer's configuration decides.
///
/// ```
/// use throughline_jose::keys::{AdmissionPolicy, KeySet};
/// use throughline_jose::Algorithm;
///
/// // Microsoft Entra publishes RSA keys without `alg`, so its configuration has to name one …
/// let entra = AdmissionPolicy::new().with_algorithms([Algorithm::Rs256]);
/// // … and a SPIFFE bundle marks the keys of its JWT-SVIDs.
/// let spiffe = AdmissionPolicy::new().with_uses(["jwt-svid"]);
///
/// let published = br#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "jwt-svid",
///     "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// assert_eq!(KeySet::parse(published, &spiffe)?.len(), 1);
/// assert_eq!(KeySet::parse(published, &entra)?.len(), 0);
/// # Ok::<(), throughline_jose::keys::KeySetError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AdmissionPolicy {
    algorithms: Cow<'static, [Algorithm]>,
    uses: Option<Vec<Box<str>>>,
    max_document_bytes: usize,
    max_keys: usize,
}

impl AdmissionPolicy {
    /// Every asymmetric algorithm, `use` absent or `sig`, documents of up to 512 KiB and 256 keys.
    pub fn new() -> Self {
        Self {
            algorithms: Cow::Borrowed(&Algorithm::ASYMMETRIC),
            uses: None,
            max_document_bytes: 512 * 1024,
            max_keys: 256,
        }
    }

    /// Admits only keys of these algorithms. Default: [`Algorithm::ASYMMETRIC`].
    ///
    /// A key that names no `alg` gets the one listed here that fits it. An RSA key fits six, so it
    /// is skipped as [`SkipReason::AlgorithmUnnamed`] unless only one of the six is listed. HMAC
    /// may be listed and is still never admitted, as no published key is a secret.
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Admits only keys whose `use` is one of these; a key without `use` is then skipped.
    /// Default: `use` is absent or `sig`.
    pub fn with_uses<U: Into<Box<str>>>(mut self, uses: impl IntoIterator<Item = U>) -> Self {
        self.uses = Some(uses.into_iter().map(Into::into).collect());
        self
    }

    /// The longest document that is read, in bytes. Default: 512 KiB.
    pub fn with_max_document_bytes(mut self, bytes: usize) -> Self {
        self.max_document_bytes = bytes;
        self
    }

    /// The most keys a document may hold, admitted or not. Default: 256.
    pub fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    pub(crate) fn max_document_bytes(&self) -> usize {
        self.max_document_bytes
    }

    pub(super) fn max_keys(&self) -> usize {
        self.max_keys
    }

    fn admits_use(&self, stated: Option<&str>) -> bool {
        match (&self.uses, stated) {
            (None, stated) => matches!(stated, None | Some("sig")),
            (Some(_), None) => false,
            (Some(uses), Some(stated)) => uses.iter().any(|admitted| **admitted == *stated),
        }
    }

    /// The one algorithm of a key: what it names, if that fits, else the only one that does.
    fn choose(
        &self,
        named: Option<&str>,
        fits: impl Fn(Scheme) -> bool,
    ) -> Result<Algorithm, SkipReason> {
        if let Some(name) = named {
            let algorithm = Algorithm::from_name(name).ok_or(SkipReason::AlgorithmUnknown)?;
            if !fits(algorithm.scheme()) {
                return Err(SkipReason::AlgorithmMismatch);
            }
            if !self.algorithms.contains(&algorithm) {
                return Err(SkipReason::AlgorithmNotAllowed);
            }
            return Ok(algorithm);
        }
        let mut fitting = Algorithm::ASYMMETRIC
            .into_iter()
            .filter(|algorithm| self.algorithms.contains(algorithm) && fits(algorithm.scheme()));
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(SkipReason::AlgorithmNotAllowed),
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(SkipReason::AlgorithmUnnamed),
        }
    }
}

impl Default for AdmissionPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one key. The order is cheap before dear, and a leak is told before anything else.
pub(super) fn admit(text: &[u8], policy: &AdmissionPolicy) -> Result<VerifyingKey, SkipReason> {
    let jwk = Jwk::read(text)?;
    jwk.check_is_public()?;
    jwk.check_types()?;
    let kid = jwk.text("kid")?;
    if kid.is_some_and(|kid| !is_valid_kid(kid)) {
        return Err(SkipReason::KidInvalid);
    }
    if !policy.admits_use(jwk.text("use")?) {
        return Err(SkipReason::UseRefused);
    }
    jwk.check_key_ops()?;

    let parsed = match jwk.required("kty")? {
        "EC" => jwk.ec_point(policy)?,
        "OKP" => jwk.ed25519_point(policy)?,
        "RSA" => jwk.rsa(policy)?,
        _ => return Err(SkipReason::KeyTypeUnsupported),
    };
    Ok(VerifyingKey::public(
        kid.map(Box::from),
        parsed.algorithm,
        jwk.text("issuer")?.map(Box::from),
        parsed.thumbprint,
        parsed.signature_len,
        parsed.key,
    ))
}

/// What the members of one kind of key come to.
struct Parsed {
    algorithm: Algorithm,
    thumbprint: Thumbprint,
    signature_len: usize,
    key: ParsedPublicKey,
}

struct Jwk(Map<String, Value>);

impl Jwk {
    fn read(text: &[u8]) -> Result<Self, SkipReason> {
        match json::parse(text) {
            Ok(members) => Ok(Self(members)),
            Err(error) if error.is_duplicate_member() => Err(SkipReason::MemberRepeated),
            Err(_) => Err(SkipReason::NotAnObject),
        }
    }

    fn check_is_public(&self) -> Result<(), SkipReason> {
        if self.0.get("kty").and_then(Value::as_str) == Some("oct") {
            return Err(SkipReason::SymmetricKey);
        }
        if PRIVATE_MEMBERS
            .iter()
            .any(|name| self.0.contains_key(*name))
        {
            return Err(SkipReason::PrivateMember);
        }
        Ok(())
    }

    /// The members we do not use, but whose type RFC 7517 §4 fixes: a key that gets them wrong was
    /// made by something that may get more wrong.
    fn check_types(&self) -> Result<(), SkipReason> {
        for name in ["x5u", "x5t", "x5t#S256"] {
            self.text(name)?;
        }
        self.texts("x5c")?;
        Ok(())
    }

    fn check_key_ops(&self) -> Result<(), SkipReason> {
        let Some(operations) = self.texts("key_ops")? else {
            return Ok(());
        };
        let distinct: HashSet<&str> = operations.iter().copied().collect();
        if distinct.len() != operations.len() || !distinct.contains("verify") {
            return Err(SkipReason::KeyOpsRefused);
        }
        Ok(())
    }

    fn ec_point(&self, policy: &AdmissionPolicy) -> Result<Parsed, SkipReason> {
        // RFC 7518 §6.2.1: required, so never guessed from the coordinates.
        let name = self.required("crv")?;
        let curve = match name {
            "P-256" => Curve::P256,
            "P-384" => Curve::P384,
            _ => return Err(SkipReason::CurveUnsupported),
        };
        let algorithm = policy.choose(self.text("alg")?, |scheme| {
            matches!(scheme, Scheme::Ecdsa(of) if of.coordinate_len == curve.coordinate_len)
        })?;
        let (x, y) = (self.required("x")?, self.required("y")?);
        // SEC 1 §2.3.3, uncompressed.
        let mut point = vec![0x04];
        for coordinate in [x, y] {
            let bytes = decode(coordinate)?;
            // RFC 7518 §6.2.1.2: leading zeros are kept, so the length is exact.
            if bytes.len() != curve.coordinate_len {
                return Err(SkipReason::LengthInvalid);
            }
            point.extend_from_slice(&bytes);
        }
        Ok(Parsed {
            algorithm,
            thumbprint: Thumbprint::of(&format!(
                r#"{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}"#
            )),
            signature_len: 2 * curve.coordinate_len,
            key: ParsedPublicKey::new(curve.verification, point)
                .map_err(|_| SkipReason::PointInvalid)?,
        })
    }

    fn ed25519_point(&self, policy: &AdmissionPolicy) -> Result<Parsed, SkipReason> {
        if self.required("crv")? != "Ed25519" {
            return Err(SkipReason::CurveUnsupported);
        }
        let algorithm = policy.choose(self.text("alg")?, |scheme| {
            matches!(scheme, Scheme::Ed25519)
        })?;
        let x = self.required("x")?;
        // Of another length the library would try it as an X.509 structure.
        let point = <[u8; 32]>::try_from(decode(x)?).map_err(|_| SkipReason::LengthInvalid)?;
        if is_small_order(&point) {
            return Err(SkipReason::PointInvalid);
        }
        Ok(Parsed {
            algorithm,
            thumbprint: Thumbprint::of(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)),
            signature_len: 64,
            key: ParsedPublicKey::new(&ED25519, point).map_err(|_| SkipReason::PointInvalid)?,
        })
    }

    fn rsa(&self, policy: &AdmissionPolicy) -> Result<Parsed, SkipReason> {
        let algorithm =
            policy.choose(self.text("alg")?, |scheme| matches!(scheme, Scheme::Rsa(_)))?;
        let Scheme::Rsa(parameters) = algorithm.scheme() else {
            return Err(SkipReason::AlgorithmMismatch);
        };
        let (n, e) = (self.required("n")?, self.required("e")?);
        let (modulus, exponent) = (unsigned(n)?, unsigned(e)?);
        if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits(&modulus)) {
            return Err(SkipReason::RsaSize);
        }
        // Two bits and odd is 3 or more.
        let odd = exponent.last().is_some_and(|low| low & 1 == 1);
        if !odd || !(2..=RSA_EXPONENT_MAX_BITS).contains(&bits(&exponent)) {
            return Err(SkipReason::RsaExponent);
        }
        if is_weak_modulus(&modulus) {
            return Err(SkipReason::RsaWeak);
        }
        let signature_len = modulus.len();
        let components = RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        Ok(Parsed {
            algorithm,
            thumbprint: Thumbprint::of(&format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)),
            signature_len,
            key: components
                .to_parsed_public_key(parameters)
                .map_err(|_| SkipReason::RsaWeak)?,
        })
    }

    fn text(&self, name: &str) -> Result<Option<&str>, SkipReason> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(SkipReason::MemberType),
        }
    }

    fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, SkipReason> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let values = value.as_array().ok_or(SkipReason::MemberType)?;
        let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
        texts.map(Some).ok_or(SkipReason::MemberType)
    }

    fn required(&self, name: &str) -> Result<&str, SkipReason> {
        self.text(name)?.ok_or(SkipReason::MemberMissing)
    }
}

/// Strict, so that the thumbprint can be taken from the text.
fn decode(text: &str) -> Result<Vec<u8>, SkipReason> {
    base64url::decode(text.as_bytes()).ok_or(SkipReason::EncodingInvalid)
}

/// RFC 7518 §2, `Base64urlUInt`: the minimum number of octets.
fn unsigned(text: &str) -> Result<Vec<u8>, SkipReason> {
    let bytes = decode(text)?;
    match bytes.first() {
        None | Some(0) => Err(SkipReason::LengthInvalid),
        Some(_) => Ok(bytes),
    }
}

/// The length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    let blank = number.first().map_or(0, |first| first.leading_zeros());
    number.len() * 8 - blank as usize
}
