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
        let seen = match document
            .as_ref()
            .and_then(|document| document.pointer(&field.pointer))
        {
            None => Sighting::Absent,
            Some(Value::String(text)) => Sighting::Value(Cow::Borrowed(text)),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_),
            ) => Sighting::Undecodable,
        };
        field.rule.compare(&seen, context)
    })
}

/// The document; none where the body is empty, or declares itself to be something else than JSON.
fn read(headers: &HeaderMap, text: &[u8]) -> Result<Option<Value>, Refusal> {
    if text.is_empty() || !is_json(headers)? {
        return Ok(None);
    }
    json::parse(text).map(Some).map_err(|error| {
        let reason = if error.is_duplicate_member() {
            Reason::ContextAmbiguous
        } else {
            Reason::ContextMalformed
        };
        Refusal::new(reason).at(body()).because(error.to_string())
    })
}

/// Whether the handler will take the body for JSON. Without a type it may, so it is read as such.
fn is_json(headers: &HeaderMap) -> Result<bool, Refusal> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let Some(declared) = types.next() else {
        return Ok(true);
    };
    if types.next().is_some() {
        return Err(Refusal::new(Reason::ContextAmbiguous).at(Place::header("content-type")));
    }
    let essence = declared
        .as_bytes()
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    Ok(essence == b"application/json" || essence == b"text/json" || essence.ends_with(b"+json"))
}
