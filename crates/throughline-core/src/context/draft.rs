//! Drafts: what a context says before somebody signs for it.

use std::error::Error;
use std::fmt;

use super::{Context, Lifetime, RequestFacts};
use crate::attribute::{Attribute, Attributes};
use crate::authentication::Authentication;
use crate::grant::{Grant, Scope, Task};
use crate::principal::{Actor, ActorChain, ActorKind, Kind, Principal};
use crate::projection::Projection;
use crate::reason::Reason;
use crate::time::Timestamp;

/// Everything a context says, before it gets an audience and a lifetime.
///
/// ```
/// use throughline_core::grant::{Grant, Scope};
/// use throughline_core::time::Timestamp;
/// use throughline_core::{Draft, Principal, Tenant};
///
/// let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
/// let draft = Draft::user(ada, Timestamp::from_unix(1_700_000_000))?
///     .with_grant(Grant::new(Scope::new("orders.read")?))
///     .requested_by("edge")?;
///
/// // A user belongs to a tenant; a principal without one cannot be drafted as a user.
/// let cron = Principal::platform("platform", "cron")?;
/// assert!(Draft::user(cron, Timestamp::from_unix(1_700_000_000)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Draft {
    pub(super) transaction: Option<Box<str>>,
    pub(super) principal: Principal,
    pub(super) kind: Kind,
    pub(super) actors: ActorChain,
    pub(super) grant: Grant,
    pub(super) attributes: Attributes,
    pub(super) authentication: Authentication,
    pub(super) request: RequestFacts,
    pub(super) requester: Box<str>,
    pub(super) projections: Vec<Projection>,
    pub(super) as_of: Timestamp,
    pub(super) epoch: Option<u64>,
    /// It ends by then, whatever it is given.
    end: Option<Timestamp>,
}

impl Draft {
    /// The longest transaction id or name of a workload, in bytes.
    pub const MAX_NAME_LEN: usize = 255;

    /// Work of a person, known to be true at `as_of`.
    ///
    /// # Errors
    ///
    /// The principal has no tenant.
    pub fn user(principal: Principal, as_of: Timestamp) -> Result<Self, DraftError> {
        Self::new(Kind::User, principal, ActorChain::none(), as_of)
    }

    /// Work of `agent` for a person.
    ///
    /// # Errors
    ///
    /// The principal has no tenant, or `agent` is not of [`ActorKind::Agent`].
    pub fn delegated_agent(
        principal: Principal,
        agent: Actor,
        as_of: Timestamp,
    ) -> Result<Self, DraftError> {
        let actors = ActorChain::none()
            .acted_by(agent)
            .map_err(DraftError::chain)?;
        Self::new(Kind::DelegatedAgent, principal, actors, as_of)
    }

    /// Work of an agent for itself.
    ///
    /// # Errors
    ///
    /// The principal has no tenant.
    pub fn autonomous_agent(principal: Principal, as_of: Timestamp) -> Result<Self, DraftError> {
        Self::new(Kind::AutonomousAgent, principal, ActorChain::none(), as_of)
    }

    /// Work of a service for a tenant.
    ///
    /// # Errors
    ///
    /// The principal has no tenant.
    pub fn workload(principal: Principal, as_of: Timestamp) -> Result<Self, DraftError> {
        Self::new(Kind::Workload, principal, ActorChain::none(), as_of)
    }

    /// Work of the platform itself.
    ///
    /// # Errors
    ///
    /// The principal has a tenant.
    pub fn platform(principal: Principal, as_of: Timestamp) -> Result<Self, DraftError> {
        Self::new(Kind::Platform, principal, ActorChain::none(), as_of)
    }

    /// The same work under a token of its own: a replacement or a child of `parent`.
    ///
    /// Everything that is fixed for the chain of work is taken over: transaction, principal, kind,
    /// actors, attributes, authentication, `as_of` and epoch. What is issued from it descends from
    /// `parent` as long as the grant is no wider
    /// ([`Context::check_descends_from`](super::Context::check_descends_from)).
    pub fn continuing(parent: &Context) -> Self {
        Self {
            transaction: Some(parent.transaction.clone()),
            principal: parent.principal.clone(),
            kind: parent.kind,
            actors: parent.actors.clone(),
            grant: parent.grant.clone(),
            attributes: parent.attributes.clone(),
            authentication: parent.authentication.clone(),
            request: parent.request.clone(),
            requester: parent.requester.clone(),
            projections: parent.projections.clone(),
            as_of: parent.as_of,
            epoch: parent.epoch,
            end: None,
        }
    }

