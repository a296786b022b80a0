//! Tasks: what a piece of work is for, and until when.

use std::error::Error;
use std::fmt;

use crate::reason::Reason;
use crate::time::Timestamp;

/// The task a grant is bound to: an id, a purpose and a deadline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    id: Box<str>,
    purpose: Option<Box<str>>,
    deadline: Option<Timestamp>,
}

impl Task {
    /// The longest id or purpose, in bytes.
    pub const MAX_LEN: usize = 128;

    /// A task without purpose or deadline.
    ///
    /// # Errors
    ///
    /// `id` is not 1 to 128 bytes of visible ASCII.
    pub fn new(id: &str) -> Result<Self, TaskError> {
        Ok(Self {
            id: name(id)?,
            purpose: None,
            deadline: None,
        })
    }

    /// Says what the task is for.
    ///
    /// # Errors
    ///
    /// `purpose` is not 1 to 128 bytes of visible ASCII.
    pub fn for_purpose(mut self, purpose: &str) -> Result<Self, TaskError> {
        self.purpose = Some(name(purpose)?);
        Ok(self)
    }

    /// Says when the task must be done. At the deadline the grant is over.
    #[must_use]
    pub fn until(mut self, deadline: Timestamp) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }

    /// When it must be done.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    pub(super) fn check_covers(&self, child: &Self) -> Result<(), Reason> {
        if self.id != child.id || (self.purpose.is_some() && self.purpose != child.purpose) {
            return Err(Reason::TaskMismatch);
        }
        match (self.deadline, child.deadline) {
            (None, _) => Ok(()),
            (Some(parent), Some(child)) if child <= parent => Ok(()),
            (Some(_), _) => Err(Reason::ScopeWidened),
        }
    }

    pub(super) fn meet(&self, other: &Self) -> Result<Self, Reason> {
        let purpose = match (&self.purpose, &other.purpose) {
            (Some(one), Some(two)) if one != two => return Err(Reason::TaskMismatch),
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        if self.id != other.id {
            return Err(Reason::TaskMismatch);
        }
        let deadline = [self.deadline, other.deadline].into_iter().flatten().min();
        Ok(Self {
            id: self.id.clone(),
            purpose,
            deadline,
        })
    }
}

fn name(text: &str) -> Result<Box<str>, TaskError> {
    let fits =
        (1..=Task::MAX_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        Ok(text.into())
    } else {
        Err(TaskError(()))
    }
}

/// A task's id or purpose is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskError(());

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task id or purpose is unusable, expected 1 to 128 bytes of visible ascii")
    }
}

impl Error for TaskError {}
