//! Query witnesses: one parameter, once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use throughline_core::carrier::looks_like;
use throughline_core::witness::Sighting;

/// The parameter `name`, read as `application/x-www-form-urlencoded`.
///
/// A name that only looks like it (another case, `_` for `-`, `name[]`) is another parameter to
/// some parsers and the same to others, so it makes the witness ambiguous. So does a `;` beside it,
/// which separates parameters to some and is part of a value to others.
pub(super) fn parameter<'r>(query: Option<&'r str>, name: &str) -> Sighting<'r> {
    let mut found = None;
    for piece in query.unwrap_or_default().split('&') {
        let is_split = piece.contains(';');
        for pair in piece.split(';') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(key) = decode(key) else { continue };
            if !is_alike(&key, name) {
                continue;
            }
            if is_split || key != name || found.replace(value).is_some() {
                return Sighting::Ambiguous;
            }
        }
    }
    match found.map(decode) {
        None => Sighting::Absent,
        Some(Some(value)) if !value.is_empty() => Sighting::Value(value),
        Some(_) => Sighting::Undecodable,
    }
}

fn is_alike(key: &str, name: &str) -> bool {
    let bare = key.split(['[', '\0']).next().unwrap_or_default();
    key == name || looks_like(name, bare.trim())
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
