//! Carriers: whatever a context travels in, read totally and written with a check.
//!
//! A carrier is a list of named values: HTTP fields, gRPC metadata, message headers. Reading asks
//! it for *everything*, duplicates and undecodable bytes included, because `get` of most carriers
//! hides the second value (step 1 of the hop). Writing reads back what it wrote, because most
//! carriers drop silently what does not fit.

use std::fmt;

use crate::reason::Reason;
use crate::refusal::{Place, Refusal};

/// The name of the field that carries a transaction token.
pub const TOKEN_FIELD: &str = "txn-token";

/// A list of named values that can be read.
pub trait Carrier {
    /// Shows every field to `each`, duplicates included, in order.
    fn for_each<'c>(&'c self, each: &mut dyn FnMut(&'c str, &'c [u8]));
}

/// A carrier that can be written.
pub trait CarrierMut: Carrier {
    /// Removes every value of a name.
    fn remove_field(&mut self, name: &str);

    /// Adds a value. A carrier that cannot take it leaves it out: the writer notices.
    fn append_field(&mut self, name: &str, value: &[u8]);
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Carrier for [(N, V)] {
    fn for_each<'c>(&'c self, each: &mut dyn FnMut(&'c str, &'c [u8])) {
        for (name, value) in self {
            each(name.as_ref(), value.as_ref());
        }
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Carrier for Vec<(N, V)> {
    fn for_each<'c>(&'c self, each: &mut dyn FnMut(&'c str, &'c [u8])) {
        self.as_slice().for_each(each);
    }
}

impl CarrierMut for Vec<(String, Vec<u8>)> {
    fn remove_field(&mut self, name: &str) {
        self.retain(|(own, _)| own != name);
    }

    fn append_field(&mut self, name: &str, value: &[u8]) {
        self.push((name.to_owned(), value.to_owned()));
    }
}

/// The fields that belong to us: nobody else may set them, and none leaves a hop unchecked.
#[derive(Clone, Debug)]
pub struct OwnedFields {
    /// Lower-case names; the first is the token's.
    names: Vec<Box<str>>,
    /// Names of fields that are not ours but hold something of ours, such as baggage.
    shared: Vec<Box<str>>,
    max_bytes: usize,
}

impl OwnedFields {
    /// The greatest size of a context on the wire that a receiver takes by default: 8 KiB, the
    /// field limit of common proxies.
    pub const DEFAULT_MAX_BYTES: usize = 8 * 1024;
    /// The greatest size a sender writes by default: 6 KiB, so that senders fail first.
    pub const DEFAULT_SENDER_MAX_BYTES: usize = 6 * 1024;

    /// Only the token's own field.
    #[must_use]
    pub fn token_only() -> Self {
        Self {
            names: vec![TOKEN_FIELD.into()],
            shared: Vec::new(),
            max_bytes: Self::DEFAULT_MAX_BYTES,
        }
    }

    /// Owns one more field, such as a legacy tenant header.
    ///
    /// `name` is compared without case and with `_` and `.` read as `-`, because some hop on the
    /// way reads it so.
    #[must_use]
    pub fn add_field(mut self, name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if !self.owns_exactly(&name) {
            self.names.push(name.into());
        }
        self
    }

    /// Names a field that others own too but that holds something of ours, such as baggage: it must
    /// arrive, so `Connection` must not name it.
    #[must_use]
    pub fn add_shared_field(mut self, name: &str) -> Self {
        self.shared.push(name.to_ascii_lowercase().into());
        self
    }

    /// Replaces the cap over names and values of all owned fields, in bytes. Default:
    /// [`OwnedFields::DEFAULT_MAX_BYTES`].
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The cap over names and values of all owned fields, in bytes.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// All names, the token's first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// Whether `name` is an owned field or would pass for one on some hop.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        self.index(name).is_some()
    }

    /// Whether a context would be cut if `name` were removed.
    fn needs(&self, name: &str) -> bool {
        self.owns(name) || self.shared.iter().any(|shared| looks_like(shared, name))
    }