    /// Puts `actor` in front of the chain, as [`Draft::acted_by`], and makes the work an agent's
    /// where the actor is one and it was a user's.
    ///
    /// # Errors
    ///
    /// As for [`Draft::acted_by`].
    pub fn delegated_to(mut self, actor: Actor) -> Result<Self, DraftError> {
        if actor.kind() == ActorKind::Agent && self.kind == Kind::User {
            self.kind = Kind::DelegatedAgent;
            self.actors = self.actors.acted_by(actor).map_err(DraftError::chain)?;
            return Ok(self);
        }
        self.acted_by(actor)
    }

    fn new(
        kind: Kind,
        principal: Principal,
        actors: ActorChain,
        as_of: Timestamp,
    ) -> Result<Self, DraftError> {
        check_shape(kind, &principal, &actors).map_err(|rule| DraftError(Rule::Shape(rule)))?;
        Ok(Self {
            transaction: None,
            principal,
            kind,
            actors,
            grant: Grant::new(Scope::default()),
            attributes: Attributes::new(),
            authentication: Authentication::unknown(),
            request: RequestFacts::default(),
            requester: "unknown".into(),
            projections: Vec::new(),
            as_of,
            epoch: None,
            end: None,
        })
    }

    /// Replaces the transaction id. Default: whoever mints makes a random one.
    ///
    /// # Errors
    ///
    /// `transaction` is not 1 to 255 bytes of visible ASCII.
    pub fn with_transaction(mut self, transaction: &str) -> Result<Self, DraftError> {
        self.transaction = Some(name(transaction)?);
        Ok(self)
    }

    /// Puts `actor` in front of the chain.
    ///
    /// # Errors
    ///
    /// The chain is too long, `actor` stands in it already, or the kind of context is for another
    /// kind of actor in front.
    pub fn acted_by(mut self, actor: Actor) -> Result<Self, DraftError> {
        self.actors = self.actors.acted_by(actor).map_err(DraftError::chain)?;
        check_shape(self.kind, &self.principal, &self.actors)
            .map_err(|rule| DraftError(Rule::Shape(rule)))?;
        Ok(self)
    }

    /// Replaces the grant. Default: an empty scope.
    pub fn with_grant(mut self, grant: Grant) -> Self {
        self.grant = grant;
        self
    }

    /// Adds an attribute; one of the same name is replaced.
    pub fn add_attribute(mut self, name: &str, attribute: Attribute) -> Self {
        self.attributes.insert(name.into(), attribute);
        self
    }

    /// Replaces the facts of the authentication. Default: nothing is known.
    pub fn with_authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Replaces the facts of the request. Default: none.
    pub fn with_request(mut self, request: RequestFacts) -> Self {
        self.request = request;
        self
    }

    /// Names the workload that asks for the context (`req_wl`). Default: `unknown`.
    ///
    /// # Errors
    ///
    /// `workload` is not 1 to 255 bytes of visible ASCII.
    pub fn requested_by(mut self, workload: &str) -> Result<Self, DraftError> {
        self.requester = name(workload)?;
        Ok(self)
    }

    /// Adds a copy that will travel with the token. Default: none.
    pub fn add_projection(mut self, projection: Projection) -> Self {
        if !self.projections.contains(&projection) {
            self.projections.push(projection);
        }
        self
    }

    /// States the tenant's freshness epoch. Default: none.
    pub fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Lets the context end by `end` at the latest: with the credential it is made from. Default:
    /// when its task must be done.
    pub fn ending_by(mut self, end: Timestamp) -> Self {
        self.end = Some(self.end.map_or(end, |own| own.min(end)));
        self
    }

