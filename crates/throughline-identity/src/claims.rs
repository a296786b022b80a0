//! The claims of a foreign credential, read by the type that is expected of each.
//!
//! A claim is absent, or it has the type that is asked for, or it is refused. `null` is not
//! absence: whoever wrote it meant to say something and did not. Nothing here has a default.

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
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads a JSON object, strictly ([`throughline_core::json`]).
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] for anything else.
    pub fn read(text: &[u8]) -> Result<Self, Refusal> {
        json::parse(text).map(Self).map_err(|error| {
            Refusal::new(Reason::ClaimInvalid).because(format!("the claims: {error}"))
        })
    }

    /// The value at `path`: a claim, or members of objects in it joined by `/`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        // Providers such as Kubernetes have names with a slash in them.
        found(&self.0, path).into_iter().next()
    }

    /// As [`Claims::at`], where no second value could be meant. A claim `act/sub` beside `act` is
    /// one that somebody made up to be read in the place of the member.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] when `path` leads to two values.
    pub(crate) fn only(&self, path: &str) -> Result<Option<&Value>, Refusal> {
        match *found(&self.0, path) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            [..] => Err(invalid(path, "stands there twice, as a name and as a path")),
        }
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
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// The names of the claims.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The members of an object that was read strictly.
impl From<Map<String, Value>> for Claims {
    fn from(members: Map<String, Value>) -> Self {
        Self(members)
    }
}

/// The names, and never the values: they are about people.
impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Every value that `path` could mean, the longest name first.
fn found<'v>(object: &'v Map<String, Value>, path: &str) -> Vec<&'v Value> {
    let mut values: Vec<&Value> = object.get(path).into_iter().collect();
    for (at, _) in path.match_indices('/').rev() {
        if let (Some(name), Some(rest)) = (path.get(..at), path.get(at + 1..))
            && let Some(below) = object.get(name).and_then(Value::as_object)
        {
            values.extend(found(below, rest));
        }
    }
    values
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
