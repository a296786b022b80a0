//! Whose word counts, about what: the map of trust.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

/// Who owns authentication, who owns the rules, and who owns each attribute that rules read.
///
/// A claim about an attribute counts only from its owner. Asserted by anybody else it is dropped and
/// counted, or refused with the whole credential ([`TrustMap::refusing_strangers`]). An attribute
/// that rules read and nobody owns is an error of configuration, not an attribute anybody may set.
///
/// ```
/// use throughline_identity::TrustMap;
///
/// let trust = TrustMap::new("identity team", "platform security")
///     .with_owner("role", "workforce")
///     .with_owner("plan", "billing")
///     .read_by_rules(["role", "plan"]);
/// assert!(trust.check().is_ok());
/// assert!(trust.counts("role", "workforce"));
/// assert!(!trust.counts("role", "partners"));
///
/// // A rule reads what nobody owns.
/// assert!(trust.read_by_rules(["clearance"]).check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct TrustMap {
    authentication: Box<str>,
    rules: Box<str>,
    attributes: BTreeMap<Box<str>, Box<str>>,
    read: BTreeSet<Box<str>>,
    refuses_strangers: bool,
}

impl TrustMap {
    /// `authentication` and `rules` name whoever answers for them, for people to read.
    pub fn new(authentication: &str, rules: &str) -> Self {
        Self {
            authentication: authentication.into(),
            rules: rules.into(),
            attributes: BTreeMap::new(),
            read: BTreeSet::new(),
            refuses_strangers: false,
        }
    }

    /// States that `owner` owns `attribute`: the alias of an issuer, or the name of another source.
    /// Replaces an owner that was stated before.
    pub fn with_owner(mut self, attribute: &str, owner: &str) -> Self {
        self.attributes.insert(attribute.into(), owner.into());
        self
    }

    /// Names attributes that decision rules read. Repeated calls add up.
    pub fn read_by_rules<'a>(mut self, attributes: impl IntoIterator<Item = &'a str>) -> Self {
        self.read.extend(attributes.into_iter().map(Box::from));
        self
    }

    /// Refuses a credential whose issuer asserts an attribute that it does not own. Default: the
    /// claim is dropped and counted.
    pub fn refusing_strangers(mut self) -> Self {
        self.refuses_strangers = true;
        self
    }

    /// Whether `source` may assert `attribute`. An attribute without an owner is nobody's.
    #[must_use]
    pub fn counts(&self, attribute: &str, source: &str) -> bool {
        self.owner(attribute) == Some(source)
    }

    /// The owner of `attribute`.
    #[must_use]
    pub fn owner(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(AsRef::as_ref)
    }

    pub(crate) fn refuses(&self) -> bool {
        self.refuses_strangers
    }

    /// The attributes and their owners.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .map(|(name, owner)| (&**name, &**owner))
    }

    /// Checks the map by itself.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: an owner without a name, an attribute that rules read and nobody
    /// owns.
    pub fn check(&self) -> Result<(), TrustError> {
        let mut problems = Vec::new();
        if self.authentication.is_empty() {
            problems.push("nobody owns authentication".to_owned());
        }
        if self.rules.is_empty() {
            problems.push("nobody owns the decision rules".to_owned());
        }
        for (attribute, owner) in &self.attributes {
            if owner.is_empty() || attribute.is_empty() {
                problems.push(format!(
                    "attribute `{attribute}` has an owner without a name"
                ));
            }
        }
        for attribute in &self.read {
            if !self.attributes.contains_key(attribute) {
                problems.push(format!(
                    "rules read attribute `{attribute}`, which nobody owns"
                ));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(TrustError(problems))
        }
    }

    /// The map as rows: what it is about, and who owns it.
    #[must_use]
    pub fn rows(&self) -> Vec<TrustRow> {
        let row = |about: &str, owner: &str, read: bool| TrustRow {
            about: about.to_owned(),
            owner: owner.to_owned(),
            read_by_rules: read,
        };
        let mut rows = vec![
            row("authentication", &self.authentication, false),
            row("rules", &self.rules, false),
        ];
        rows.extend(self.attributes.iter().map(|(name, owner)| {
            row(
                &format!("attribute {name}"),
                owner,
                self.read.contains(name),
            )
        }));
        rows
    }
}

/// One row of a map of trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrustRow {
    /// `authentication`, `rules`, or an attribute.
    pub about: String,
    /// Who owns it.
    pub owner: String,
    /// Whether a rule reads it.
    pub read_by_rules: bool,
}

/// What is wrong with a map of trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustError(Vec<String>);

impl TrustError {
    /// Each thing that is wrong, as a sentence.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for TrustError {}
