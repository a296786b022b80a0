//! The header of a token, read once for all tokens that have the same.

use std::array;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use serde::Deserialize;
use serde::de::IgnoredAny;
use throughline_core::refusal::shown;
use throughline_core::{Reason, Refusal, json};

use super::envelope::{Envelope, TokenType, malformed};
use crate::base64url;
use crate::keys::MAX_KID_LEN;

/// The longest header, in bytes once decoded: room for a `kid`, and not for a certificate.
const MAX_HEADER_LEN: usize = 2 * 1024;

/// Header members that change what the payload or the signature means, or bring a key along. A
/// transaction token needs none of them (RFC 7515 §4.1.2–4.1.6 and §4.1.10–4.1.11, RFC 7797,
/// RFC 7516).
const DANGEROUS: [&str; 9] = [
    "b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip",
];

/// How many headers are kept. A signer has one or, while its keys change, two.
const KNOWN: usize = 8;

/// A header that was read: well-formed, harmless, and of an accepted type.
///
/// The same bytes read the same, so whoever verifies many tokens of one signer keeps it.
pub(super) struct ReadHeader {
    /// As it stands in the token.
    pub(super) encoded: Box<[u8]>,
    pub(super) algorithm: String,
    pub(super) typ: Option<String>,
    pub(super) kid: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    #[serde(default, deserialize_with = "present")]
    alg: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    /// The members that are not read here. Flattening also keeps an array from being read as a
    /// header, member by member in the order of this type.
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

/// A `null` is a value of the wrong type, not an absent one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl ReadHeader {
    pub(super) fn read(encoded: &[u8], expected: TokenType) -> Result<Self, Refusal> {
        if encoded.len() > MAX_HEADER_LEN.div_ceil(3) * 4 {
            return Err(malformed("the token's header is too large"));
        }
        let text = base64url::decode(encoded)
            .ok_or_else(|| malformed("the token is not strict base64url"))?;
        let header: Header = json::parse(&text)
            .map_err(|error| malformed(&format!("the token's header: {error}")))?;
        if let Some(member) = DANGEROUS
            .into_iter()
            .find(|name| header.others.contains_key(*name))
        {
            return Err(malformed(&format!(
                "the token's header has a member `{member}`"
            )));
        }
        let algorithm = header
            .alg
            .ok_or_else(|| malformed("the token's header has no member `alg`"))?;
        if header
            .kid
            .as_ref()
            .is_some_and(|kid| kid.len() > MAX_KID_LEN)
        {
            return Err(malformed("the token's `kid` is too long"));
        }
        let read = Self {
            encoded: encoded.into(),
            algorithm,
            typ: header.typ,
            kid: header.kid,
        };
        read.check_type(expected)?;
        Ok(read)
    }

    pub(super) fn check_type(&self, expected: TokenType) -> Result<(), Refusal> {
        let typ = self.typ.as_deref();
        if expected.accepts(typ) {
            return Ok(());
        }
        let found = typ.map_or("absent".into(), |typ| shown(typ.as_bytes()));
        Err(Refusal::new(Reason::TypeRefused).because(format!("typ is `{found}`")))
    }
}

/// The headers of genuine tokens that were seen last, so that the next token with the same header is
/// spared reading it: a signer writes one and the same into all of its tokens.
///
/// It saves time and decides nothing: a header that is known byte for byte was well-formed,
/// harmless and of the expected type, and so is its copy.
///
/// ```
/// use throughline_core::{Draft, Principal, Reason, Tenant, TrustDomainName};
/// use throughline_jose::TokenType;
/// use throughline_jose::mint::{SigningKey, TokenIssuer};
/// use throughline_jose::verify::KnownHeaders;
///
/// let issuer = TokenIssuer::new(TrustDomainName::new("prod")?, SigningKey::generate()?);
/// let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
/// let token = issuer.mint(Draft::user(ada, issuer.now())?)?;
///
/// let known = KnownHeaders::new(TokenType::Transaction);
/// let envelope = known.read(token.as_bytes())?;
/// known.keep(&envelope);
/// assert!(known.read(token.as_bytes()).is_ok());
///
/// // What stands behind a known header is read as always.
/// let cut = &token.as_bytes()[..40];
/// assert_eq!(known.read(cut).unwrap_err().reason(), Reason::ContextMalformed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KnownHeaders {
    expected: TokenType,
    places: [ArcSwapOption<ReadHeader>; KNOWN],
}

