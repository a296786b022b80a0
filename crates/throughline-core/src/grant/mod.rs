//! What this piece of work may do. Grants only ever narrow.
//!
//! A [`Grant`] has three parts: the [`Scope`] (which operations), the [`Task`] (for what purpose
//! and until when) and the [`DataScope`] (on which data). Two operations make a grant from
//! another one, and neither can widen:
//!
//! 1. [`Grant::meet`] is the greatest grant that both of two grants cover: idempotent,
//!    commutative, associative in what it permits, never wider than either.
//! 2. [`Grant::narrow`] gives exactly what is asked for, or refuses when that is wider than what
//!    is there. It is what a caller means who asks for a narrower grant: asking for too much is a
//!    mistake to hear about.
//!
//! Coverage follows draft-asor-wimse-agent-delegation-chain-02 "Scope Syntax and Wildcards" and
//! "Constraints", with its strictest reading: what is not known to be narrower is wider.

mod data;
mod scope;
mod task;

pub(crate) use self::data::is_name;
pub use self::data::{Constraint, DataGrant, DataScope, DataScopeError};
pub use self::scope::{Scope, ScopeError};
pub use self::task::{Task, TaskError};

use crate::reason::Reason;

/// What this piece of work may do: scope, task and data scope.
///
/// ```
/// use throughline_core::grant::{DataScope, DataGrant, Grant, Scope};
/// use throughline_core::Reason;
///
/// let parent = Grant::new(Scope::new("documents.* search")?);
/// let child = Grant::new(Scope::new("documents.read")?)
///     .with_data(DataScope::limited([DataGrant::of("document")?.selecting("folder", ["q3"])?]));
///
/// assert!(parent.narrow(child.clone()).is_ok());
/// // The other way round asks for more than there is.
/// assert_eq!(child.narrow(parent).unwrap_err(), Reason::ScopeWidened);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    scope: Scope,
    task: Option<Task>,
    data: DataScope,
}

impl Grant {
    /// A grant of a scope, for no task in particular and on all data of the tenant.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            task: None,
            data: DataScope::Unrestricted,
        }
    }

    /// Binds the grant to a task.
    #[must_use]
    pub fn for_task(mut self, task: Task) -> Self {
        self.task = Some(task);
        self
    }

    /// Replaces the data scope.
    #[must_use]
    pub fn with_data(mut self, data: DataScope) -> Self {
        self.data = data;
        self
    }

    /// Which operations.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// For what purpose and until when.
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        self.task.as_ref()
    }

    /// On which data.
    #[must_use]
    pub fn data(&self) -> &DataScope {
        &self.data
    }

    /// Whether `child` allows nothing that this grant does not.
    ///
    /// # Errors
    ///
    /// [`Reason::ScopeWidened`] for a wider scope or a later deadline, [`Reason::TaskMismatch`]
    /// for another task, [`Reason::DataScopeWidened`] for more data.
    pub fn check_covers(&self, child: &Self) -> Result<(), Reason> {
        if !self.scope.covers(&child.scope) {
            return Err(Reason::ScopeWidened);
        }
        if let Some(parent) = &self.task {
            let Some(task) = &child.task else {
                return Err(Reason::ScopeWidened);
            };
            parent.check_covers(task)?;
        }
        if !self.data.covers(&child.data) {
            return Err(Reason::DataScopeWidened);
        }
        Ok(())
    }

    /// Gives `requested`, if that is no wider.
    ///
    /// A task is inherited when `requested` names none, and so is a data scope.
    ///
    /// # Errors
    ///
    /// As for [`Grant::check_covers`].
    pub fn narrow(&self, mut requested: Self) -> Result<Self, Reason> {
        if requested.task.is_none() {
            requested.task = self.task.clone();
        }
        if requested.data == DataScope::Unrestricted {
            requested.data = self.data.clone();
        }
        self.check_covers(&requested)?;
        Ok(requested)
    }

    /// The greatest grant that both grants cover. What they do not share is gone.
    ///
    /// # Errors
    ///
    /// [`Reason::TaskMismatch`] when they are bound to different tasks: no work belongs to both.
    pub fn meet(&self, other: &Self) -> Result<Self, Reason> {
        let task = match (&self.task, &other.task) {
            (Some(one), Some(two)) => Some(one.meet(two)?),
            (Some(task), None) | (None, Some(task)) => Some(task.clone()),
            (None, None) => None,
        };
        Ok(Self {
            scope: self.scope.meet(&other.scope),
            task,
            data: self.data.meet(&other.data),
        })
    }
}

#[cfg(test)]
mod tests;
