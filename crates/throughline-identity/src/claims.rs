//! The claims of a foreign credential, read by the type that is expected of each.
//!
//! A claim is absent, or it has the type that is asked for, or it is refused. `null` is not
//! absence: whoever wrote it meant to say something and did not. Nothing here has a default.

use std::fmt;
use std::ops::Range;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
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
    /// The names, and the values that are texts, one behind the other: memory for each of them
    /// would cost more than reading it.
    texts: String,
    /// A credential has few: looking through them is quicker than a tree.
    members: Vec<Member>,
    /// Whether some value is an object, so that a path could lead into it.
    has_objects: bool,
}

#[derive(Clone)]
struct Member {
    hint: Hint,
    /// Among the texts. No other has the same.
    name: Range<usize>,
    value: Read,
}

#[derive(Clone)]
enum Read {
    /// Among the texts.
    Text(Range<usize>),
    /// No text, but for those that stand in it.
    Other(Value),
}

/// Of a name: its first and last byte and the end of its length. The names of claims that have all
/// of them in common are few, so most others are told from one without being looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hint(u32);

impl Hint {
    fn of(name: &str) -> Self {
        let [.., long, len] = name.len().to_be_bytes();
        let first = name.as_bytes().first().copied().unwrap_or_default();
        let last = name.as_bytes().last().copied().unwrap_or_default();
        Self(u32::from_be_bytes([long, len, first, last]))
    }
}

impl Claims {
    /// Room for what most credentials bring.
    fn empty() -> Self {
        Self {
            texts: String::with_capacity(512),
            members: Vec::with_capacity(16),
            has_objects: false,
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

    /// Whether anything stands at `path`: a claim, or members of objects in it joined by `/`.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.at(path).is_some()
    }

    pub(crate) fn at(&self, path: &str) -> Option<Claim<'_>> {
        // Providers such as Kubernetes have names with a slash in them.
        self.meanings(path).first
    }

