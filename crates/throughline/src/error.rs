//! What can be wrong with a layer, found when it is built.

use std::error::Error;
use std::fmt;

/// A layer is misconfigured. The message names everything that is wrong with it, and what was
/// expected instead; no request ever meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self(vec![problem.into()])
    }

    /// One error for all problems; none if there is none.
    pub(crate) fn all(problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self(problems))
        }
    }

    /// What is wrong with a layer that is built from these layers: each problem as a sentence.
    #[must_use]
    pub fn of(problems: Vec<String>) -> Self {
        Self(problems)
    }

    /// Each thing that is wrong, as a sentence.
    #[must_use]
    pub fn into_problems(self) -> Vec<String> {
        self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Error for ConfigError {}
