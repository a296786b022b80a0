//! What can be wrong with a file of attacks.

use std::fmt;

/// A file of attacks that is none.
#[derive(Debug)]
pub struct AttackError {
    id: Option<String>,
    problem: Problem,
}

#[derive(Debug)]
pub(super) enum Problem {
    Json(serde_json::Error),
    Twice,
    UnknownReason(String),
    Unsourced,
    UnusedEach,
    Untitled,
    BadId,
}

impl AttackError {
    pub(super) fn new(problem: Problem) -> Self {
        Self { id: None, problem }
    }

    pub(super) fn of(id: &str, problem: Problem) -> Self {
        Self {
            id: Some(id.to_owned()),
            problem,
        }
    }

    /// The attack that is wrong, where it can be told.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl fmt::Display for AttackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.id {
            write!(f, "attack `{id}`: ")?;
        }
        match &self.problem {
            Problem::Json(error) => write!(f, "{error}"),
            Problem::Twice => f.write_str("the id is used twice"),
            Problem::UnknownReason(code) => write!(f, "`{code}` is no reason"),
            Problem::Unsourced => f.write_str("names no source, expected `what` and `link`"),
            Problem::UnusedEach => f.write_str("has values in `each`, and no `{each}` to put them"),
            Problem::Untitled => f.write_str("lacks a `title` or a `why`"),
            Problem::BadId => f.write_str("is no id, expected `group/what-is-done` in lower case"),
        }
    }
}

impl std::error::Error for AttackError {}