impl KnownHeaders {
    /// Knows none yet. Tokens are read as of type `expected`.
    #[must_use]
    pub fn new(expected: TokenType) -> Self {
        Self {
            expected,
            places: array::from_fn(|_| ArcSwapOption::empty()),
        }
    }

    /// As [`Envelope::read`].
    ///
    /// # Errors
    ///
    /// As for [`Envelope::read`].
    pub fn read<'t>(&self, token: &'t [u8]) -> Result<Envelope<'t>, Refusal> {
        Envelope::read_knowing(token, self.expected, |header| {
            self.place(header)?.load_full()
        })
    }

    /// Keeps the header of a token whose signature was checked. One that was not would let anybody
    /// drive the good ones out.
    pub fn keep(&self, envelope: &Envelope<'_>) {
        let header = envelope.header();
        let Some(place) = self.place(&header.encoded) else {
            return;
        };
        let is_there = place
            .load()
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, header));
        if !is_there {
            place.store(Some(Arc::clone(header)));
        }
    }

    /// Where a header is, if it is known. Two that share a place take turns.
    fn place(&self, header: &[u8]) -> Option<&ArcSwapOption<ReadHeader>> {
        let sum = header.iter().fold(0_u8, |sum, b| sum.wrapping_add(*b));
        self.places.get(usize::from(sum) % KNOWN)
    }
}

impl fmt::Debug for KnownHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownHeaders")
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(kid: &str) -> String {
        let header = format!(r#"{{"alg":"EdDSA","typ":"txntoken+jwt","kid":"{kid}"}}"#);
        format!("{}.e30.AA", base64url::encode(header.as_bytes()))
    }

    #[test]
    fn a_header_is_read_once_when_it_was_kept() {
        let known = KnownHeaders::new(TokenType::Transaction);
        // Whatever place each has.
        for n in 0..32 {
            let token = token(&n.to_string());
            let first = known.read(token.as_bytes()).unwrap();
            let second = known.read(token.as_bytes()).unwrap();
            assert!(!Arc::ptr_eq(first.header(), second.header()), "{n}");

            known.keep(&second);
            let third = known.read(token.as_bytes()).unwrap();
            assert!(Arc::ptr_eq(second.header(), third.header()), "{n}");
        }
    }

    #[test]
    fn signers_have_places_of_their_own() {
        let known = KnownHeaders::new(TokenType::Transaction);
        let tokens = ["2026-11", "2026-12", "2027-01"].map(token);
        let kept = tokens.each_ref().map(|token| {
            let envelope = known.read(token.as_bytes()).unwrap();
            known.keep(&envelope);
            envelope
        });
        for (token, kept) in tokens.iter().zip(&kept) {
            let again = known.read(token.as_bytes()).unwrap();
            assert!(Arc::ptr_eq(kept.header(), again.header()));
        }
    }

    #[test]
    fn a_known_header_vouches_for_no_other() {
        let known = KnownHeaders::new(TokenType::Transaction);
        known.keep(&known.read(token("a").as_bytes()).unwrap());
        let other = TokenType::DangerAny;
        let critical = r#"{"alg":"EdDSA","typ":"txntoken+jwt","kid":"a","crit":["x"]}"#;
        let untyped = r#"{"alg":"EdDSA","kid":"a"}"#;
        for (header, reason) in [
            (critical, Reason::ContextMalformed),
            (untyped, Reason::TypeRefused),
        ] {
            let token = format!("{}.e30.AA", base64url::encode(header.as_bytes()));
            let refusal = known.read(token.as_bytes()).unwrap_err();
            assert_eq!(refusal.reason(), reason);
        }
        let token = format!("{}.e30.AA", base64url::encode(untyped.as_bytes()));
        assert!(KnownHeaders::new(other).read(token.as_bytes()).is_ok());
    }
}
