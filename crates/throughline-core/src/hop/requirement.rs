//! Step 10 of the hop: whether an admitted context is enough for a route.

use std::time::Duration;

use crate::caller::Caller;
use crate::context::{Admitted, Context};
use crate::grant::{Scope, ScopeError};
use crate::principal::{ActorKind, Kind};
use crate::reason::Reason;
use crate::refusal::{Place, Refusal, shown};
use crate::time::Timestamp;

/// What a route demands of an admitted context. Demands add up; an empty requirement demands an
/// admitted context and nothing else.
///
/// The order of the checks is part of the contract: caller, kind, actor, scope, task, data,
/// authentication.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Requirement {
    callers: Option<Vec<Box<str>>>,
    kinds: Option<Vec<Kind>>,
    actor: Option<Option<ActorKind>>,
    scope: Scope,
    task: Option<TaskDemand>,
    data: Vec<(Box<str>, Box<str>)>,
    authenticated_within: Option<Duration>,
    classes: Vec<Box<str>>,
}

#[derive(Clone, Debug)]
struct TaskDemand {
    purpose: Option<Box<str>>,
}

impl Requirement {
    /// Demands nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands a scope token; repeated calls add up.
    ///
    /// # Errors
    ///
    /// `scope` is malformed.
    pub fn add_scope(mut self, scope: &str) -> Result<Self, ScopeError> {
        let scope = Scope::new(scope)?;
        let joined = [self.scope.as_str(), scope.as_str()].join(" ");
        self.scope = Scope::new(joined.trim())?;
        Ok(self)
    }

    /// Allows this workload at the other end of the connection; repeated calls allow several.
    pub fn add_caller(mut self, id: &str) -> Self {
        self.callers.get_or_insert_default().push(id.into());
        self
    }

    /// Allows this kind of context; repeated calls allow several. Default: every kind.
    pub fn add_kind(mut self, kind: Kind) -> Self {
        self.kinds.get_or_insert_default().push(kind);
        self
    }

    /// Demands that the nearest actor is of this kind.
    pub fn with_actor(mut self, kind: ActorKind) -> Self {
        self.actor = Some(Some(kind));
        self
    }

    /// Demands that the principal acts itself, through nobody.
    pub fn without_actor(mut self) -> Self {
        self.actor = Some(None);
        self
    }

    /// Demands that the work is bound to a task.
    pub fn with_task(mut self) -> Self {
        self.task.get_or_insert(TaskDemand { purpose: None });
        self
    }

    /// Demands a task for this purpose.
    pub fn with_purpose(mut self, purpose: &str) -> Self {
        self.task = Some(TaskDemand {
            purpose: Some(purpose.into()),
        });
        self
    }

    /// Demands that the data scope allows `action` on some data of `kind`. Which data is for the
    /// handler to check, with [`DataScope::permits`](crate::grant::DataScope::permits).
    pub fn add_data(mut self, kind: &str, action: &str) -> Self {
        self.data.push((kind.into(), action.into()));
        self
    }

    /// Demands an authentication at most this long ago (RFC 9470 `max_age`).
    pub fn authenticated_within(mut self, age: Duration) -> Self {
        self.authenticated_within = Some(age);
        self
    }

    /// Accepts this authentication context class (RFC 9470 `acr_values`); repeated calls accept
    /// several.
    pub fn add_class(mut self, class: &str) -> Self {
        self.classes.push(class.into());
        self
    }

