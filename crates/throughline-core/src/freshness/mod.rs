//! Freshness: what has been revoked or changed since the context was made.
//!
//! A signature proves what was true when it was made. Two rules carry the rest: **unknown is not
//! fresh**, and **a revocation never turns into a grant by arriving late, twice or out of
//! order** — marks are joined by maximum, which is commutative and idempotent.
//!
//! ```
//! use std::time::Duration;
//! use throughline_core::freshness::{Mark, Marks, Target};
//! use throughline_core::time::Timestamp;
//! use throughline_core::Tenant;
//!
//! let acme = Tenant::new("acme")?;
//! let mut marks = Marks::new(Duration::from_secs(60));
//! // Unknown: nobody has said yet that the feed is complete for this tenant.
//! assert!(marks.feed_time(&acme).is_none());
//!
//! marks.confirm(&acme, Timestamp::from_unix(1_000));
//! marks.apply(Mark::not_before(Target::Session { tenant: acme, session: "s1".into() }, Timestamp::from_unix(990)));
//! # Ok::<(), throughline_core::TenantError>(())
//! ```

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::principal::Principal;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::time::Timestamp;

/// Where a hop learns whether a context is still true.
///
/// A domain states its freshness when it is built; there is no default.
#[derive(Clone)]
pub struct Freshness(Source);

#[derive(Clone)]
enum Source {
    Feed(Arc<dyn FreshnessFeed>),
    LifetimeOnly(Duration),
}

impl Freshness {
    /// There is no feed: a context is believed for `at_most` after its `as_of`, and no longer.
    ///
    /// Beyond that it is refused with `freshness_unknown`. A revocation takes effect only when
    /// `at_most` has passed.
    #[must_use]
    pub fn lifetime_only(at_most: Duration) -> Self {
        Self(Source::LifetimeOnly(at_most))
    }

    /// A feed is asked about every context.
    #[must_use]
    pub fn feed(feed: impl FreshnessFeed) -> Self {
        Self(Source::Feed(Arc::new(feed)))
    }

    /// For how long after its `as_of` a context is believed, where there is no feed.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        match &self.0 {
            Source::Feed(_) => None,
            Source::LifetimeOnly(at_most) => Some(*at_most),
        }
    }

    /// Step 6: whether every link of `context` is still true at `now`.
    ///
    /// # Errors
    ///
    /// [`Reason::Revoked`], [`Reason::TenantSuspended`] or [`Reason::FreshnessUnknown`].
    pub fn check(&self, context: &Context, now: Timestamp) -> Result<(), Refusal> {
        match &self.0 {
            Source::Feed(feed) => feed.check(context, now),
            Source::LifetimeOnly(at_most) => {
                let age = now.since(context.as_of());
                if age <= *at_most {
                    return Ok(());
                }
                Err(Refusal::new(Reason::FreshnessUnknown).because(format!(
                    "the context was last known to be true {} s ago, and without a feed {} s are \
                     allowed",
                    age.as_secs(),
                    at_most.as_secs()
                )))
            }
        }
    }
}

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Feed(_) => f.write_str("Freshness(feed)"),
            Source::LifetimeOnly(at_most) => write!(f, "Freshness(lifetime only, {at_most:?})"),
        }
    }
}

/// The seam to whatever knows about revocations. It answers at once, from memory.
///
/// Closures implement it.
pub trait FreshnessFeed: Send + Sync + 'static {
    /// Whether every link of `context` (session, principal, each actor and its session, tenant)
    /// is still true at `now`.
    ///
    /// # Errors
    ///
    /// [`Reason::Revoked`], [`Reason::TenantSuspended`], and [`Reason::FreshnessUnknown`] when it
    /// cannot tell.
    fn check(&self, context: &Context, now: Timestamp) -> Result<(), Refusal>;
}

impl<F> FreshnessFeed for F
where
    F: Fn(&Context, Timestamp) -> Result<(), Refusal> + Send + Sync + 'static,
{
    fn check(&self, context: &Context, now: Timestamp) -> Result<(), Refusal> {
        self(context, now)
    }
}

/// What a mark is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// A session of the platform itself, which belongs to no tenant.
    PlatformSession(Box<str>),
    /// A principal, whether it is the one acted for or an actor.
    Principal(Principal),
    /// A session within a tenant.
    Session {
        /// The tenant.
        tenant: Tenant,
        /// The session id.
        session: Box<str>,
    },
    /// Everything of a tenant.
    Tenant(Tenant),
}

/// A statement that something counts only from a point in time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    target: Target,
    not_before: Timestamp,
}

impl Mark {
    /// What was known of `target` up to and including the second `at` counts no more.
    ///
    /// A context of the same second counts as before: seconds cannot be ordered, so the refusal
    /// wins.
    #[must_use]
    pub fn not_before(target: Target, at: Timestamp) -> Self {
        Self {
            target,
            not_before: at,
        }
    }
}

/// What has been revoked, as a pure state.
#[derive(Clone, Debug)]
pub struct Marks {
    budget: Duration,
    not_before: HashMap<Target, Timestamp>,
    tenants: HashMap<Tenant, FeedState>,
    platform: FeedState,
}

#[derive(Clone, Copy, Debug, Default)]
struct FeedState {
    /// Source time up to which the feed is completely applied; none is unknown.
    complete_to: Option<Timestamp>,
    /// How far it was complete when something was missed: what was stated up to then counts no more.
    lost_at: Option<Timestamp>,
    suspended: bool,
}

