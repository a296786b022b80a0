//! The decision about a body, without waiting.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::Value;
use throughline_core::witness::Sighting;
use throughline_core::{Admitted, Place, Reason, Refusal, json};

use super::layer::Field;

fn body() -> Place {
    Place::new("body", "json")
}

/// Before the body is read.
pub(super) fn check_head(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = |value: &[u8]| value.eq_ignore_ascii_case(b"identity");
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| plain(value.as_bytes()))
    {
        return Ok(());
    }
    Err(Refusal::new(Reason::ContextMalformed)
        .at(Place::header("content-encoding"))
        .because("encodes a body that holds a witness"))
}

/// After the body was read: every field agrees with the context.
pub(super) fn check_body(
    fields: &[Field],
    context: &Admitted,
    headers: &HeaderMap,
    text: &[u8],
) -> Result<(), Refusal> {
    let document = read(headers, text)?;
    fields.iter().try_for_each(|field| {
        let seen = match &document {
            Some(document) => see(document, &field.pointer),
            None => Sighting::Absent,
        };
        field.rule.compare(&seen, context)
    })
}

/// What is at a JSON Pointer (RFC 6901).
///
/// A member whose name differs in case only, or in `_` and `-`, is the same one to some parsers, so
/// beside or instead of the named one it is ambiguous, at each step of the way.
pub(super) fn see<'d>(document: &'d Value, pointer: &str) -> Sighting<'d> {
    let mut here = document;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let next = match here {
            Value::Object(members) => {
                let mut alike = members.keys().filter(|name| is_alike(name, &step));
                if alike.any(|name| *name != step) {
                    return Sighting::Ambiguous;
                }
                members.get(&step)
            }
            Value::Array(items) => step.parse::<usize>().ok().and_then(|n| items.get(n)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        match next {
            Some(next) => here = next,
            None => return Sighting::Absent,
        }
    }
    match here {
        Value::String(text) => Sighting::Value(Cow::Borrowed(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Sighting::Undecodable
        }
    }
}

fn is_alike(name: &str, step: &str) -> bool {
    folded(name).eq(folded(step))
}

/// Go's `encoding/json` folds the long s and the Kelvin sign too, and its second version can be told
/// to pass over `_` and `-`.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            other => other.to_ascii_lowercase(),
        })
}

/// The document; none where the body is empty.
pub(super) fn read(headers: &HeaderMap, text: &[u8]) -> Result<Option<Value>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    check_type(headers)?;
    json::parse(text).map(Some).map_err(|error| {
        let reason = if error.is_duplicate_member() {
            Reason::ContextAmbiguous
        } else {
            Reason::ContextMalformed
        };
        Refusal::new(reason).at(body()).because(error.to_string())
    })
}

/// A body that calls itself something else than JSON may name another tenant to whoever reads it as
/// that, and would not be seen here. Without a type it is read as JSON.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal::new(reason).at(Place::header("content-type")));
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let Some(declared) = types.next() else {
        return Ok(());
    };
    if types.next().is_some() {
        return refuse(Reason::ContextAmbiguous);
    }
    let essence = declared
        .as_bytes()
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    if essence == b"application/json" || essence == b"text/json" || essence.ends_with(b"+json") {
        Ok(())
    } else {
        refuse(Reason::ContextMalformed)
    }
}