    /// When it was known to be true.
    #[must_use]
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// When its task must be done.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.grant.task().and_then(Task::deadline)
    }

    /// When the context ends at the latest: with its task, or with what it is made from. Whoever
    /// mints it goes by this.
    #[must_use]
    pub fn latest_end(&self) -> Option<Timestamp> {
        match (self.deadline(), self.end) {
            (Some(deadline), Some(end)) => Some(deadline.min(end)),
            (one, other) => one.or(other),
        }
    }

    /// The context of this draft with a lifetime; `transaction` serves where the draft names none.
    ///
    /// # Errors
    ///
    /// What no reader would take: `transaction` or the session is not 1 to 255 bytes of visible
    /// ASCII, the trace id is none, or something the draft says is true only after it is issued.
    pub fn issue(self, transaction: &str, lifetime: Lifetime) -> Result<Context, DraftError> {
        let attributes_hold = self
            .attributes
            .values()
            .all(|own| own.at() <= lifetime.issued_at);
        let authenticated = self
            .authentication
            .time()
            .is_none_or(|time| time <= lifetime.issued_at);
        if self.as_of > lifetime.issued_at || !attributes_hold || !authenticated {
            return Err(DraftError(Rule::Future));
        }
        let of_actors = self.actors.iter().filter_map(Actor::session);
        let mut sessions = self.authentication.session().into_iter().chain(of_actors);
        if !sessions.all(fits_name) {
            return Err(DraftError(Rule::Name));
        }
        if self
            .request
            .trace_id
            .as_deref()
            .is_some_and(|id| !is_trace_id(id))
        {
            return Err(DraftError(Rule::TraceId));
        }
        let transaction = match self.transaction {
            Some(transaction) => transaction,
            None => name(transaction)?,
        };
        Ok(Context {
            transaction,
            principal: self.principal,
            kind: self.kind,
            actors: self.actors,
            grant: self.grant,
            attributes: self.attributes,
            authentication: self.authentication,
            request: self.request,
            requester: self.requester,
            projections: self.projections,
            as_of: self.as_of,
            epoch: self.epoch,
            lifetime,
        })
    }
}

/// What a context of a kind must have. Reading claims and drafting share it.
pub(super) fn check_shape(
    kind: Kind,
    principal: &Principal,
    actors: &ActorChain,
) -> Result<(), Shape> {
    let has_tenant = principal.tenant().is_some();
    let has_agent = actors.iter().any(|actor| actor.kind() == ActorKind::Agent);
    match kind {
        Kind::Platform if has_tenant => Err(Shape::PlatformWithTenant),
        Kind::Platform => Ok(()),
        Kind::User | Kind::Workload | Kind::AutonomousAgent | Kind::DelegatedAgent
            if !has_tenant =>
        {
            Err(Shape::TenantMissing)
        }
        // An agent makes the work an agent's, however many services stand in front of it: a route
        // for users must not serve it.
        Kind::DelegatedAgent if has_agent => Ok(()),
        Kind::DelegatedAgent => Err(Shape::AgentMissing),
        Kind::User | Kind::Workload if has_agent => Err(Shape::AgentUndeclared),
        Kind::User | Kind::Workload | Kind::AutonomousAgent => Ok(()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    AgentMissing,
    AgentUndeclared,
    PlatformWithTenant,
    TenantMissing,
}

impl Shape {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AgentMissing => "is absent, expected the agent that acts",
            Self::AgentUndeclared => "holds an agent, expected none for this kind of context",
            Self::PlatformWithTenant => "is present, expected none for platform work",
            Self::TenantMissing => "is absent, expected one for this kind of context",
        }
    }
}

/// W3C Trace Context §3.2.2.3.
pub(super) fn is_trace_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn fits_name(text: &str) -> bool {
    (1..=Draft::MAX_NAME_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn name(text: &str) -> Result<Box<str>, DraftError> {
    if fits_name(text) {
        Ok(text.into())
    } else {
        Err(DraftError(Rule::Name))
    }
}

/// A draft contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftError(Rule);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Chain(Reason),
    Future,
    Name,
    Shape(Shape),
    TraceId,
}

impl DraftError {
    fn chain(reason: Reason) -> Self {
        Self(Rule::Chain(reason))
    }
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Rule::Chain(reason) => f.write_str(reason.log_text()),
            Rule::Future => f.write_str("draft says something that is true only later"),
            Rule::TraceId => f.write_str("trace id is none, expected 32 lower-case hex digits"),
            Rule::Name => f.write_str(
                "transaction id, session or workload name is unusable, expected 1 to 255 bytes of \
                 visible ascii",
            ),
            Rule::Shape(shape @ (Shape::AgentMissing | Shape::AgentUndeclared)) => {
                write!(f, "actor {}", shape.as_str())
            }
            Rule::Shape(shape) => write!(f, "tenant {}", shape.as_str()),
        }
    }
}

impl Error for DraftError {}
