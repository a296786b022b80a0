//! JSON with placeholders in its texts.

use serde::Deserialize;
use serde_json::Value;

use super::fill::Fill;
use super::text::Text;

/// A JSON value of an attack, whose texts are filled when the attack is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Data(Value);

impl Data {
    /// A value without placeholders.
    pub(crate) fn literal(value: Value) -> Self {
        Self(value)
    }

    /// The value with every placeholder filled.
    #[must_use]
    pub fn fill(&self, fill: &Fill) -> Value {
        filled(&self.0, fill)
    }
}

fn filled(value: &Value, fill: &Fill) -> Value {
    match value {
        Value::String(text) => match Text::parse(text) {
            Ok(text) => String::from_utf8_lossy(&text.fill(fill)).into(),
            // It was parsed when it was read.
            Err(_) => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, fill)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), filled(member, fill)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn check(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => Text::parse(text).map(drop),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.values().try_for_each(check),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        check(&value).map_err(serde::de::Error::custom)?;
        Ok(Self(value))
    }
}
