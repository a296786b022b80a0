//! Who belongs to which organisation, by the directory's word and not by that of whoever signs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use throughline_core::Principal;
use throughline_identity::Memberships;
use throughline_identity::membership::{Membership, MembershipError};

use super::workos::{ADA, AGENT, BOB};

/// How long an answer counts at the edge.
pub(super) const MAX_AGE: Duration = Duration::from_secs(60);

/// Tenants and their members. Cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct Members(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    belong: BTreeSet<(String, String)>,
    is_down: bool,
    asked: usize,
}

impl Members {
    /// Those of the demo. Bob works for acme alone, whatever the provider signs for him.
    pub(super) fn new() -> Self {
        let belong = [
            ("acme", ADA),
            ("globex", ADA),
            ("acme", BOB),
            ("acme", AGENT),
        ];
        let owned = |(tenant, subject): (&str, &str)| (tenant.to_owned(), subject.to_owned());
        Self(Arc::new(Mutex::new(State {
            belong: belong.into_iter().map(owned).collect(),
            is_down: false,
            asked: 0,
        })))
    }

    /// What an edge asks, which believes an answer for `max_age`.
    pub(super) fn memberships(&self, max_age: Duration) -> Memberships {
        let members = self.clone();
        let ask = move |principal: Principal| std::future::ready(members.ask(&principal));
        Memberships::of(ask).with_max_age(max_age)
    }

    fn ask(&self, principal: &Principal) -> Result<Membership, MembershipError> {
        let mut state = self.lock();
        state.asked += 1;
        if state.is_down {
            return Err(MembershipError::new("the directory is down"));
        }
        let tenant = principal.tenant().map(ToString::to_string);
        let member = (tenant.unwrap_or_default(), principal.subject().to_owned());
        Ok(match state.belong.contains(&member) {
            true => Membership::Member,
            false => Membership::Stranger,
        })
    }

    pub(super) fn add(&self, tenant: &str, subject: &str) {
        self.lock().belong.insert((tenant.into(), subject.into()));
    }

    pub(super) fn remove(&self, tenant: &str, subject: &str) {
        self.lock().belong.remove(&(tenant.into(), subject.into()));
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.lock().asked
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
