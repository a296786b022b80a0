//! Steps: the changes that make an attack of the honest request.

use serde::Deserialize;

use super::data::Data;
use super::text::Text;

/// One change of the honest request. In JSON an object with one member.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Replaces the body.
    Body(Text),
    /// Replaces the credential.
    Credential(Credential),
    /// Adds a header line, whatever is there already.
    HeaderAdd(Text, Text),
    /// Removes every line of a header.
    HeaderRemove(Text),
    /// Adds as many lines of a header.
    HeaderRepeat(Text, Text, u16),
    /// Replaces every line of a header by one.
    HeaderSet(Text, Text),
    /// Replaces the host.
    Host(Text),
    /// Replaces the tenant in the host.
    HostTenant(Text),
    /// Replaces the method.
    Method(Text),
    /// Replaces the path.
    Path(Text),
    /// Appends to the path, before the query.
    PathAppend(Text),
    /// Replaces the tenant in the path.
    PathTenant(Text),
    /// Replaces the query.
    Query(Text),
    /// Appends to the query, as it stands.
    QueryAppend(Text),
    /// Replaces the tenant in the query.
    QueryTenant(Text),
    /// Adds a trailer behind the body.
    Trailer(Text, Text),
}

/// The credential of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Credential {
    /// A token made for the attack.
    Forge(Box<Forge>),
    /// None at all.
    None,
    /// The other tenant's token.
    Other,
    /// The own tenant's token, as the honest request has it.
    Own,
    /// These bytes where the token stands.
    Raw(Text),
}

/// A token made from an honest one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Forge {
    /// Whose token it starts from. Default: the own tenant's.
    #[serde(default)]
    pub from: Who,
    /// Takes the claims of the other token, before they are edited.
    #[serde(default)]
    pub claims_of: Option<Who>,
    /// Edits of the header.
    #[serde(default)]
    pub header: Vec<Edit>,
    /// Edits of the claims.
    #[serde(default)]
    pub claims: Vec<Edit>,
    /// The payload, instead of claims: these bytes.
    #[serde(default)]
    pub payload: Option<Text>,
    /// How it is signed. Default: the honest token's signature stays.
    #[serde(default)]
    pub sign: Sign,
    /// Edits of the finished token.
    #[serde(default)]
    pub text: Vec<TextEdit>,
}

/// One of two tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The tenant that has no business there.
    Other,
    /// The tenant whose request it is.
    #[default]
    Own,
}

/// One edit of a JSON object; places are JSON Pointers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Edit {
    /// Adds a second member of the name, in front of the honest one.
    DuplicateBefore(String, Data),
    /// Adds a second member of the name, behind the honest one.
    DuplicateAfter(String, Data),
    /// Like [`Edit::DuplicateBefore`], its name spelled with an escape.
    DuplicateEscaped(String, Data),
    /// Nests a list as deep at the place.
    Nest(String, u32),
    /// Removes a member.
    Remove(String),
    /// Renames a member in its object.
    Rename(String, String),
    /// Adds or replaces a member.
    Set(String, Data),
    /// Adds to a number.
    Shift(String, i64),
}

/// How a forged token is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sign {
    /// With these bytes, in hexadecimal digits.
    Bytes(Hex),
    /// With a key of the attacker's, under the trusted key's name. The header's `alg` is set.
    Attacker(Algorithm),
    /// With a key of the attacker's that the header brings along as `jwk`. Its `alg` is set.
    Embedded(Algorithm),
    /// With an HMAC whose key anybody knows. The header's `alg` is set to `HS256`.
    Hmac(Hmac),
    /// The signature of the honest token, over other bytes.
    #[default]
    Keep,
    /// With nothing: the last part is empty.
    None,
    /// With the key that the service trusts.
    Trusted,
    /// With as many zero bytes.
    Zeros(u16),
}

/// Bytes that are written in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hex(Vec<u8>);

impl Hex {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |digit: char| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
        let digits = digits.ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no even number of hexadecimal digits"))
        })?;
        let byte = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        Ok(Self(digits.chunks(2).map(byte).collect()))
    }
}

/// An algorithm that an attacker signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Algorithm {
    /// `EdDSA` with Ed25519.
    EdDsa,
    /// `ES256`.
    Es256,
    /// `RS256`.
    Rs256,
}

impl Algorithm {
    /// The name in a token's header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// The key of an HMAC that anybody can compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hmac {
    /// No byte.
    Empty,
    /// The text of the first public key, as JSON.
    Jwk,
    /// The text of the published key set.
    Jwks,
    /// The first public key as PEM, as libraries that take either kind of key do.
    Pem,
    /// The same with a line feed in front.
    PemAfterBlank,
    /// The bytes of the first public key.
    Raw,
    /// A word from the first page of every list of passwords.
    Secret,
}

/// One edit of a finished token.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextEdit {
    /// Adds at the end.
    Append(Text),
    /// Cuts as many bytes from the end.
    Cut(usize),
    /// Turns one bit, at a place in thousandths of the length.
    Flip(usize),
    /// Turns one bit of the signature, as many letters from its end; it stays base64url.
    FlipSignature(usize),
    /// Keeps as many thousandths from the front.
    Keep(usize),
    /// Adds in front.
    Prepend(Text),
    /// Puts a text behind the header's part.
    AfterHeader(Text),
    /// Sets the spare bits of the last character, which decode to nothing.
    SpareBits,
}

/// Something done before the attack is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// The clock moves, by seconds.
    Clock(i64),
    /// The key server breaks.
    Keys(KeysFault),
    /// What vouches for the own tenant's token is withdrawn: its user.
    RevokeUser,
    /// The honest request of the own tenant, changed, is sent, and its answer ignored.
    Send(Vec<Step>),
    /// The same of the other tenant: `{own}` is that tenant there.
    SendAsOther(Vec<Step>),
    /// The tenant is suspended.
    Suspend(Who),
}

/// How the key server breaks, as far as one hop can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeysFault {
    /// It publishes a key of a stranger under the name of the honest one, too.
    DuplicateKids,
    /// It answers an empty set.
    Empty,
    /// It answers nothing.
    Gone,
    /// It answers half a document.
    Half,
    /// It answers a page with status 200.
    Html,
    /// It drops the key that signed the honest tokens, and publishes another.
    Removed,
}
