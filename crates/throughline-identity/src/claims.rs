//! The claims of a foreign credential, read by the type that is expected of each.
//!
//! A claim is absent, or it has the type that is asked for, or it is refused. `null` is not
//! absence: whoever wrote it meant to say something and did not. Nothing here has a default.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use throughline_core::refusal::shown;
use throughline_core::time::Timestamp;
use throughline_core::{Place, Reason, Refusal, json};

/// The claims of one credential: signed, or answered by its issuer.
///
/// ```
/// use throughline_core::Reason;
/// use throughline_identity::Claims;
///
/// let claims = Claims::read(br#"{"org_id": "org_01", "role": null}"#)?;
/// assert_eq!(claims.text("org_id")?, Some("org_01"));
/// assert_eq!(claims.text("tenant")?, None);
///
/// // A null is refused, and so is a member that stands there twice.
/// assert_eq!(claims.text("role").unwrap_err().reason(), Reason::ClaimInvalid);
/// assert!(Claims::read(br#"{"org_id": "org_01", "org_id": "org_02"}"#).is_err());
/// # Ok::<(), throughline_core::Refusal>(())
/// ```
#[derive(Clone)]
pub struct Claims {
    /// One behind the other.
    names: String,
    /// The place of each name, once, and its value. A credential has few: looking through them is
    /// quicker than a tree.
    values: Vec<(Range<usize>, Value)>,
}

impl Claims {
    /// Room for what most credentials bring.
    fn empty() -> Self {
        Self {
            names: String::with_capacity(128),
            values: Vec::with_capacity(16),
        }
    }

