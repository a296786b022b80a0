//! JSON that may say a thing twice.

use std::fmt;

use serde_json::{Number, Value};

use super::ForgeError;
use crate::attack::{Edit, Fill};

/// A JSON value whose objects keep every member, in order.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Array(Vec<Node>),
    Leaf(Value),
    /// Names as they are written, with quotes and escapes.
    Object(Members),
    Raw(String),
}

type Members = Vec<(String, Node)>;

impl Node {
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::Array(items.into_iter().map(Self::of).collect()),
            Value::Object(members) => Self::Object(
                members
                    .into_iter()
                    .map(|(name, member)| (quoted(&name), Self::of(member)))
                    .collect(),
            ),
            leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Self::Leaf(leaf)
            }
        }
    }

    pub(super) fn edit(&mut self, edit: &Edit, fill: &Fill) -> Result<(), ForgeError> {
        match edit {
            Edit::DuplicateAfter(place, value) => {
                let (members, name) = self.parent(place)?;
                let at = position(members, &name, place)?;
                members.insert(at + 1, (name, Self::of(value.fill(fill))));
            }
            Edit::DuplicateBefore(place, value) => {
                let (members, name) = self.parent(place)?;
                let at = position(members, &name, place)?;
                members.insert(at, (name, Self::of(value.fill(fill))));
            }
            Edit::DuplicateEscaped(place, value) => {
                let (members, name) = self.parent(place)?;
                let at = position(members, &name, place)?;
                members.insert(at, (escaped(&name), Self::of(value.fill(fill))));
            }
            Edit::Nest(place, depth) => {
                let (members, name) = self.parent(place)?;
                let depth = *depth as usize;
                let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
                set(members, name, Self::Raw(nested));
            }
            Edit::Remove(place) => {
                let (members, name) = self.parent(place)?;
                let at = position(members, &name, place)?;
                members.remove(at);
            }
            Edit::Rename(place, to) => {
                let (members, name) = self.parent(place)?;
                let at = position(members, &name, place)?;
                if let Some((name, _)) = members.get_mut(at) {
                    *name = quoted(to);
                }
            }
            Edit::Set(place, value) => {
                let (members, name) = self.parent(place)?;
                set(members, name, Self::of(value.fill(fill)));
            }
            Edit::Shift(place, by) => {
                let (members, name) = self.parent(place)?;
                let at = position(members, &name, place)?;
                let member = members.get_mut(at).map(|(_, member)| member);
                let number = match &member {
                    Some(Self::Leaf(value)) => value.as_i64(),
                    Some(Self::Array(_) | Self::Object(_) | Self::Raw(_)) | None => None,
                };
                let number = number.ok_or_else(|| ForgeError::NoPlace(place.clone()))?;
                let shifted = Value::Number(Number::from(number.saturating_add(*by)));
                set(members, name, Self::Leaf(shifted));
            }
        }
        Ok(())
    }

    /// The object above a place, and the last name of it.
    fn parent(&mut self, place: &str) -> Result<(&mut Members, String), ForgeError> {
        let missing = || ForgeError::NoPlace(place.to_owned());
        let (above, name) = place.rsplit_once('/').ok_or_else(missing)?;
        let mut node = self;
        for step in above.split('/').skip(1) {
            node = match node {
                Self::Object(members) => {
                    let step = quoted(&unescaped(step));
                    let found = members.iter_mut().find(|(name, _)| *name == step);
                    found.map(|(_, member)| member).ok_or_else(missing)?
                }
                Self::Array(items) => {
                    let index = step.parse::<usize>().map_err(|_| missing())?;
                    items.get_mut(index).ok_or_else(missing)?
                }
                Self::Leaf(_) | Self::Raw(_) => return Err(missing()),
            };
        }
        match node {
            Self::Object(members) => Ok((members, quoted(&unescaped(name)))),
            Self::Array(_) | Self::Leaf(_) | Self::Raw(_) => Err(missing()),
        }
    }
}

fn position(members: &[(String, Node)], name: &str, place: &str) -> Result<usize, ForgeError> {
    members
        .iter()
        .position(|(own, _)| own == name)
        .ok_or_else(|| ForgeError::NoPlace(place.to_owned()))
}

fn set(members: &mut Members, name: String, value: Node) {
    match members.iter_mut().find(|(own, _)| *own == name) {
        Some((_, member)) => *member = value,
        None => members.push((name, value)),
    }
}

/// A name as JSON writes it.
fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

/// The same name with its last character as an escape: `"tenan\u0074"`.
fn escaped(quoted: &str) -> String {
    let name = quoted.trim_matches('"');
    let mut chars = name.chars();
    match chars.next_back() {
        Some(last) => format!("\"{}\\u{:04x}\"", chars.as_str(), u32::from(last)),
        None => quoted.to_owned(),
    }
}

/// A step of a JSON Pointer (RFC 6901 §4).
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(value) => write!(f, "{value}"),
            Self::Raw(text) => f.write_str(text),
            Self::Array(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    let comma = if n == 0 { "" } else { "," };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (n, (name, member)) in members.iter().enumerate() {
                    let comma = if n == 0 { "" } else { "," };
                    write!(f, "{comma}{name}:{member}")?;
                }
                f.write_str("}")
            }
        }
    }
}
