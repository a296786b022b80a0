//! The envelope of a compact JWS (RFC 7515 §7.1), read without believing it.

use std::fmt;
use std::sync::Arc;

use memchr::{memchr, memrchr};
use throughline_core::refusal::shown;
use throughline_core::{Reason, Refusal};

use super::header::ReadHeader;
use crate::algorithm::Algorithm;
use crate::base64url;
use crate::keys::VerifyingKey;

/// The longest token that is looked at, in bytes. A hop's own cap is smaller; this one protects
/// callers that have none.
const MAX_TOKEN_LEN: usize = 64 * 1024;

/// Which `typ` a token must have, compared as a media type (RFC 7515 §4.1.9, RFC 8725bis §3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// `txntoken+jwt`: a transaction token.
    Transaction,
    /// `txntoken+jwt`, or `txn_token` as issuers wrote it before the draft settled.
    TransactionOrLegacy,
    /// A foreign credential, as an edge meets them: one of these media types.
    Foreign {
        /// The media types, without `application/`.
        types: &'static [&'static str],
        /// Whether none is good too, and `JWT` or `JOSE`, which type nothing (RFC 8725bis §3.11).
        /// Then something else must tell the kinds of the issuer apart.
        untyped: bool,
    },
    /// Any or none. Then nothing tells a transaction token from an access token of the same
    /// signer, so this is for looking at tokens and not for accepting requests.
    DangerAny,
}

impl TokenType {
    pub(super) fn accepts(self, typ: Option<&str>) -> bool {
        let is = |name: &str| typ.is_some_and(|typ| same_media_type(typ, name));
        match self {
            Self::Transaction => is("txntoken+jwt"),
            Self::TransactionOrLegacy => is("txntoken+jwt") || is("txn_token"),
            Self::Foreign { types, untyped } => {
                let untyped_here = typ.is_none() || is("JWT") || is("JOSE");
                (untyped && untyped_here) || types.iter().any(|name| is(name))
            }
            Self::DangerAny => true,
        }
    }
}

/// Header and signature are short, so the dots are sought from both ends.
fn three_parts(token: &[u8]) -> Option<[&[u8]; 3]> {
    let (first, last) = (memchr(b'.', token)?, memrchr(b'.', token)?);
    let payload = token.get(first + 1..last)?;
    if memchr(b'.', payload).is_some() {
        return None;
    }
    Some([token.get(..first)?, payload, token.get(last + 1..)?])
}

/// RFC 4648 §5.
fn is_in_alphabet(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

fn same_media_type(typ: &str, name: &str) -> bool {
    let prefix = "application/";
    let bare = match typ.split_at_checked(prefix.len()) {
        Some((head, bare)) if head.eq_ignore_ascii_case(prefix) => bare,
        Some(_) | None => typ,
    };
    bare.eq_ignore_ascii_case(name)
}

/// A token taken apart: well-formed, and nothing more. `Debug` shows nothing that a bearer could
/// use.
pub struct Envelope<'t> {
    header: Arc<ReadHeader>,
    signing_input: &'t [u8],
    payload: Vec<u8>,
    signature: Signature,
}

/// What stands behind the second dot.
struct Signature {
    /// In characters.
    wire_len: usize,
    /// None where it is made of the right characters, and no strict base64url: it may be cut in the
    /// middle of a byte, which is told by its length once the key is known.
    bytes: Option<Vec<u8>>,
}

impl Signature {
    /// None where it has other characters than base64url.
    fn read(text: &[u8]) -> Option<Self> {
        let bytes = base64url::decode(text);
        let is_readable = bytes.is_some() || text.iter().all(is_in_alphabet);
        is_readable.then_some(Self {
            wire_len: text.len(),
            bytes,
        })
    }
}

pub(super) fn malformed(rule: &str) -> Refusal {
    Refusal::new(Reason::ContextMalformed).because(rule)
}

impl<'t> Envelope<'t> {
    /// Step 3: takes `token` apart.
    ///
    /// # Errors
    ///
    /// [`Reason::ContextMalformed`] for anything that is not a compact JWS with a harmless header;
    /// [`Reason::TypeRefused`] for another kind of token.
    pub fn read(token: &'t [u8], expected: TokenType) -> Result<Self, Refusal> {
        Self::read_knowing(token, expected, |_| None)
    }

