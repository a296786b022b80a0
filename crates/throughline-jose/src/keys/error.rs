//! What is wrong with a key, a key set or a secret.

use std::error::Error;
use std::fmt;

/// The admission rule a key broke. See the [module](super) for the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// `alg` does not fit the kind or curve of the key.
    AlgorithmMismatch,
    /// The policy does not list the algorithm.
    AlgorithmNotAllowed,
    /// `alg` names no signature algorithm known here.
    AlgorithmUnknown,
    /// The key names no `alg`, and more than one that the policy lists would fit.
    AlgorithmUnnamed,
    /// `crv` is no curve known here.
    CurveUnsupported,
    /// A value is no strict base64url: padding, blanks or trailing bits.
    EncodingInvalid,
    /// `key_ops` holds no `verify`, or a value twice.
    KeyOpsRefused,
    /// `kty` is no kind of key known here.
    KeyTypeUnsupported,
    /// A different key has the same `kid`.
    KidConflict,
    /// `kid` is empty, longer than [`MAX_KID_LEN`](super::MAX_KID_LEN) or holds control characters.
    KidInvalid,
    /// A value has another length than the curve has, or leading zeros.
    LengthInvalid,
    /// A required member is absent.
    MemberMissing,
    /// A member occurs twice.
    MemberRepeated,
    /// A member is of another JSON type than its specification says.
    MemberType,
    /// The entry is no strict JSON object.
    NotAnObject,
    /// The point is not on the curve, or is of small order.
    PointInvalid,
    /// The key holds a private member: whoever published it leaked it.
    PrivateMember,
    /// The RSA exponent is even, below 3 or above 33 bits.
    RsaExponent,
    /// The RSA modulus is shorter than 2048 or longer than 8192 bits.
    RsaSize,
    /// The RSA modulus has a ROCA fingerprint or a small factor.
    RsaWeak,
    /// The key is an `oct` secret: whoever published it leaked it.
    SymmetricKey,
    /// `use` is not one that the policy admits.
    UseRefused,
}

impl SkipReason {
    /// Whether somebody has to act: secret material was published.
    #[must_use]
    pub fn is_alarm(self) -> bool {
        matches!(self, Self::PrivateMember | Self::SymmetricKey)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlgorithmMismatch => "`alg` does not fit the kind of key",
            Self::AlgorithmNotAllowed => "`alg` is not among the algorithms of this policy",
            Self::AlgorithmUnknown => "`alg` is no known signature algorithm",
            Self::AlgorithmUnnamed => "`alg` is absent and the policy does not leave just one",
            Self::CurveUnsupported => "`crv` is no known curve",
            Self::EncodingInvalid => "value is not strict base64url",
            Self::KeyOpsRefused => "`key_ops` does not allow `verify`, or repeats a value",
            Self::KeyTypeUnsupported => "`kty` is no known kind of key",
            Self::KidConflict => "`kid` is shared by different keys",
            Self::KidInvalid => "`kid` is empty, too long or holds control characters",
            Self::LengthInvalid => "value has another length than its kind of key requires",
            Self::MemberMissing => "required member is absent",
            Self::MemberRepeated => "member is repeated",
            Self::MemberType => "member has another type than expected",
            Self::NotAnObject => "key is not a strict json object",
            Self::PointInvalid => "public point is not on the curve or of small order",
            Self::PrivateMember => "key holds a private member",
            Self::RsaExponent => "rsa exponent is even, below 3 or above 33 bits",
            Self::RsaSize => "rsa modulus is outside 2048 to 8192 bits",
            Self::RsaWeak => "rsa modulus has a known weakness",
            Self::SymmetricKey => "key is a shared secret",
            Self::UseRefused => "`use` is not one that this policy admits",
        })
    }
}

/// An entry of a key set that was not admitted, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    index: usize,
    reason: SkipReason,
}

impl SkippedKey {
    pub(super) fn new(index: usize, reason: SkipReason) -> Self {
        Self { index, reason }
    }

    /// The place of the entry in `keys`, counted from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The rule that the entry broke.
    #[must_use]
    pub fn reason(&self) -> SkipReason {
        self.reason
    }
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} is skipped: {}", self.index, self.reason)
    }
}

/// Why a single key was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError(SkipReason);

impl KeyError {
    /// The rule that the key broke.
    #[must_use]
    pub fn reason(&self) -> SkipReason {
        self.0
    }
}

impl From<SkipReason> for KeyError {
    fn from(reason: SkipReason) -> Self {
        Self(reason)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key is not admitted: {}", self.0)
    }
}

impl Error for KeyError {}

/// Why a whole key set was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetError(KeySetErrorKind);

/// The rule a whole key set broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeySetErrorKind {
    /// Different keys given in memory have the same `kid`.
    KidConflict,
    /// Keys given in memory mix HMAC secrets with public keys.
    MixedKinds,
    /// The document has no `keys` array.
    NoKeys,
    /// The document is no JSON object: an error page, cut text, a trailing comma.
    NotJson,
    /// A member occurs twice at the top of the document.
    RepeatedMember,
    /// The document is longer than the policy allows.
    TooLarge,
    /// There are more keys than the policy allows.
    TooManyKeys,
}

impl KeySetError {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> KeySetErrorKind {
        self.0
    }
}

impl From<KeySetErrorKind> for KeySetError {
    fn from(kind: KeySetErrorKind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            KeySetErrorKind::KidConflict => "key set holds different keys under one `kid`",
            KeySetErrorKind::MixedKinds => "key set mixes shared secrets with public keys",
            KeySetErrorKind::NoKeys => "key set has no `keys` array",
            KeySetErrorKind::NotJson => "key set is not json",
            KeySetErrorKind::RepeatedMember => "key set repeats a member",
            KeySetErrorKind::TooLarge => "key set is larger than its policy allows",
            KeySetErrorKind::TooManyKeys => "key set has more keys than its policy allows",
        })
    }
}

impl Error for KeySetError {}

/// Why a shared secret was not accepted as an HMAC key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretError(SecretErrorKind);

/// The rule a shared secret broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretErrorKind {
    /// The algorithm is no HMAC.
    AlgorithmNotHmac,
    /// The secret is the text of a key: PEM, JWK, a JWK set or an OpenSSH line. Such a text is
    /// public or was meant for another algorithm.
    KeyText,
    /// The `kid` is empty, longer than [`MAX_KID_LEN`](super::MAX_KID_LEN) or holds control
    /// characters.
    KidInvalid,
    /// The system gave no random bytes.
    Randomness,
    /// The secret is shorter than the hash: RFC 7518 §3.2.
    TooShort,
}

impl SecretError {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.0
    }
}

impl From<SecretErrorKind> for SecretError {
    fn from(kind: SecretErrorKind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            SecretErrorKind::AlgorithmNotHmac => "algorithm is not an hmac",
            SecretErrorKind::KeyText => "secret is the text of a key",
            SecretErrorKind::KidInvalid => "`kid` is empty, too long or holds control characters",
            SecretErrorKind::Randomness => "system gave no random bytes",
            SecretErrorKind::TooShort => "secret is shorter than the hash of its algorithm",
        })
    }
}

impl Error for SecretError {}
