//! `Authorization: Bearer` (RFC 6750 §2.1).

use bytes::Bytes;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use throughline_core::carrier::looks_like;

use super::{Found, Token, ambiguous, malformed};

const PLACE: &str = "authorization";

pub(super) fn find(headers: &HeaderMap) -> Found {
    // `authorization-bin` and its spellings: gateways of gRPC add the suffix, and take it away.
    let twin = |name: &http::HeaderName| *name != AUTHORIZATION && looks_like(PLACE, name.as_str());
    if headers.keys().any(twin) {
        return ambiguous(PLACE);
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Found::NotApplicable,
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return ambiguous(PLACE),
    };
    let Some((scheme, token)) = split(value) else {
        return malformed(PLACE);
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        // Another scheme is for somebody else, if anybody.
        return Found::NotApplicable;
    }
    // RFC 6750 §2.1: b64token. A comma would be a list to some hop.
    let is_b64token = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
    if token.is_empty() || !token.iter().all(is_b64token) {
        return malformed(PLACE);
    }
    Found::Token(Token::new(Bytes::copy_from_slice(token)))
}

/// Scheme, at least one blank, and the rest.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|b| *b == b' ')?;
    Some((value.get(..at)?, value.get(at..)?.trim_ascii_start()))
}

/// Another scheme stays: it was not read here.
pub(super) fn remove(headers: &mut HeaderMap) {
    let is_bearer = |value: &http::HeaderValue| {
        split(value.as_bytes()).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer"))
    };
    if headers.get(AUTHORIZATION).is_some_and(is_bearer) {
        headers.remove(AUTHORIZATION);
    }
}