    /// Reads a JSON object, strictly ([`throughline_core::json`]).
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] for anything else.
    pub fn read(text: &[u8]) -> Result<Self, Refusal> {
        json::parse(text)
            .map(|Strict(claims)| claims)
            .map_err(|error| {
                Refusal::new(Reason::ClaimInvalid).because(format!("the claims: {error}"))
            })
    }

    /// The value at `path`: a claim, or members of objects in it joined by `/`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        // Providers such as Kubernetes have names with a slash in them.
        self.meanings(path).first
    }

    /// As [`Claims::at`], where no second value could be meant. A claim `act/sub` beside `act` is
    /// one that somebody made up to be read in the place of the member.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when `path` leads to two values.
    pub(crate) fn only(&self, path: &str) -> Result<Option<&Value>, Refusal> {
        match self.meanings(path) {
            Meanings { several: true, .. } => {
                Err(invalid(path, "stands there twice, as a name and as a path"))
            }
            Meanings { first, .. } => Ok(first),
        }
    }

    /// What `path` could mean, the longest name first.
    fn meanings(&self, path: &str) -> Meanings<'_> {
        let mut meanings = Meanings::default();
        meanings.extend(self.own(path));
        if !path.as_bytes().contains(&b'/') {
            return meanings;
        }
        for (name, rest) in splits(path) {
            if let Some(below) = self.own(name).and_then(Value::as_object) {
                meanings.extend_below(below, rest);
            }
        }
        meanings
    }

    /// The claim of exactly that name.
    fn own(&self, name: &str) -> Option<&Value> {
        let is = |own: &Range<usize>| {
            let own = self.names.as_bytes().get(own.clone()).unwrap_or_default();
            // Names are short. In place, and most differ in their first bytes.
            own.len() == name.len() && own.iter().zip(name.as_bytes()).all(|(one, two)| one == two)
        };
        let mut values = self.values.iter();
        values.find_map(|(own, value)| is(own).then_some(value))
    }

    /// `name` is new.
    fn insert(&mut self, name: &str, value: Value) {
        let start = self.names.len();
        self.names.push_str(name);
        self.values.push((start..self.names.len(), value));
    }

    /// A text.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when it is no text, or an empty one.
    pub fn text(&self, path: &str) -> Result<Option<&str>, Refusal> {
        match self.only(path)? {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(other) => Err(mistyped(path, other, "a text")),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimMissing`], or as [`Claims::text`].
    pub fn required_text(&self, path: &str) -> Result<&str, Refusal> {
        self.text(path)?.ok_or_else(|| missing(path))
    }

    /// A yes or no.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when it is neither.
    pub fn flag(&self, path: &str) -> Result<Option<bool>, Refusal> {
        match self.only(path)? {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(mistyped(path, other, "true or false")),
        }
    }

    /// A point in time: seconds since 1970, whole or with a fraction (RFC 7519 §2), which is cut.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when it is no number, negative, or beyond the year 9999, as
    /// milliseconds are.
    pub fn time(&self, path: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.only(path)? else {
            return Ok(None);
        };
        let seconds = value.as_u64().or_else(|| {
            let fraction = value.as_f64()?;
            // Cut, and within what a float holds exactly.
            (fraction >= 0.0 && fraction <= Timestamp::MAX.as_unix() as f64)
                .then_some(fraction as u64)
        });
        match seconds {
            Some(seconds) if seconds <= Timestamp::MAX.as_unix() => {
                Ok(Some(Timestamp::from_unix(seconds)))
            }
            Some(_) | None => Err(mistyped(path, value, "seconds since 1970")),
        }
    }

    /// A list of texts.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when it is no list, or holds anything but texts.
    pub fn list(&self, path: &str) -> Result<Option<Vec<&str>>, Refusal> {
        match self.only(path)? {
            None => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
                .map(Some)
                .ok_or_else(|| invalid(path, "holds something else than texts")),
            Some(other) => Err(mistyped(path, other, "a list of texts")),
        }
    }

    /// Words: a list of texts, or one text with blanks between them (RFC 8693 §4.2).
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when it is neither.
    pub fn words(&self, path: &str) -> Result<Option<Vec<&str>>, Refusal> {
        if let Some(Value::String(text)) = self.only(path)? {
            return Ok(Some(text.split_ascii_whitespace().collect()));
        }
        let words = self.list(path)?;
        // Joined with the others it would be read as several: a role that is named
        // `viewer payments.create` is none of `payments.create`.
        let is_word = |item: &&str| !item.is_empty() && !item.contains(char::is_whitespace);
        match words.as_ref().is_none_or(|words| words.iter().all(is_word)) {
            true => Ok(words),
            false => Err(invalid(path, "holds a text that is no single word")),
        }
    }

    /// One text, or a list of them, as `aud` may be (RFC 7519 §4.1.3).
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when it is neither.
    pub fn one_or_several(&self, path: &str) -> Result<Option<Vec<&str>>, Refusal> {
        match self.only(path)? {
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(_) | None => self.list(path),
        }
    }

    /// Fills in a claim that is absent. One that is there stays, of whatever type.
    pub(crate) fn or_insert(mut self, name: &str, value: impl Into<Value>) -> Self {
        if self.own(name).is_none() {
            self.insert(name, value.into());
        }
        self
    }

    /// The names of the claims, as they stand there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.values.iter();
        names.filter_map(|(name, _)| self.names.get(name.clone()))
    }
}

/// The members of an object that was read strictly.
impl From<Map<String, Value>> for Claims {
    fn from(members: Map<String, Value>) -> Self {
        let mut claims = Self::empty();
        for (name, value) in members {
            claims.insert(&name, value);
        }
        claims
    }
}

/// For [`json::parse`] alone, which lets no name stand there twice.
struct Strict(Claims);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
                let mut claims = Claims::empty();
                while let Some(name) = members.next_key_seed(Name(&mut claims.names))? {
                    claims.values.push((name, members.next_value()?));
                }
                Ok(Strict(claims))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Puts a name behind the others, and says where.
struct Name<'n>(&'n mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Range<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Range<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let start = self.0.len();
        self.0.push_str(name);
        Ok(start..self.0.len())
    }
}

/// The names, and never the values: they are about people.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// What a path could mean.
#[derive(Default)]
struct Meanings<'v> {
    first: Option<&'v Value>,
    several: bool,
}

impl<'v> Meanings<'v> {
    fn extend(&mut self, value: Option<&'v Value>) {
        self.several |= self.first.is_some() && value.is_some();
        self.first = self.first.or(value);
    }

    /// As for the claims themselves, in an object among them.
    fn extend_below(&mut self, object: &'v Map<String, Value>, path: &str) {
        self.extend(object.get(path));
        for (name, rest) in splits(path) {
            if let Some(below) = object.get(name).and_then(Value::as_object) {
                self.extend_below(below, rest);
            }
        }
    }
}

/// A path as a name and the rest of it, the longest name first.
fn splits(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let split = move |(at, _)| Some((path.get(..at)?, path.get(at + 1..)?));
    path.match_indices('/').rev().filter_map(split)
}

pub(crate) fn missing(claim: &str) -> Refusal {
    Refusal::new(Reason::ClaimMissing).at(Place::claim(claim.to_owned()))
}

pub(crate) fn invalid(claim: &str, rule: &str) -> Refusal {
    Refusal::new(Reason::ClaimInvalid)
        .at(Place::claim(claim.to_owned()))
        .because(rule)
}

fn mistyped(claim: &str, found: &Value, expected: &str) -> Refusal {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text `{}`", shown(text.as_bytes())),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    invalid(claim, &format!("is {found}, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_absent_or_of_its_type_or_refused() {
        let text =
            br#"{"t": "x", "e": "", "n": null, "l": ["a"], "m": ["a", 1], "o": {}, "b": true,
            "f": 1.9, "i": 7, "ms": 1700000000000000, "neg": -1, "big": 1e300}"#;
        let claims = Claims::read(text).unwrap();
        assert_eq!(claims.text("t").unwrap(), Some("x"));
        assert_eq!(claims.text("absent").unwrap(), None);
        for odd in ["e", "n", "l", "o", "b", "i"] {
            let refusal = claims.text(odd).unwrap_err();
            assert_eq!(refusal.reason(), Reason::ClaimInvalid, "{odd}");
        }
        assert_eq!(claims.time("i").unwrap(), Some(Timestamp::from_unix(7)));
        assert_eq!(claims.time("f").unwrap(), Some(Timestamp::from_unix(1)));
        for odd in ["t", "n", "ms", "neg", "big", "b"] {
            assert!(claims.time(odd).is_err(), "{odd}");
        }
        assert_eq!(claims.list("l").unwrap(), Some(vec!["a"]));
        for odd in ["m", "t", "n", "o"] {
            assert!(claims.list(odd).is_err(), "{odd}");
        }
        assert_eq!(claims.flag("b").unwrap(), Some(true));
        assert!(claims.flag("n").is_err());
        assert_eq!(
            claims.required_text("absent").unwrap_err().reason(),
            Reason::ClaimMissing
        );
    }

    #[test]
    fn members_of_objects_are_found_also_where_a_name_has_a_slash() {
        let text =
            br#"{"kubernetes.io": {"namespace": "shop"}, "a/b": {"c/d": "x"}, "a": {"b": 1}}"#;
        let claims = Claims::read(text).unwrap();
        assert_eq!(
            claims.text("kubernetes.io/namespace").unwrap(),
            Some("shop")
        );
        assert_eq!(claims.text("a/b/c/d").unwrap(), Some("x"));
        assert_eq!(claims.text("kubernetes.io/pod").unwrap(), None);
    }

    #[test]
    fn a_path_that_leads_to_two_values_is_refused_and_never_the_first_of_them() {
        let honest = Claims::read(br#"{"act": {"sub": "user_1"}}"#).unwrap();
        assert_eq!(honest.text("act/sub").unwrap(), Some("user_1"));
        let shadowed = Claims::read(br#"{"act": {"sub": "user_1"}, "act/sub": "user_2"}"#).unwrap();
        let reasons = [
            shadowed.text("act/sub").map(|_| ()),
            shadowed.required_text("act/sub").map(|_| ()),
            shadowed.words("act/sub").map(|_| ()),
            shadowed.one_or_several("act/sub").map(|_| ()),
            shadowed.flag("act/sub").map(|_| ()),
            shadowed.time("act/sub").map(|_| ()),
        ];
        for reason in reasons {
            assert_eq!(reason.unwrap_err().reason(), Reason::ClaimInvalid);
        }
        // What lies beside it is as it was.
        assert!(shadowed.at("act").is_some());
    }

    #[test]
    fn a_word_of_a_list_is_one_word() {
        let words = |text: &str| {
            let claims = Claims::read(format!(r#"{{"w": {text}}}"#).as_bytes()).unwrap();
            let words = claims.words("w").map_err(|refusal| refusal.reason())?;
            Ok(words.map(|words| words.join("|")))
        };
        assert_eq!(words(r#""a  b""#), Ok(Some("a|b".into())));
        assert_eq!(words(r#"["a", "b"]"#), Ok(Some("a|b".into())));
        for odd in [r#"["a b"]"#, r#"["a", ""]"#, r#"["a\tb"]"#, r#"["a", 1]"#] {
            assert_eq!(words(odd), Err(Reason::ClaimInvalid), "{odd}");
        }
    }

    #[test]
    fn debug_shows_names_only() {
        let claims = Claims::read(br#"{"email": "ada@users.test"}"#).unwrap();
        assert_eq!(format!("{claims:?}"), r#"{"email"}"#);
    }
}
