//! Texts with placeholders.

use std::fmt;

use serde::Deserialize;

use super::fill::{Fill, Slot};

/// A text of an attack, which is filled when the attack is sent.
///
/// In JSON it is a string, `{"repeat": text, "times": n}`, or a list of these, joined. In a string,
/// `{name}` and `{name:shape}` are placeholders; an unknown one is an error. Braces around anything
/// but a lower-case word are themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    Literal(String),
    Repeat(Text, u32),
    Slot(Slot, Shape),
}

/// How a value is spelled to look like itself, or like something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    AsIs,
    /// `x.tenant`, which some servers read as `x_tenant`.
    Dot,
    /// Every byte as a percent escape.
    Percent,
    /// Every byte as a percent escape, its percent sign escaped again.
    PercentTwice,
    /// `x_tenant`, which WSGI and CGI read as `x-tenant`.
    Underscore,
    /// In capitals.
    Upper,
}

impl Shape {
    fn of(name: Option<&str>) -> Option<Self> {
        Some(match name {
            None => Self::AsIs,
            Some("dot") => Self::Dot,
            Some("percent") => Self::Percent,
            Some("percent_twice") => Self::PercentTwice,
            Some("underscore") => Self::Underscore,
            Some("upper") => Self::Upper,
            Some(_) => return None,
        })
    }

    fn apply(self, text: &str) -> String {
        let escape = |sign: &str| {
            let escaped = text.bytes().map(|byte| format!("{sign}{byte:02X}"));
            escaped.collect::<String>()
        };
        match self {
            Self::AsIs => text.to_owned(),
            Self::Dot => text.replace('-', "."),
            Self::Percent => escape("%"),
            Self::PercentTwice => escape("%25"),
            Self::Underscore => text.replace('-', "_"),
            Self::Upper => text.to_ascii_uppercase(),
        }
    }
}

impl Text {
    /// The text with every placeholder filled. Bytes, as an attack may send what no text is.
    #[must_use]
    pub fn fill(&self, fill: &Fill) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Byte(byte) => out.push(*byte),
                Piece::Literal(text) => out.extend(text.as_bytes()),
                Piece::Repeat(text, times) => out.extend(text.fill(fill).repeat(*times as usize)),
                Piece::Slot(slot, shape) => {
                    out.extend(shape.apply(fill.value(*slot)).into_bytes());
                }
            }
        }
        out
    }

    /// The placeholders in it.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Byte(_) | Piece::Literal(_) => {}
                Piece::Repeat(text, _) => slots.extend(text.slots()),
                Piece::Slot(slot, _) => slots.push(*slot),
            }
        }
        slots
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            match after.split_once('}').filter(|(name, _)| is_name(name)) {
                None => {
                    literal.push('{');
                    rest = after;
                }
                Some((name, behind)) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(placeholder(name)?);
                    rest = behind;
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b':'))
}

fn placeholder(name: &str) -> Result<Piece, String> {
    let (word, argument) = match name.split_once(':') {
        Some((word, argument)) => (word, Some(argument)),
        None => (name, None),
    };
    let piece = match (word, argument) {
        ("byte", Some(hex)) => u8::from_str_radix(hex, 16).ok().map(Piece::Byte),
        (word, shape) => {
            let slot = Slot::named(word);
            slot.zip(Shape::of(shape))
                .map(|(slot, shape)| Piece::Slot(slot, shape))
        }
    };
    piece.ok_or_else(|| format!("`{{{name}}}` is no placeholder"))
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl From<&str> for Text {
    /// This text and nothing else: no placeholder is read.
    fn from(text: &str) -> Self {
        Self(vec![Piece::Literal(text.to_owned())])
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Repeated(Repeated),
    Joined(Vec<Written>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    repeat: String,
    times: u32,
}

impl Written {
    fn text(self) -> Result<Text, String> {
        match self {
            Self::One(text) => Text::parse(&text),
            Self::Repeated(Repeated { repeat, times }) => {
                Ok(Text(vec![Piece::Repeat(Text::parse(&repeat)?, times)]))
            }
            Self::Joined(parts) => {
                let mut pieces = Vec::new();
                for part in parts {
                    pieces.extend(part.text()?.0);
                }
                Ok(Text(pieces))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?
            .text()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fill::Side;
    use super::*;

    fn fill() -> Fill {
        let side = |tenant: &str, token: &str| Side {
            tenant: tenant.into(),
            token: token.into(),
            ..Side::default()
        };
        Fill {
            own: side("acme", "a.b.c"),
            other: side("globex", "x.y.z"),
            credential_header: "txn-token".into(),
            tenant_header: "x-tenant-id".into(),
            copy_header: String::new(),
            nonce: "n1".into(),
        }
    }

    fn filled(json: &str) -> Result<String, String> {
        let text: Text = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(text.fill(&fill()).escape_ascii().to_string())
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_are_themselves() {
        for (json, expected) in [
            (r#""{own}/{other}""#, "acme/globex"),
            (r#""{tenant_header:underscore}""#, "x_tenant_id"),
            (
                r#""{credential_header:dot}={other_token}""#,
                "txn.token=x.y.z",
            ),
            (
                r#""{own:upper} {own:percent} {other:percent_twice}""#,
                "ACME %61%63%6D%65 %2567%256C%256F%2562%2565%2578",
            ),
            (r#""{byte:e9}{nonce}""#, r"\xe9n1"),
            (r#"{"repeat": "{own},", "times": 3}"#, "acme,acme,acme,"),
            (
                r#"["a", {"repeat": "b", "times": 2}, "{token}"]"#,
                "abba.b.c",
            ),
            (r#""{\"id\":\"{own}\"}""#, r#"{\"id\":\"acme\"}"#),
            (r#""{} {A} { own} {""#, "{} {A} { own} {"),
        ] {
            assert_eq!(filled(json).as_deref(), Ok(expected), "{json}");
        }
    }

    #[test]
    fn unknown_placeholders_and_members_are_errors() {
        for json in [
            r#""{owner}""#,
            r#""{own:sideways}""#,
            r#""{byte:xyz}""#,
            r#""{byte}""#,
            r#"{"repeat": "x", "times": 3, "more": 1}"#,
            "7",
        ] {
            assert!(filled(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_mirror_changes_the_sides_and_shows_no_token() {
        let mirrored = fill().mirrored();
        assert_eq!(
            (&*mirrored.own.tenant, &*mirrored.own.token),
            ("globex", "x.y.z")
        );
        assert_eq!(mirrored.value(Slot::Other), "acme");
        assert!(!format!("{mirrored:?}").contains("x.y.z"));
    }
}
