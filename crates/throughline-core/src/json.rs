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
use std::marker::PhantomData;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};

/// How deep arrays and objects may nest, counted in containers.
pub const MAX_DEPTH: usize = 32;

/// How the names begin that serde_json gives to what is no object. Behind one of them it would read
/// a text anew, and not by these rules (with its feature `raw_value`, which any crate can turn on).
const SERDE_JSONS_OWN: &str = "$serde_json::private::";

/// Up to this many members an object is searched linearly, which is faster than hashing.
const LINEAR_SEARCH: usize = 16;

/// Reads `bytes` as a `T`, under the rules of this module, in one pass. The rules hold for what `T`
/// does not look at, too.
///
/// # Errors
///
/// The bytes are not JSON, repeat a member name, nest too deep, or do not have the shape of `T`.
pub fn parse<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, JsonError> {
    read(bytes, PhantomData::<T>).or_else(|_| {
        // A rule that is broken anywhere goes before a shape that is missed.
        check(bytes)?;
        Err(JsonError(Kind::Shape))
    })
}

/// Checks `bytes` against the rules of this module and builds nothing.
///
/// # Errors
///
/// The bytes are not JSON, repeat a member name, or nest too deep.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    read(bytes, PhantomData::<IgnoredAny>).map(drop)
}

fn read<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> Result<S::Value, JsonError> {
    let text = str::from_utf8(bytes).map_err(|_| JsonError(Kind::Syntax))?;
    let broken = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let strict = Strict {
        inner: &mut deserializer,
        broken: &broken,
        depth: 0,
    };
    let value = seed.deserialize(strict);
    value
        .and_then(|value| deserializer.end().map(|()| value))
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

/// Stands between a type and the text it is read from, on every level: between a type and its
/// deserializer, a deserializer and the type's visitor, a visitor and the members.
struct Strict<'a, X> {
    inner: X,
    broken: &'a Cell<Option<Kind>>,
    depth: usize,
}

impl<'a, X> Strict<'a, X> {
    fn on<Y>(&self, inner: Y) -> Strict<'a, Y> {
        Strict {
            inner,
            broken: self.broken,
            depth: self.depth,
        }
    }

    fn deeper<E: de::Error>(&mut self) -> Result<(), E> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail(Kind::Depth));
        }
        self.depth += 1;
        Ok(())
    }

    fn fail<E: de::Error>(&self, kind: Kind) -> E {
        self.broken.set(Some(kind));
        E::custom("refused")
    }
}

macro_rules! strictly {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
                let visitor = self.on(visitor);
                self.inner.$method(visitor)
            }
        )*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<'_, D> {
    type Error = D::Error;

    strictly! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier
    }

    /// What nobody looks at is read like all else.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.on(visitor);
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name.starts_with(SERDE_JSONS_OWN) {
            // A text as it stands, whose type asked for it. Whoever reads it does so by these rules.
            return self.inner.deserialize_newtype_struct(name, visitor);
        }
        let visitor = self.on(visitor);
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.on(visitor);
        self.inner.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.on(visitor);
        self.inner.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.on(visitor);
        self.inner.deserialize_struct(name, fields, visitor)
    }

    /// An enum with content would be read past the rules, and none is needed.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, D::Error> {
        Err(de::Error::custom("an enum is not read strictly"))
    }
}

macro_rules! as_is {
    ($($method:ident($type:ty))*) => {
        $(
            fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
                self.inner.$method(value)
            }
        )*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    as_is! {
        visit_bool(bool) visit_i64(i64) visit_i128(i128) visit_u64(u64) visit_u128(u128)
        visit_f64(f64) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        let value = self.on(value);
        self.inner.visit_some(value)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        let value = self.on(value);
        self.inner.visit_newtype_struct(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, items: A) -> Result<V::Value, A::Error> {
        self.deeper()?;
        let items = self.on(items);
        self.inner.visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, members: A) -> Result<V::Value, A::Error> {
        self.deeper()?;
        let members = Members {
            members: self.on(members),
            seen: Names::default(),
        };
        self.inner.visit_map(members)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.on(deserializer);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = self.on(seed);
        self.inner.next_element_seed(seed)
    }
}

/// The members of one object, remembering only the names seen so far.
struct Members<'a, 'de, A> {
    members: Strict<'a, A>,
    seen: Names<'de>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let Some(BorrowedName(name)) = self.members.inner.next_key()? else {
            return Ok(None);
        };
        if name.starts_with(SERDE_JSONS_OWN) {
            return Err(self.members.fail(Kind::Syntax));
        }
        let read = match &name {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(name.as_str().into_deserializer()),
        };
        if !self.seen.insert(name) {
            return Err(self.members.fail(Kind::DuplicateMember));
        }
        read.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.members.on(seed);
        self.members.inner.next_value_seed(seed)
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

/// The names of one object. Few of them need no memory of their own.
#[derive(Default)]
struct Names<'de> {
    few: [Cow<'de, str>; LINEAR_SEARCH],
    len: usize,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    /// Whether `name` is new.
    fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.few.iter().take(self.len).any(|few| *few == name) {
            return false;
        }
        match self.few.get_mut(self.len) {
            Some(place) => {
                *place = name;
                self.len += 1;
                true
            }
            None => self.many.insert(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_in_a_value_is_read_as_json_of_its_own() {
        for name in ["RawValue", "Number"] {
            let text = format!(r#"{{"a":{{"$serde_json::private::{name}":"{{}}"}}}}"#);
            assert!(check(text.as_bytes()).is_err(), "{text}");
            assert!(parse::<serde_json::Value>(text.as_bytes()).is_err());
        }
        let text = br#"{"a":{"$serde_json":"{}"}}"#;
        let value: serde_json::Value = parse(text).unwrap();
        assert_eq!(value["a"]["$serde_json"], "{}");
    }

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
    fn what_a_type_does_not_look_at_is_read_by_the_same_rules() {
        #[derive(Debug, serde::Deserialize)]
        struct Looks {
            at: Option<std::collections::BTreeMap<String, serde_json::Value>>,
        }
        let nested = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
        for (text, duplicate) in [
            (r#"{"at":null,"other":{"a":1,"a":2}}"#.to_owned(), true),
            (
                r#"{"at":null,"other":[{"a":1,"\u0061":2}]}"#.to_owned(),
                true,
            ),
            (r#"{"at":{"b":1,"b":2}}"#.to_owned(), true),
            (r#"{"at":{"b":{"c":1,"c":2}}}"#.to_owned(), true),
            // A broken rule goes before a shape that is missed earlier.
            (r#"{"at":7,"other":{"a":1,"a":2}}"#.to_owned(), true),
            (r#"{"other":"\ud800"}"#.to_owned(), false),
            (format!(r#"{{"other":{nested}}}"#), false),
        ] {
            let error = parse::<Looks>(text.as_bytes()).unwrap_err();
            assert_eq!(error.is_duplicate_member(), duplicate, "{text}");
            assert_eq!(Err(error), check(text.as_bytes()), "{text}");
        }
        let looks: Looks = parse(br#"{"at":{"b":1},"other":{"a":{"b":1}}}"#).unwrap();
        assert_eq!(looks.at.unwrap()["b"], 1);
        assert!(parse::<Looks>(br#"{"at":7}"#).unwrap_err().is_shape());
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
