//! Writing a context into the fields of a call, and taking ours out of others.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};
use throughline_core::baggage::{Baggage, Found, Limits, encode_member};
use throughline_core::carrier::{TOKEN_FIELD, looks_like};
use throughline_core::projection::{CopyPlace, Projection};
use throughline_core::{Context, Place, Reason, Refusal};

use super::layer::Config;
use crate::carrier::{Fields, Owned, strip, strip_baggage};
use crate::witness::baggage_lines;

/// Step 4: the token byte for byte, then the copies it promises; all of it read back.
pub(super) fn write_context(
    config: &Config,
    token: &Bytes,
    context: &Context,
    headers: &mut HeaderMap,
) -> Result<(), Refusal> {
    write_token(config, token, headers)?;
    let mut members = Vec::new();
    let mut copies = false;
    for copy in context.projections() {
        let Some(value) = copy.member().of(context) else {
            continue;
        };
        match copy.copy_place() {
            CopyPlace::Header(field) => {
                write_copy(field, &value, headers)?;
                copies = true;
            }
            CopyPlace::Baggage(key) => members.push((key.as_ref(), value)),
        }
    }
    check_promised(config, context, headers)?;
    if copies {
        check_size(config, context, headers)?;
    }
    if members.is_empty() && config.owned.baggage.is_empty() {
        return Ok(());
    }
    write_baggage(config, &members, headers)
}

fn write_token(config: &Config, token: &Bytes, headers: &mut HeaderMap) -> Result<(), Refusal> {
    let owned = &config.owned.fields;
    let place = || Place::header(TOKEN_FIELD);
    if !headers.is_empty() {
        let fields = Fields(headers);
        // Another chain of work, whoever put it there: neither of the two is sent. The same one is
        // written again: what is there may be shown, and indexed.
        if owned.read(&fields)?.token().is_some_and(|own| own != token) {
            return Err(Refusal::new(Reason::ParentMismatch)
                .at(place())
                .because("holds another context already"));
        }
    }
    let mut value = HeaderValue::from_maybe_shared(token.clone())
        .map_err(|_| Refusal::new(Reason::ContextMalformed).at(place()))?;
    value.set_sensitive(!config.indexed);
    // `insert` would panic at the 24,577th name.
    let _ = headers.try_insert(HeaderName::from_static(TOKEN_FIELD), value);
    // Read back whole: over the cap is an error here, and so is a carrier that did not take it.
    if owned.read(&Fields(headers))?.token() != Some(token) {
        return Err(Refusal::new(Reason::ContextTruncated)
            .at(place())
            .because("was not taken by the call"));
    }
    Ok(())
}

fn write_copy(field: &str, value: &str, headers: &mut HeaderMap) -> Result<(), Refusal> {
    let refuse = |reason| Refusal::new(reason).at(Place::header(field.to_owned()));
    // What a receiver would not read as this one value: it takes visible ASCII, and a comma is a
    // list to some hop.
    let fits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() && b != b',');
    let (true, Ok(name), Ok(copy)) = (
        fits,
        HeaderName::from_bytes(field.as_bytes()),
        HeaderValue::from_str(value),
    ) else {
        return Err(refuse(Reason::ProjectionTruncated).because("cannot carry the value"));
    };
    let mut there = false;
    for (name, value) in &*headers {
        if looks_like(field, name.as_str()) {
            if there || name.as_str() != field || *value != copy {
                return Err(
                    refuse(Reason::ContextAmbiguous).because("holds something else already")
                );
            }
            there = true;
        }
        if name == CONNECTION && lists(value.as_bytes(), field) {
            return Err(refuse(Reason::ContextStripped));
        }
    }
    if there {
        return Ok(());
    }
    match headers.try_insert(name, copy) {
        Ok(_) => Ok(()),
        Err(_) => Err(refuse(Reason::ProjectionTruncated).because("was not taken by the call")),
    }
}

/// RFC 9110 §7.6.1: a hop removes what `Connection` lists.
fn lists(options: &[u8], field: &str) -> bool {
    options
        .split(|b| *b == b',')
        .filter_map(|option| str::from_utf8(option.trim_ascii()).ok())
        .any(|option| looks_like(field, option))
}

/// An owned header that is no copy of this context says something of its own, unless it names the
/// same tenant: the legacy header that `Accept` sets is one.
fn check_promised(config: &Config, context: &Context, headers: &HeaderMap) -> Result<(), Refusal> {
    let tenant = context.tenant().map(|tenant| tenant.as_str().as_bytes());
    for field in config
        .owned
        .fields
        .names()
        .filter(|own| *own != TOKEN_FIELD)
    {
        let promised = context
            .projections()
            .iter()
            .any(|copy| match copy.copy_place() {
                CopyPlace::Header(own) => **own == *field,
                CopyPlace::Baggage(_) => false,
            });
        if let Some(value) = headers.get(field)
            && !promised
            && Some(value.as_bytes()) != tenant
        {
            return Err(Refusal::new(Reason::ContextAmbiguous)
                .at(Place::header(field.to_owned()))
                .because("holds something the context does not promise"));
        }
    }
    Ok(())
}

