//! What was revoked: the freshness feed of a test domain, complete up to this second until it falls
//! silent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use throughline_core::freshness::{FreshnessFeed, Mark, Marks, Target};
use throughline_core::time::{Clock as _, Timestamp};
use throughline_core::{Context, Refusal, Tenant};

use super::TestDomain;

impl TestDomain {
    /// What was known of `target` until now counts no more. A token of this very second does not
    /// either: move the clock before an honest one.
    pub fn revoke(&self, target: Target) {
        self.parts.feed.revoke(target, self.parts.clock.now());
    }

    /// Suspends `tenant`.
    ///
    /// # Panics
    ///
    /// `tenant` is no tenant.
    #[track_caller]
    #[expect(
        clippy::expect_used,
        reason = "the argument is a constant of the test, and a misspelt one must not suspend nobody"
    )]
    pub fn suspend(&self, tenant: &str) {
        let tenant = Tenant::new(tenant).expect("the test names a tenant");
        self.parts.feed.suspend(&tenant);
    }

    /// Nothing more is heard of revocations: once the clock has moved on by more than
    /// [`TestDomain::FEED_BUDGET`], everything is `freshness_unknown`.
    pub fn silence_feed(&self) {
        self.parts.feed.silence(self.parts.clock.now());
    }

    /// Takes back what was revoked and suspended, and lets the feed speak again.
    pub fn restore(&self) {
        self.parts.feed.restore();
    }
}

#[derive(Clone, Debug)]
pub(super) struct Feed(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What was revoked and suspended. Never confirmed itself: how far it is known is said anew at
    /// each check, so that a clock that was turned back makes no feed from the future.
    marks: Marks,
    /// When the feed fell silent.
    silent_since: Option<Timestamp>,
}

impl Feed {
    /// How far the feed may be behind.
    pub(super) const BUDGET: Duration = Duration::from_secs(60);

    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            marks: Marks::new(Self::BUDGET),
            silent_since: None,
        })))
    }

    pub(super) fn revoke(&self, target: Target, at: Timestamp) {
        self.state().marks.apply(Mark::not_before(target, at));
    }

    pub(super) fn suspend(&self, tenant: &Tenant) {
        self.state().marks.set_suspended(tenant, true);
    }

    pub(super) fn silence(&self, since: Timestamp) {
        self.state().silent_since.get_or_insert(since);
    }

    pub(super) fn restore(&self) {
        *self.state() = State {
            marks: Marks::new(Self::BUDGET),
            silent_since: None,
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FreshnessFeed for Feed {
    fn check(&self, context: &Context, now: Timestamp) -> Result<(), Refusal> {
        let state = self.state();
        let mut marks = state.marks.clone();
        let complete_to = state.silent_since.unwrap_or(now);
        drop(state);
        let own = context.tenant().into_iter();
        let actors = context.actors().iter();
        for tenant in own.chain(actors.filter_map(|actor| actor.principal().tenant())) {
            marks.confirm(tenant, complete_to);
        }
        marks.confirm_platform(complete_to);
        marks.check(context, now)
    }
}
