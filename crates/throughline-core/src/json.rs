//! Strict JSON: what two parsers could read differently is not read at all.
//!
//! RFC 8259 §4 leaves the meaning of an object with a repeated member open, and parsers use that
//! freedom: some keep the first value, some the last, some both. A signature does not help, as it
//! covers the bytes and not their meaning. So signed headers, claims, key sets and body witnesses
//! are read by these rules:
//!
//! 1. A member name occurs once in its object, at every depth, compared after `\u` escapes are
//!    resolved.
//! 2. Nesting ends at [`MAX_DEPTH`].
//! 3. Everything else is RFC 8259: UTF-8 only, no lone surrogates (RFC 8725bis §3.7), finite
//!    numbers, nothing after the value.
//!
//! ```
//! use throughline_core::json;
//!
//! let read: Vec<u8> = json::parse(b"[1, 2]")?;
//! assert_eq!(read, [1, 2]);
//!
//! // The second member is the first one again, spelt with an escape.
//! let refused = json::check(br#"{"tenant": "acme", "ten\u0061nt": "globex"}"#).unwrap_err();
//! assert!(refused.is_duplicate_member());
//! # Ok::<(), json::JsonError>(())
//! ```

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::error::Error;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// How deep arrays and objects may nest, counted in containers.
pub const MAX_DEPTH: usize = 32;

/// Up to this many members an object is searched linearly, which is faster than hashing.
const LINEAR_SEARCH: usize = 16;

/// Reads `bytes` as a `T`, under the rules of this module.
///
/// # Errors
///
/// The bytes are not JSON, repeat a member name, nest too deep, or do not have the shape of `T`.
pub fn parse<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, JsonError> {
    check(bytes)?;
    serde_json::from_slice(bytes).map_err(|_| JsonError(Kind::Shape))
}

/// Checks `bytes` against the rules of this module and builds nothing.
///
/// # Errors
///
/// The bytes are not JSON, repeat a member name, or nest too deep.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let broken = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict {
        broken: &broken,
        depth: 0,
    };
    seed.deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|_| JsonError(broken.get().unwrap_or(Kind::Syntax)))
}

/// Why a JSON text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Depth,
    DuplicateMember,
    Shape,
    Syntax,
}

impl JsonError {
    /// Whether a member name occurred twice in one object.
    #[must_use]
    pub fn is_duplicate_member(&self) -> bool {
        self.0 == Kind::DuplicateMember
    }

    /// Whether the text is JSON but does not have the shape asked for.
    #[must_use]
    pub fn is_shape(&self) -> bool {
        self.0 == Kind::Shape
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Depth => "json nests too deep",
            Kind::DuplicateMember => "json repeats a member name in one object",
            Kind::Shape => "json has members of another type than expected",
            Kind::Syntax => "text is not json",
        })
    }
}

impl Error for JsonError {}

/// Walks a value, remembering per object only the names seen so far.
#[derive(Clone, Copy)]
struct Strict<'a> {
    broken: &'a Cell<Option<Kind>>,
    depth: usize,
}

impl<'a> Strict<'a> {
    fn deeper<E: de::Error>(self) -> Result<Strict<'a>, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail(Kind::Depth));
        }
        Ok(Strict {
            depth: self.depth + 1,
            ..self
        })
    }

    fn fail<E: de::Error>(self, kind: Kind) -> E {
        self.broken.set(Some(kind));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict json")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = Names::default();
        while let Some(name) = members.next_key::<BorrowedName<'de>>()? {
            if !seen.insert(name.0) {
                return Err(self.fail(Kind::DuplicateMember));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A member name, borrowed unless it was escaped.
struct BorrowedName<'de>(Cow<'de, str>);

impl<'de> de::Deserialize<'de> for BorrowedName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl<'de> Visitor<'de> for Name {
            type Value = BorrowedName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(BorrowedName(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(BorrowedName(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(name);
        }
        if self.few.contains(&name) {
            return false;
        }
        self.few.push(name);
        if self.few.len() > LINEAR_SEARCH {
            self.many = self.few.drain(..).collect();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_member_is_refused_at_every_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"[[{"b":1,"\u0062":2}]]"#,
            r#"{"":0,"":0}"#,
        ] {
            assert!(
                check(text.as_bytes()).unwrap_err().is_duplicate_member(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_same_name_in_two_objects_is_fine() {
        check(br#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#).unwrap();
    }

    #[test]
    fn a_repeat_is_found_among_many_members() {
        let mut text = String::from("{");
        for n in 0..500 {
            text.push_str(&format!("\"m{n}\":0,"));
        }
        check(format!("{text}\"x\":0}}").as_bytes()).unwrap();
        for repeated in [0, 15, 16, 17, 499] {
            let error = check(format!("{text}\"m{repeated}\":0}}").as_bytes()).unwrap_err();
            assert!(error.is_duplicate_member(), "m{repeated}");
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        check(nested(MAX_DEPTH).as_bytes()).unwrap();
        assert_eq!(
            check(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err(),
            JsonError(Kind::Depth)
        );
        assert!(check(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn lone_surrogates_and_trailing_text_are_refused() {
        for text in [
            r#""\ud800""#,
            r#"{"a":"\udc00"}"#,
            "{} {}",
            "",
            "NaN",
            "1e999",
        ] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
        assert!(check(b"\"\xff\"").is_err());
    }
}
