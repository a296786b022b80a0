//! HTTP fields as a carrier.

use http::{HeaderMap, HeaderName, HeaderValue};
use throughline_core::baggage::{Baggage, Limits};
use throughline_core::carrier::{Carrier, CarrierMut, OwnedFields, TOKEN_FIELD};

use crate::witness::baggage_lines;

/// What belongs to us on a message: fields, and members of the baggage.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) fields: OwnedFields,
    /// Keys of baggage members.
    pub(crate) baggage: Vec<Box<str>>,
}

impl Owned {
    /// Removes all of it, and leaves what others put there as it is. Allocates only where the
    /// message has baggage and a member of it could be ours.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        strip(&self.fields, headers);
        strip_baggage(self.baggage.iter().map(AsRef::as_ref), headers);
    }
}

/// The fields of an HTTP message, all lines of each.
pub(crate) struct Fields<'h>(pub(crate) &'h HeaderMap);

impl Carrier for Fields<'_> {
    fn for_each<'c>(&'c self, each: &mut dyn FnMut(&'c str, &'c [u8])) {
        for (name, value) in self.0 {
            each(name.as_str(), value.as_bytes());
        }
    }
}

/// The fields of an HTTP message, to be written.
pub(crate) struct FieldsMut<'h>(pub(crate) &'h mut HeaderMap);

impl Carrier for FieldsMut<'_> {
    fn for_each<'c>(&'c self, each: &mut dyn FnMut(&'c str, &'c [u8])) {
        for (name, value) in &*self.0 {
            each(name.as_str(), value.as_bytes());
        }
    }
}

impl CarrierMut for FieldsMut<'_> {
    fn remove_field(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn append_field(&mut self, name: &str, value: &[u8]) {
        // A value that HTTP cannot carry is left out; the writer reads back and notices.
        if let (Ok(name), Ok(mut value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            value.set_sensitive(true);
            // `append` would panic at the 24,577th name.
            let _ = self.0.try_append(name, value);
        }
    }
}

/// The field of the token, parsed once.
const TOKEN: HeaderName = HeaderName::from_static(TOKEN_FIELD);

/// Removes every owned field, look-alikes included, without allocating where the token's is the
/// only one.
pub(crate) fn strip(owned: &OwnedFields, headers: &mut HeaderMap) {
    let is_there = |headers: &HeaderMap| headers.keys().any(|name| owned.owns(name.as_str()));
    if !is_there(headers) {
        return;
    }
    headers.remove(TOKEN);
    if is_there(headers) {
        owned.strip(&mut FieldsMut(headers));
    }
}

/// Takes our members out of the baggage, and leaves those of others as they are.
pub(crate) fn strip_baggage<'k>(keys: impl Iterator<Item = &'k str>, headers: &mut HeaderMap) {
    if !headers.contains_key("baggage") {
        return;
    }
    let keys: Vec<&str> = keys.collect();
    if keys.is_empty() {
        return;
    }
    // Baggage over its limits was not parsed, so our members cannot be told apart: all of it goes.
    let rest = Baggage::read(baggage_lines(headers), Limits::default())
        .ok()
        .and_then(|baggage| baggage.without(&keys))
        .and_then(|rest| HeaderValue::from_bytes(&rest).ok());
    headers.remove("baggage");
    if let Some(rest) = rest {
        // `insert` would panic in a map that is full.
        let _ = headers.try_insert("baggage", rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_written_as_a_line_of_its_own_and_not_shown_in_logs() {
        let mut headers = HeaderMap::new();
        let mut fields = FieldsMut(&mut headers);
        for (name, value) in [
            ("x-tenant", &b"acme"[..]),
            ("x-tenant", b"globex"),
            ("x-bad", b"a\nb"),
            ("a b", b"c"),
        ] {
            fields.append_field(name, value);
        }
        let lines: Vec<_> = headers.get_all("x-tenant").iter().collect();
        assert_eq!(lines, ["acme", "globex"]);
        assert!(lines.iter().all(|line| line.is_sensitive()));
        // What HTTP cannot carry is left out.
        assert_eq!(headers.len(), 2);
        FieldsMut(&mut headers).remove_field("x-tenant");
        assert!(headers.is_empty());
    }
}
