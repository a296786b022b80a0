//! Query witnesses: one parameter, once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use throughline_core::witness::Sighting;

/// The parameter `name`, read as `application/x-www-form-urlencoded`.
///
/// A name that only looks like it (another case, `name[]`) is another parameter to some parsers
/// and the same to others, so it makes the witness ambiguous.
pub(super) fn parameter<'r>(query: Option<&'r str>, name: &str) -> Sighting<'r> {
    let mut found = None;
    for pair in query.unwrap_or_default().split(['&', ';']) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match decode(key) {
            Some(key) if key == name => {
                if found.replace(value).is_some() {
                    return Sighting::Ambiguous;
                }
            }
            Some(key) if looks_like(&key, name) => return Sighting::Ambiguous,
            Some(_) | None => {}
        }
    }
    match found.map(decode) {
        None => Sighting::Absent,
        Some(Some(value)) if !value.is_empty() => Sighting::Value(value),
        Some(_) => Sighting::Undecodable,
    }
}

fn looks_like(key: &str, name: &str) -> bool {
    let bare = key.split_once('[').map_or(key, |(bare, _)| bare);
    bare.eq_ignore_ascii_case(name)
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let text = text.replace('+', " ");
        return percent_decode_str(&text)
            .decode_utf8()
            .ok()
            .map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode_str(text).decode_utf8().ok()
}
