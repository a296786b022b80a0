//! A cookie (RFC 6265 §5.4).

use bytes::Bytes;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::{Found, Token, ambiguous, malformed};

const PLACE: &str = "cookie";

/// Every pair of every line. HTTP/2 may split the field into several (RFC 9113 §8.2.3).
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|b| *b == b';'))
        .map(<[u8]>::trim_ascii)
}

fn value_of<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

pub(super) fn find(headers: &HeaderMap, name: &str) -> Found {
    let mut values = pairs(headers).filter_map(|pair| value_of(pair, name));
    let value = match (values.next(), values.next()) {
        (None, _) => return Found::NotApplicable,
        (Some(value), None) => value,
        // A cookie of a wider domain or path has the same name, and anybody may have set it.
        (Some(_), Some(_)) => return ambiguous(PLACE),
    };
    // RFC 6265 §4.1.1, in quotes or without.
    let bare = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(value);
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
    if bare.is_empty() || !bare.iter().all(is_token) {
        return malformed(PLACE);
    }
    Found::Token(Token::new(Bytes::copy_from_slice(bare)))
}

/// The other cookies stay, on one line.
pub(super) fn remove(headers: &mut HeaderMap, name: &str) {
    if !pairs(headers).any(|pair| value_of(pair, name).is_some()) {
        return;
    }
    let others: Vec<&[u8]> = pairs(headers)
        .filter(|pair| !pair.is_empty() && value_of(pair, name).is_none())
        .collect();
    let rest = HeaderValue::from_bytes(&others.join(&b"; "[..])).ok();
    headers.remove(COOKIE);
    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
        // `insert` would panic in a map that is full.
        let _ = headers.try_insert(COOKIE, rest);
    }
}