    /// As [`Envelope::read`], where `known` finds a header that was read before, for the same type
    /// of token: one that stands there byte for byte is not read again.
    pub(super) fn read_knowing(
        token: &'t [u8],
        expected: TokenType,
        known: impl FnOnce(&[u8]) -> Option<Arc<ReadHeader>>,
    ) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(malformed("the token is longer than any token"));
        }
        let Some([header, payload, signature]) = three_parts(token) else {
            return Err(malformed("the token does not have three parts"));
        };
        let not_strict = || malformed("the token is not strict base64url");
        let signing_input = token.get(..header.len() + 1 + payload.len());
        let signing_input = signing_input.ok_or_else(not_strict)?;
        let payload = base64url::decode(payload).ok_or_else(not_strict)?;
        let signature = Signature::read(signature).ok_or_else(not_strict)?;
        let header = match known(header).filter(|known| *known.encoded == *header) {
            Some(known) => known,
            None => Arc::new(ReadHeader::read(header, expected)?),
        };
        Ok(Self {
            header,
            signing_input,
            payload,
            signature,
        })
    }

    /// The header, for the next token of the same signer.
    pub(super) fn header(&self) -> &Arc<ReadHeader> {
        &self.header
    }

    /// The `typ` as the header spells it. [`Envelope::read`] compared it; who reads with
    /// [`TokenType::DangerAny`] does it with [`Envelope::check_type`].
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Compares the `typ`, for whoever learns only now which one to expect: an edge, once it knows
    /// which issuer is meant.
    ///
    /// # Errors
    ///
    /// [`Reason::TypeRefused`].
    pub fn check_type(&self, expected: TokenType) -> Result<(), Refusal> {
        self.header.check_type(expected)
    }

    /// The payload, which nobody vouched for yet. It says whose keys must, and is good for nothing
    /// else until [`Envelope::check_signature`] passed.
    #[must_use]
    pub fn danger_unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The same, when the envelope is of no more use.
    pub(super) fn into_danger_unverified_payload(self) -> Vec<u8> {
        self.payload
    }

    /// The key id the header names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The rest of step 4, once a key is found: algorithm, length and signature. Yields the
    /// payload.
    ///
    /// # Errors
    ///
    /// As for [`Envelope::check_signature`].
    pub fn open(&self, key: &VerifyingKey) -> Result<&[u8], Refusal> {
        self.check_signature(key)?;
        Ok(&self.payload)
    }

    /// As [`Envelope::open`], for whoever has the payload already.
    ///
    /// # Errors
    ///
    /// [`Reason::AlgorithmRefused`], [`Reason::ContextTruncated`], [`Reason::ContextMalformed`] for
    /// a signature that is long enough and not strict base64url, [`Reason::SignatureInvalid`].
    pub fn check_signature(&self, key: &VerifyingKey) -> Result<(), Refusal> {
        if Algorithm::from_name(&self.header.algorithm) != Some(key.algorithm()) {
            return Err(Refusal::new(Reason::AlgorithmRefused).because(format!(
                "the token says `{}`, the key is for `{}`",
                shown(self.header.algorithm.as_bytes()),
                key.algorithm()
            )));
        }
        // Told by the length on the wire, so that a cut in the middle of a byte is seen as a cut.
        let wire_len = (key.signature_len() * 8).div_ceil(6);
        if self.signature.wire_len < wire_len {
            return Err(Refusal::new(Reason::ContextTruncated).because(format!(
                "the signature has {} characters, expected {wire_len}",
                self.signature.wire_len
            )));
        }
        let signature = self.signature.bytes.as_ref();
        let signature =
            signature.ok_or_else(|| malformed("the token's signature is not strict base64url"))?;
        if !key.verify(self.signing_input, signature) {
            return Err(Refusal::new(Reason::SignatureInvalid));
        }
        Ok(())
    }
}

impl fmt::Debug for Envelope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("algorithm", &self.header.algorithm)
            .field("kid", &self.header.kid)
            .finish_non_exhaustive()
    }
}
