//! Tokens that no honest service would make.
//!
//! A [`Forge`] says how, starting from an honest token: edits of the header
//! and the claims, a signature, and edits of the finished text. Whatever is not edited keeps the
//! honest token's bytes, so that nothing but the attacked thing is wrong with it.

mod json;
mod public;
mod sign;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use self::json::Node;
pub use self::sign::Attacker;
use crate::attack::{Edit, Fill, Forge, Sign, TextEdit, Who};
use crate::key::TestKey;

/// What forging takes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Material<'m> {
    /// The honest tokens, and what else placeholders stand for.
    pub fill: &'m Fill,
    /// The attacker's own keys.
    pub attacker: &'m Attacker,
    /// The key that the service trusts, where the test has it.
    pub trusted: Option<&'m TestKey>,
    /// The published key set, where it is known.
    pub public_keys: Option<&'m str>,
}

impl<'m> Material<'m> {
    /// What a stranger has.
    #[must_use]
    pub fn new(fill: &'m Fill, attacker: &'m Attacker) -> Self {
        Self {
            fill,
            attacker,
            trusted: None,
            public_keys: None,
        }
    }
}

/// Makes a token.
///
/// # Errors
///
/// Where the honest token or the material lacks what the forging starts from.
pub fn forge(forge: &Forge, material: &Material<'_>) -> Result<Vec<u8>, ForgeError> {
    let of = |who: Who| match who {
        Who::Other => material.fill.other.token.as_str(),
        Who::Own => material.fill.own.token.as_str(),
    };
    let honest = of(forge.from);
    let edited = !forge.header.is_empty()
        || !forge.claims.is_empty()
        || forge.claims_of.is_some()
        || forge.payload.is_some()
        || forge.sign != Sign::Keep;
    let text = if edited {
        let honest = Parts::of(honest)?;
        let claims_of = match forge.claims_of {
            Some(who) => Parts::of(of(who))?.claims,
            None => honest.claims,
        };
        let header = edit(honest.header, &forge.header, material)?;
        let claims = match &forge.payload {
            Some(payload) => URL_SAFE_NO_PAD.encode(payload.fill(material.fill)),
            None => edit(claims_of, &forge.claims, material)?,
        };
        let unsigned = sign::Unsigned { header, claims };
        sign::sign(unsigned, &forge.sign, honest.signature, material)?
    } else {
        honest.to_owned()
    };
    let mut bytes = text.into_bytes();
    for step in &forge.text {
        change(&mut bytes, step, material.fill)?;
    }
    Ok(bytes)
}

/// The three parts of a compact token, as they stand.
struct Parts<'t> {
    header: &'t str,
    claims: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    fn of(token: &'t str) -> Result<Self, ForgeError> {
        let mut parts = token.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(claims), Some(signature), None) => Ok(Self {
                header,
                claims,
                signature,
            }),
            _ => Err(ForgeError::NotJws),
        }
    }
}

/// Whether a token has the form of a JWS whose header and claims are JSON.
pub(crate) fn is_jws(token: &str) -> bool {
    Parts::of(token).is_ok_and(|parts| read(parts.header).is_ok() && read(parts.claims).is_ok())
}

fn read(part: &str) -> Result<Node, ForgeError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| ForgeError::NotJws)?;
    let value = serde_json::from_slice(&bytes).map_err(|_| ForgeError::NotJws)?;
    Ok(Node::of(value))
}

fn edit(part: &str, edits: &[Edit], material: &Material<'_>) -> Result<String, ForgeError> {
    if edits.is_empty() {
        return Ok(part.to_owned());
    }
    let mut node = read(part)?;
    for edit in edits {
        node.edit(edit, material.fill)?;
    }
    Ok(URL_SAFE_NO_PAD.encode(node.to_string()))
}

fn change(token: &mut Vec<u8>, edit: &TextEdit, fill: &Fill) -> Result<(), ForgeError> {
    let flip = |token: &mut Vec<u8>, place: usize| match token.get_mut(place) {
        Some(byte) => {
            *byte ^= 1;
            Ok(())
        }
        None => Err(ForgeError::TooShort),
    };
    match edit {
        TextEdit::AfterHeader(text) => {
            let dot = token.iter().position(|b| *b == b'.');
            let dot = dot.ok_or(ForgeError::NotJws)?;
            token.splice(dot..dot, text.fill(fill));
        }
        TextEdit::Append(text) => token.extend(text.fill(fill)),
        TextEdit::Cut(bytes) => token.truncate(token.len().saturating_sub(*bytes)),
        TextEdit::Flip(thousandths) => {
            let place = token.len() * (*thousandths).min(999) / 1000;
            flip(token, place)?;
        }
        TextEdit::FlipSignature(from_end) => {
            let place = token.len().checked_sub(from_end + 1);
            let letter = place.and_then(|place| token.get_mut(place));
            // The first of its six bits, which never is a spare one.
            turn(letter.ok_or(ForgeError::TooShort)?, 32)?;
        }
        TextEdit::Keep(thousandths) => {
            let keep = token.len() * (*thousandths).min(1000) / 1000;
            token.truncate(keep);
        }
        TextEdit::Prepend(text) => {
            token.splice(0..0, text.fill(fill));
        }
        TextEdit::SpareBits => spare_bits(token)?,
    }
    Ok(())
}

/// Turns bits of what a letter of base64url stands for.
fn turn(letter: &mut u8, bits: usize) -> Result<(), ForgeError> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = ALPHABET.iter().position(|b| b == letter);
    let other = value.and_then(|value| ALPHABET.get(value ^ bits));
    *letter = *other.ok_or(ForgeError::NotJws)?;
    Ok(())
}

/// Another last character that decodes to the same bytes: base64url leaves two or four bits over.
fn spare_bits(token: &mut [u8]) -> Result<(), ForgeError> {
    let signature = token.rsplit(|b| *b == b'.').next().unwrap_or_default();
    if signature.len() % 4 == 0 {
        return Err(ForgeError::NoSpareBits);
    }
    turn(token.last_mut().ok_or(ForgeError::TooShort)?, 1)
}

/// Why a token cannot be forged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForgeError {
    /// A key of the attacker's could not be made.
    NoAttackerKey,
    /// The honest token lacks the place of an edit.
    NoPlace(String),
    /// No usable public key is known.
    NoPublicKey,
    /// The signature's last character has no spare bits.
    NoSpareBits,
    /// The key that the service trusts is not at hand.
    NoTrustedKey,
    /// The honest token is no JWS.
    NotJws,
    /// The token is too short for an edit.
    TooShort,
}

impl ForgeError {
    /// Whether the honest token lacks what was to be changed, so that there is no such attack.
    pub(crate) fn is_for_want_of_a_part(&self) -> bool {
        match self {
            Self::NoPlace(_) | Self::NoSpareBits | Self::TooShort => true,
            Self::NoAttackerKey | Self::NoPublicKey | Self::NoTrustedKey | Self::NotJws => false,
        }
    }
}

impl fmt::Display for ForgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAttackerKey => f.write_str("no key could be made to forge with"),
            Self::NoPlace(place) => write!(f, "the honest token has no `{place}` to change"),
            Self::NoPublicKey => f.write_str("no public key is known to forge with"),
            Self::NoSpareBits => f.write_str("the honest token's signature has no spare bits"),
            Self::NoTrustedKey => f.write_str("the trusted key is not at hand"),
            Self::NotJws => f.write_str("the honest token is no JWS"),
            Self::TooShort => f.write_str("the honest token is too short to be changed"),
        }
    }
}

impl std::error::Error for ForgeError {}

#[cfg(test)]
mod tests;