    /// The scope demanded.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The greatest age of the authentication demanded.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.authenticated_within
    }

    /// The authentication context classes accepted, by preference.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(AsRef::as_ref)
    }

    /// Step 10: whether `context`, arriving over a connection of `caller`, is enough at `now`.
    ///
    /// # Errors
    ///
    /// [`Reason::CallerRefused`], [`Reason::ActorMismatch`], [`Reason::ScopeInsufficient`],
    /// [`Reason::TaskMismatch`], [`Reason::DataScopeExceeded`], [`Reason::AuthenticationStale`].
    pub fn check(
        &self,
        context: &Admitted,
        caller: Option<&Caller>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.check_caller(caller)?;
        self.check_kind(context)?;
        if !context.grant().scope().covers(&self.scope) {
            return Err(Refusal::new(Reason::ScopeInsufficient).because(format!(
                "scope is `{}`, the route demands `{}`",
                context.grant().scope(),
                self.scope
            )));
        }
        self.check_task(context)?;
        for (kind, action) in &self.data {
            if !reaches(context, kind, action) {
                return Err(Refusal::new(Reason::DataScopeExceeded)
                    .because(format!("nothing allows `{action}` on `{kind}`")));
            }
        }
        self.check_authentication(context, now)
    }

    fn check_caller(&self, caller: Option<&Caller>) -> Result<(), Refusal> {
        let Some(allowed) = &self.callers else {
            return Ok(());
        };
        match caller {
            Some(caller) if allowed.iter().any(|id| **id == *caller.id()) => Ok(()),
            Some(caller) => Err(Refusal::new(Reason::CallerRefused)
                .because(format!("caller is `{}`", shown(caller.id().as_bytes())))),
            None => Err(Refusal::new(Reason::CallerRefused)
                .because("the connection authenticated no caller")),
        }
    }

    fn check_kind(&self, context: &Context) -> Result<(), Refusal> {
        let refuse = |claim, found: &str| {
            Err(Refusal::new(Reason::ActorMismatch)
                .at(Place::claim(claim))
                .because(format!("is `{found}`, the route does not serve it")))
        };
        if self
            .kinds
            .as_ref()
            .is_some_and(|kinds| !kinds.contains(&context.kind()))
        {
            return refuse("tctx.kind", context.kind().as_str());
        }
        let nearest = context.actors().nearest().map(|actor| actor.kind());
        match self.actor {
            Some(demanded) if demanded != nearest => {
                refuse("act.kind", nearest.map_or("none", ActorKind::as_str))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_task(&self, context: &Context) -> Result<(), Refusal> {
        let task = context.grant().task();
        let Some(demand) = &self.task else {
            return Ok(());
        };
        let Some(task) = task else {
            return Err(Refusal::new(Reason::TaskMismatch).because("the work belongs to no task"));
        };
        match &demand.purpose {
            Some(purpose) if task.purpose() != Some(purpose) => {
                Err(Refusal::new(Reason::TaskMismatch).because(format!(
                    "purpose is `{}`, the route demands `{purpose}`",
                    task.purpose().unwrap_or("none")
                )))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_authentication(&self, context: &Context, now: Timestamp) -> Result<(), Refusal> {
        let facts = context.authentication();
        if let Some(age) = self
            .authenticated_within
            .filter(|age| !facts.is_within(*age, now))
        {
            let found = facts.time().map_or("unknown".to_owned(), |time| {
                format!("{} s ago", now.since(time).as_secs())
            });
            return Err(Refusal::new(Reason::AuthenticationStale).because(format!(
                "authentication is {found}, expected at most {} s ago",
                age.as_secs()
            )));
        }
        let accepted = |class: &str| self.classes.iter().any(|accepted| **accepted == *class);
        if !self.classes.is_empty() && !facts.class().is_some_and(accepted) {
            return Err(Refusal::new(Reason::AuthenticationStale)
                .at(Place::claim("rctx.acr"))
                .because(format!("is `{}`", facts.class().unwrap_or("none"))));
        }
        Ok(())
    }
}

/// Whether some data of `kind` can be reached with `action` at all.
fn reaches(context: &Context, kind: &str, action: &str) -> bool {
    use crate::grant::{Constraint, DataScope};
    // A constraint nobody knows permits nothing, whatever else the detail says.
    let is_known = |constraint: &Constraint| !matches!(constraint, Constraint::Unknown(_));
    match context.grant().data() {
        DataScope::Unrestricted => true,
        DataScope::Limited(grants) => grants.iter().any(|grant| {
            grant.kind() == kind
                && grant
                    .actions()
                    .is_none_or(|actions| actions.contains(action))
                && grant.selectors().values().all(is_known)
        }),
    }
}