/// The cap is over everything that is ours. A receiver owns the copies it relies on too.
fn check_size(config: &Config, context: &Context, headers: &HeaderMap) -> Result<(), Refusal> {
    let is_copy = |name: &str| {
        context
            .projections()
            .iter()
            .any(|copy| match copy.copy_place() {
                CopyPlace::Header(own) => **own == *name,
                CopyPlace::Baggage(_) => false,
            })
    };
    let size: usize = headers
        .iter()
        .filter(|(name, _)| config.owned.fields.owns(name.as_str()) || is_copy(name.as_str()))
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let max = config.owned.fields.max_bytes();
    if size > max {
        return Err(Refusal::new(Reason::ContextOversized).because(format!(
            "{size} bytes with its copies, expected at most {max}"
        )));
    }
    Ok(())
}

/// One line: what others put there, then our members.
fn write_baggage(
    config: &Config,
    members: &[(&str, std::borrow::Cow<'_, str>)],
    headers: &mut HeaderMap,
) -> Result<(), Refusal> {
    let place = |key: &str| Place::new("baggage member", key.to_owned());
    let oversized = |detail| Refusal::new(Reason::ContextOversized).because(detail);
    let keys = || members.iter().map(|(key, _)| *key);
    let owned: Vec<&str> = keys()
        .chain(config.owned.baggage.iter().map(AsRef::as_ref))
        .collect();
    let foreign = Baggage::read(baggage_lines(headers), Limits::default())
        .map_err(|_| oversized("the baggage of the call is over its limits already"))?
        .without(&owned);

    let mut line = foreign.unwrap_or_default();
    for (key, value) in members {
        let member = encode_member(key, value)
            .map_err(|_| Refusal::new(Reason::ProjectionTruncated).at(place(key)))?;
        if !line.is_empty() {
            line.push(b',');
        }
        line.extend_from_slice(member.as_bytes());
    }
    if line.is_empty() {
        headers.remove("baggage");
        return Ok(());
    }
    let mut options = headers.get_all(CONNECTION).iter();
    if !members.is_empty() && options.any(|options| lists(options.as_bytes(), "baggage")) {
        return Err(Refusal::new(Reason::ContextStripped).at(Place::header("baggage")));
    }
    let read = Baggage::read([line.as_slice()], Limits::default())
        .map_err(|_| oversized("the baggage of the call would be over its limits"))?;
    for (key, value) in members {
        if read.member(key) != Found::One(value.clone()) {
            return Err(Refusal::new(Reason::ProjectionTruncated).at(place(key)));
        }
    }
    let value = HeaderValue::from_bytes(&line)
        .map_err(|_| Refusal::new(Reason::ContextMalformed).because("baggage"))?;
    headers.remove("baggage");
    // `insert` would panic in a map that is full.
    match headers.try_insert("baggage", value) {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::new(Reason::ProjectionTruncated)
            .because("the baggage was not taken by the call")),
    }
}

/// Takes everything of ours out of a message that leaves the domain, goes without a context, or
/// comes back: what the layer owns, and what the context promises.
pub(super) fn strip_message(config: &Config, copies: &[Projection], headers: &mut HeaderMap) {
    strip(&config.owned.fields, headers);
    let keys = copies.iter().filter_map(|copy| match copy.copy_place() {
        CopyPlace::Baggage(key) => Some(key.as_ref()),
        CopyPlace::Header(_) => None,
    });
    let owned = config.owned.baggage.iter().map(AsRef::as_ref);
    strip_baggage(owned.chain(keys), headers);
    for copy in copies {
        if let CopyPlace::Header(field) = copy.copy_place() {
            strip_look_alikes(field, headers);
        }
    }
}

/// What [`strip_message`] takes out, for trailers that come later. Shared, unless the context
/// promises copies that the layer does not own by itself.
pub(super) fn owned_by(config: &Config, copies: &[Projection]) -> Arc<Owned> {
    let known = |place: &CopyPlace| match place {
        CopyPlace::Baggage(key) => config.owned.baggage.contains(key),
        CopyPlace::Header(field) => config.owned.fields.owns(field),
    };
    if copies.iter().all(|copy| known(copy.copy_place())) {
        return Arc::clone(&config.owned);
    }
    let mut owned = Owned::clone(&config.owned);
    for copy in copies {
        match copy.copy_place() {
            CopyPlace::Baggage(key) => owned.baggage.push(key.clone()),
            CopyPlace::Header(field) => owned.fields = owned.fields.add_field(field),
        }
    }
    Arc::new(owned)
}

fn strip_look_alikes(field: &str, headers: &mut HeaderMap) {
    while let Some(name) = headers
        .keys()
        .find(|name| looks_like(field, name.as_str()))
        .cloned()
    {
        headers.remove(name);
    }
}