    /// As [`Claims::at`], where no second value could be meant. A claim `act/sub` beside `act` is
    /// one that somebody made up to be read in the place of the member.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when `path` leads to two values.
    pub(crate) fn only(&self, path: &str) -> Result<Option<Claim<'_>>, Refusal> {
        match self.meanings(path) {
            Meanings { several: true, .. } => {
                Err(invalid(path, "stands there twice, as a name and as a path"))
            }
            Meanings { first, .. } => Ok(first),
        }
    }

    /// What `path` could mean, the longest name first.
    fn meanings(&self, path: &str) -> Meanings<'_> {
        let mut meanings = Meanings {
            first: self.own(path),
            several: false,
        };
        if !self.has_objects {
            return meanings;
        }
        for (name, rest) in splits(path) {
            if let Some(below) = self.own(name).and_then(Claim::as_object) {
                meanings.extend_below(below, rest);
            }
        }
        meanings
    }

    /// The claim of exactly that name.
    fn own(&self, name: &str) -> Option<Claim<'_>> {
        let hint = Hint::of(name);
        let texts = self.texts.as_bytes();
        let is = |member: &&Member| {
            member.hint == hint && texts.get(member.name.clone()) == Some(name.as_bytes())
        };
        match &self.members.iter().find(is)?.value {
            Read::Text(place) => self.texts.get(place.clone()).map(Claim::Text),
            Read::Other(value) => Some(Claim::Other(value)),
        }
    }

    fn name(&self, member: &Member) -> Option<&str> {
        self.texts.get(member.name.clone())
    }

    /// `name` is new.
    fn insert(&mut self, name: &str, value: Value) {
        let hint = Hint::of(name);
        let name = put(&mut self.texts, name);
        let value = match value.as_str() {
            Some(text) => Read::Text(put(&mut self.texts, text)),
            None => Read::Other(value),
        };
        self.push(Member { hint, name, value });
    }

    fn push(&mut self, member: Member) {
        self.has_objects |= matches!(member.value, Read::Other(Value::Object(_)));
        self.members.push(member);
    }

    /// A text.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when it is no text, or an empty one.
    pub fn text(&self, path: &str) -> Result<Option<&str>, Refusal> {
        match self.only(path)? {
            None => Ok(None),
            Some(Claim::Text(text)) if !text.is_empty() => Ok(Some(text)),
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
            Some(Claim::Other(Value::Bool(flag))) => Ok(Some(*flag)),
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
        let number = match value {
            Claim::Other(Value::Number(number)) => Some(number),
            Claim::Text(_) | Claim::Other(_) => None,
        };
        let seconds = number.and_then(|number| {
            number.as_u64().or_else(|| {
                let fraction = number.as_f64()?;
                // Cut, and within what a float holds exactly.
                (fraction >= 0.0 && fraction <= Timestamp::MAX.as_unix() as f64)
                    .then_some(fraction as u64)
            })
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
            Some(Claim::Other(Value::Array(items))) => items
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
        if let Some(Claim::Text(text)) = self.only(path)? {
            let mut words = Vec::with_capacity(8);
            words.extend(text.split_ascii_whitespace());
            return Ok(Some(words));
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
            Some(Claim::Text(text)) => Ok(Some(vec![text])),
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
        self.members.iter().filter_map(|member| self.name(member))
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
                while let Some((hint, name)) = members.next_key_seed(Name(&mut claims.texts))? {
                    let value = members.next_value_seed(OfMember(&mut claims.texts))?;
                    claims.push(Member { hint, name, value });
                }
                Ok(Strict(claims))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Puts `text` behind the others, and says where it stands.
fn put(texts: &mut String, text: &str) -> Range<usize> {
    let start = texts.len();
    texts.push_str(text);
    start..texts.len()
}

/// Puts a name behind the other texts.
struct Name<'n>(&'n mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = (Hint, Range<usize>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = (Hint, Range<usize>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((Hint::of(name), put(self.0, name)))
    }
}

/// Puts a value behind the other texts, if it is one.
struct OfMember<'n>(&'n mut String);

impl<'de> DeserializeSeed<'de> for OfMember<'_> {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OfMember<'_> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Read, E> {
        Ok(Read::Text(put(self.0, text)))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Read, E> {
        Ok(Read::Other(flag.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Read, E> {
        Ok(Read::Other(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Read, E> {
        Ok(Read::Other(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Read, E> {
        Ok(Read::Other(number.into()))
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read::Other(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Read, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(items)).map(Read::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Read, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(members)).map(Read::Other)
    }
}

/// The names, and never the values: they are about people.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// What a claim says.
#[derive(Clone, Copy)]
pub(crate) enum Claim<'c> {
    Text(&'c str),
    /// No text.
    Other(&'c Value),
}

impl<'c> Claim<'c> {
    fn of(value: &'c Value) -> Self {
        value.as_str().map_or(Self::Other(value), Self::Text)
    }

    fn as_object(self) -> Option<&'c Map<String, Value>> {
        match self {
            Self::Text(_) => None,
            Self::Other(value) => value.as_object(),
        }
    }

    pub(crate) fn is_object(self) -> bool {
        self.as_object().is_some()
    }
}

/// What a path could mean.
struct Meanings<'v> {
    first: Option<Claim<'v>>,
    several: bool,
}

impl<'v> Meanings<'v> {
    fn extend(&mut self, value: Option<Claim<'v>>) {
        self.several |= self.first.is_some() && value.is_some();
        self.first = self.first.or(value);
    }

    /// As for the claims themselves, in an object among them.
    fn extend_below(&mut self, object: &'v Map<String, Value>, path: &str) {
        self.extend(object.get(path).map(Claim::of));
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

fn mistyped(claim: &str, found: Claim<'_>, expected: &str) -> Refusal {
    let found = match found {
        Claim::Text("") => "an empty text".to_owned(),
        Claim::Text(text) => format!("the text `{}`", shown(text.as_bytes())),
        Claim::Other(Value::Null) => "null".to_owned(),
        Claim::Other(Value::Bool(_)) => "true or false".to_owned(),
        Claim::Other(Value::Number(number)) => format!("the number {number}"),
        Claim::Other(Value::Object(_)) => "an object".to_owned(),
        Claim::Other(_) => "a list".to_owned(),
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
        assert!(shadowed.contains("act"));
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