    fn owns_exactly(&self, name: &str) -> bool {
        self.names.iter().any(|own| **own == *name)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| looks_like(own, name))
    }

    /// Step 1: reads every owned field of `carrier`, totally.
    ///
    /// # Errors
    ///
    /// In this order: [`Reason::ContextOversized`] over the cap; [`Reason::ContextAmbiguous`] for
    /// a second value, a look-alike name, or a value with a comma, which is a list to some hop;
    /// [`Reason::ContextStripped`] where `Connection` names an owned field.
    pub fn read<'c, C: Carrier + ?Sized>(
        &self,
        carrier: &'c C,
    ) -> Result<OwnedValues<'c>, Refusal> {
        let mut size = 0_usize;
        let mut ambiguous: Option<&'c str> = None;
        let mut stripped: Option<&'c [u8]> = None;
        let mut token = None;
        let mut others: Vec<(usize, &'c [u8])> = Vec::new();

        carrier.for_each(&mut |name, value| {
            if let Some(index) = self.index(name) {
                size = size.saturating_add(name.len()).saturating_add(value.len());
                let exact = self.names.get(index).is_some_and(|own| **own == *name);
                let first = if index == 0 {
                    token.replace(value).is_none()
                } else {
                    let first = others.iter().all(|(seen, _)| *seen != index);
                    // One each, however many a stranger sends.
                    if first {
                        others.push((index, value));
                    }
                    first
                };
                if !exact || !first || has_comma(value) {
                    ambiguous.get_or_insert(name);
                }
            } else if name.eq_ignore_ascii_case("connection") {
                let named = value
                    .split(|b| *b == b',')
                    .map(<[u8]>::trim_ascii)
                    .find(|option| str::from_utf8(option).is_ok_and(|option| self.needs(option)));
                stripped = stripped.or(named);
            }
        });

        if size > self.max_bytes {
            return Err(Refusal::new(Reason::ContextOversized)
                .because(format!("{size} bytes, expected at most {}", self.max_bytes)));
        }
        if let Some(name) = ambiguous {
            return Err(Refusal::new(Reason::ContextAmbiguous).at(Place::header(name.to_owned())));
        }
        if let Some(option) = stripped {
            return Err(Refusal::new(Reason::ContextStripped)
                .because(String::from_utf8_lossy(option).into_owned()));
        }
        Ok(OwnedValues { token, others })
    }

    /// Writes a token and reads it back: what is written is alone, complete and within the cap.
    ///
    /// # Errors
    ///
    /// [`Reason::ContextOversized`] over the cap, before anything is written;
    /// [`Reason::ContextAmbiguous`] when the carrier holds something under the token's name
    /// already; [`Reason::ContextTruncated`] when the carrier did not take it.
    pub fn write_token<C: CarrierMut + ?Sized>(
        &self,
        carrier: &mut C,
        token: &[u8],
    ) -> Result<(), Refusal> {
        let size = TOKEN_FIELD.len() + token.len();
        if size > self.max_bytes {
            return Err(Refusal::new(Reason::ContextOversized)
                .because(format!("{size} bytes, expected at most {}", self.max_bytes)));
        }
        match self.read(carrier)?.token {
            None => carrier.append_field(TOKEN_FIELD, token),
            Some(there) if there == token => {}
            Some(_) => {
                return Err(Refusal::new(Reason::ContextAmbiguous)
                    .at(Place::header(TOKEN_FIELD))
                    .because("holds another context already"));
            }
        }
        let refusal = match self.read(carrier) {
            Ok(values) if values.token == Some(token) => return Ok(()),
            Ok(_) => Refusal::new(Reason::ContextTruncated)
                .at(Place::header(TOKEN_FIELD))
                .because("was not taken by the carrier"),
            Err(refusal) => refusal,
        };
        // Half a context must not travel on.
        self.strip(carrier);
        Err(refusal)
    }

    /// Removes every owned field and every look-alike of one.
    pub fn strip<C: CarrierMut + ?Sized>(&self, carrier: &mut C) {
        let mut names: Vec<String> = Vec::new();
        carrier.for_each(&mut |name, _| {
            if self.owns(name) {
                names.push(name.to_owned());
            }
        });
        names.sort_unstable();
        names.dedup();
        for name in names {
            carrier.remove_field(&name);
        }
    }
}

/// To the end in any case, which compiles to vector instructions: a token is long, and has none.
fn has_comma(value: &[u8]) -> bool {
    value.iter().fold(false, |any, b| any | (*b == b','))
}

/// The values of the owned fields of one carrier: at most one each.
#[derive(Clone)]
pub struct OwnedValues<'c> {
    token: Option<&'c [u8]>,
    others: Vec<(usize, &'c [u8])>,
}

/// What is there, and never the token.
impl fmt::Debug for OwnedValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedValues")
            .field("has_token", &self.token.is_some())
            .field("others", &self.others.len())
            .finish()
    }
}

impl<'c> OwnedValues<'c> {
    /// The token.
    #[must_use]
    pub fn token(&self) -> Option<&'c [u8]> {
        self.token
    }

    /// Whether any owned field is there at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.token.is_none() && self.others.is_empty()
    }
}

/// Whether two names are one to some hop: case aside, `_` (CGI, WSGI, PHP) or `.` for `-`, and with
/// the suffix `-bin` of binary gRPC metadata, which gateways add and remove.
#[must_use]
pub fn looks_like(own: &str, name: &str) -> bool {
    // Most names differ in length, and each field of each message is asked.
    match name.len().checked_sub(own.len()) {
        Some(0) => same_folded(own, name),
        Some(4) => name
            .split_at_checked(own.len())
            .is_some_and(|(bare, suffix)| same_folded("-bin", suffix) && same_folded(own, bare)),
        Some(_) | None => false,
    }
}

/// Both have one length.
fn same_folded(own: &str, name: &str) -> bool {
    let folded = |b: u8| match b {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    };
    own.bytes()
        .zip(name.bytes())
        .all(|(a, b)| folded(a) == folded(b))
}

#[cfg(test)]
mod tests;
