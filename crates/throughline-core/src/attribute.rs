//! Attributes for decisions: what is known about the principal, who says so, and as of when.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// A value, the owner who asserted it and the time at which it was true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    value: AttributeValue,
    source: Box<str>,
    at: Timestamp,
}

impl Attribute {
    /// `value`, asserted by `source` as of `at`.
    #[must_use]
    pub fn new(value: impl Into<AttributeValue>, source: &str, at: Timestamp) -> Self {
        Self {
            value: value.into(),
            source: source.into(),
            at,
        }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &AttributeValue {
        &self.value
    }

    /// The owner who asserted it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// When it was true.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// What an attribute can say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<Box<str>>),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(Box<str>),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for AttributeValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Attributes by name.
pub type Attributes = BTreeMap<Box<str>, Attribute>;