impl Marks {
    /// Nothing is known. `budget` is how far the feed may be behind before it counts as unknown.
    #[must_use]
    pub fn new(budget: Duration) -> Self {
        Self {
            budget,
            not_before: HashMap::new(),
            tenants: HashMap::new(),
            platform: FeedState::default(),
        }
    }

    /// Applies a mark. An older one than is there changes nothing.
    pub fn apply(&mut self, mark: Mark) {
        let mark_at = self
            .not_before
            .entry(mark.target)
            .or_insert(mark.not_before);
        *mark_at = mark.not_before.max(*mark_at);
    }

    /// States that everything that happened in `tenant` up to `to` has been applied. After
    /// [`Marks::lose`] it counts only where `to` is later than what was confirmed before: a
    /// confirmation that is delivered late or twice finds nothing that was missed.
    pub fn confirm(&mut self, tenant: &Tenant, to: Timestamp) {
        let state = self.tenants.entry(tenant.clone()).or_default();
        if state.lost_at < Some(to) {
            state.complete_to = state.complete_to.max(Some(to));
        }
    }

    /// States that everything that happened to the platform's own principals and sessions up to
    /// `to` has been applied. Work without a tenant is only as fresh as that.
    pub fn confirm_platform(&mut self, to: Timestamp) {
        self.platform.complete_to = self.platform.complete_to.max(Some(to));
    }

    /// States that something of `tenant` was missed: unknown until confirmed anew.
    pub fn lose(&mut self, tenant: &Tenant) {
        let state = self.tenants.entry(tenant.clone()).or_default();
        state.lost_at = state.lost_at.max(state.complete_to.take());
    }

    /// Suspends a tenant, or ends its suspension. Contexts from before the end stay dead if a
    /// mark on the tenant says so.
    pub fn set_suspended(&mut self, tenant: &Tenant, suspended: bool) {
        self.tenants.entry(tenant.clone()).or_default().suspended = suspended;
    }

    /// Up to when the feed is complete for `tenant`; none is unknown.
    #[must_use]
    pub fn feed_time(&self, tenant: &Tenant) -> Option<Timestamp> {
        self.tenants.get(tenant)?.complete_to
    }

    /// Whether every link of `context` is still true at `now`, cheapest question first.
    ///
    /// An actor of another tenant is only as fresh as that tenant.
    ///
    /// # Errors
    ///
    /// [`Reason::TenantSuspended`], [`Reason::FreshnessUnknown`] or [`Reason::Revoked`].
    pub fn check(&self, context: &Context, now: Timestamp) -> Result<(), Refusal> {
        let tenant = context.tenant();
        self.check_tenant(tenant, "tenant", context, now)?;
        if let Some(session) = context.authentication().session() {
            self.check_session(tenant, session, "session", context)?;
        }
        let principal = context.principal();
        self.check_link(&Target::Principal(principal.clone()), "principal", context)?;
        for actor in context.actors() {
            let own = actor.principal().tenant();
            if own != tenant {
                self.check_tenant(own, "actor's tenant", context, now)?;
            }
            if let Some(session) = actor.session() {
                self.check_session(own, session, "actor session", context)?;
            }
            let target = Target::Principal(actor.principal().clone());
            self.check_link(&target, "actor", context)?;
        }
        Ok(())
    }

    /// `tenant` is absent for the platform itself.
    fn check_tenant(
        &self,
        tenant: Option<&Tenant>,
        link: &str,
        context: &Context,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let state = match tenant {
            Some(tenant) => self.tenants.get(tenant).copied().unwrap_or_default(),
            None => self.platform,
        };
        if state.suspended {
            return Err(Refusal::new(Reason::TenantSuspended));
        }
        let unknown = |detail| Err(Refusal::new(Reason::FreshnessUnknown).because(detail));
        let budget = self.budget.as_secs();
        match state.complete_to {
            None => {
                return unknown(format!(
                    "the feed has not said anything complete about the {link}"
                ));
            }
            // A feed from the future is a feed with a broken clock: it could hide any silence.
            Some(to) if to.since(now) > self.budget => {
                return unknown(format!("the feed is {} s ahead", to.since(now).as_secs()));
            }
            Some(to) if now.since(to) > self.budget => {
                return unknown(format!(
                    "the feed is {} s behind, and {budget} s are allowed",
                    now.since(to).as_secs()
                ));
            }
            Some(_) => {}
        }
        match tenant {
            Some(tenant) => self.check_link(&Target::Tenant(tenant.clone()), link, context),
            None => Ok(()),
        }
    }

    fn check_session(
        &self,
        tenant: Option<&Tenant>,
        session: &str,
        link: &str,
        context: &Context,
    ) -> Result<(), Refusal> {
        let session = session.into();
        let target = match tenant.cloned() {
            Some(tenant) => Target::Session { tenant, session },
            None => Target::PlatformSession(session),
        };
        self.check_link(&target, link, context)
    }

    fn check_link(&self, target: &Target, link: &str, context: &Context) -> Result<(), Refusal> {
        match self.not_before.get(target) {
            Some(mark) if context.as_of() <= *mark => {
                Err(Refusal::new(Reason::Revoked).because(format!(
                    "the {link} was revoked at {mark}, the context is as of {}",
                    context.as_of()
                )))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
