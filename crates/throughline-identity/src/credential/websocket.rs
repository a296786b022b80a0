//! A subprotocol of a WebSocket handshake (RFC 6455 §11.3.4).

use bytes::Bytes;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

use super::{Found, Token, ambiguous, malformed};

const PLACE: &str = "sec-websocket-protocol";

/// The protocols in their order, over all lines, which mean one list.
fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .flat_map(|line| line.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
}

pub(super) fn find(headers: &HeaderMap, marker: &str) -> Found {
    let mut protocols = protocols(headers).skip_while(|name| *name != marker.as_bytes());
    if protocols.next().is_none() {
        return Found::NotApplicable;
    }
    let Some(token) = protocols.next() else {
        return malformed(PLACE);
    };
    if protocols.any(|name| name == marker.as_bytes()) {
        return ambiguous(PLACE);
    }
    // RFC 9110 §5.6.2: a token has no `/` and no `=`, so nothing but base64url and dots fits.
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    if token.is_empty() || !token.iter().all(fits) {
        return malformed(PLACE);
    }
    Found::Token(Token::new(Bytes::copy_from_slice(token)))
}

/// The marker stays, and so do the others: the handler chooses one of them.
pub(super) fn remove(headers: &mut HeaderMap, marker: &str) {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut is_next = false;
    let mut removed = false;
    for name in protocols(headers) {
        if is_next {
            is_next = false;
            removed = true;
            continue;
        }
        is_next = name == marker.as_bytes();
        kept.push(name);
    }
    if !removed {
        return;
    }
    let rest = HeaderValue::from_bytes(&kept.join(&b", "[..])).ok();
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Some(rest) = rest {
        // `insert` would panic in a map that is full.
        let _ = headers.try_insert(SEC_WEBSOCKET_PROTOCOL, rest);
    }
}
