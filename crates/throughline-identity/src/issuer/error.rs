//! What can be wrong with an issuer, found when it is built.

use std::error::Error;
use std::fmt;

/// What is wrong with an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerError {
    pub(super) alias: Box<str>,
    pub(super) problems: Vec<String>,
    /// The claim whose values would have to be listed, where it serves everybody.
    pub(super) unlisted: Option<Box<str>>,
}

impl IssuerError {
    /// The alias of the issuer.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// Each thing that is wrong, as a sentence.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    pub(crate) fn unlisted_claim(&self) -> Option<&str> {
        self.unlisted.as_deref()
    }
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "issuer `{}`: {}", self.alias, self.problems.join("; "))
    }
}

impl Error for IssuerError {}
