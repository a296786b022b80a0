//! HTTP fields as a carrier.

use http::{HeaderMap, HeaderName, HeaderValue};
use throughline_core::carrier::{Carrier, CarrierMut, OwnedFields};

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

/// Removes every owned field, look-alikes included, without allocating where there is none.
pub(crate) fn strip(owned: &OwnedFields, headers: &mut HeaderMap) {
    for name in owned.names() {
        headers.remove(name);
    }
    if headers.keys().any(|name| owned.owns(name.as_str())) {
        owned.strip(&mut FieldsMut(headers));
    }
}
