//! Whether a principal belongs to the tenant that its issuer names.
//!
//! An issuer can sign an organisation that its user does not belong to: one that lets a user switch
//! organisations does so when it forgets to look. [`Memberships`] asks somebody who knows:
//!
//! 1. Only for a credential that was verified, and only after it agreed with the request.
//! 2. An answer counts for a bounded time ([`Memberships::with_max_age`]), a refusal for a shorter
//!    one, so that a new member does not wait for long.
//! 3. Who cannot be asked, or does not answer in time, is not believed: [`Reason::DecisionUnavailable`] once the last answer is
//!    too old, never a pass.
//! 4. All who ask for one principal at a time share one question, and its failure.
//!
//! # Caveat
//!
//! Whoever is put out of a tenant stays in for as long as the last answer counts, and a context that
//! was minted before lives on to its own end.
//!
//! # Example
//!
//! See [`Memberships`].

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use throughline_core::time::Timestamp;
use throughline_core::{Principal, Reason, Refusal};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// What a source says of a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It belongs to its tenant, and may act there.
    Member,
    /// It does not, or not any more.
    Stranger,
}

/// Knows who belongs to which tenant: a directory, a database, an API of the identity provider.
///
/// Any closure from a principal to a future is one.
pub trait LookUpMembership: Send + Sync + 'static {
    /// Looks `principal` up: its subject, in its tenant, as its provider names both.
    fn look_up(&self, principal: Principal) -> MembershipFuture;
}

impl<F, Fut> LookUpMembership for F
where
    F: Fn(Principal) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Membership, MembershipError>> + Send + 'static,
{
    fn look_up(&self, principal: Principal) -> MembershipFuture {
        MembershipFuture::new(self(principal))
    }
}

/// The answer of a source, under way.
#[must_use = "futures do nothing unless polled"]
pub struct MembershipFuture(
    // Boxed, as it waits for a network and is made only where the answer at hand is too old.
    Pin<Box<dyn Future<Output = Result<Membership, MembershipError>> + Send>>,
);

impl MembershipFuture {
    /// Wraps the future of an implementation.
    pub fn new(
        future: impl Future<Output = Result<Membership, MembershipError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for MembershipFuture {
    type Output = Result<Membership, MembershipError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for MembershipFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MembershipFuture").finish_non_exhaustive()
    }
}

/// A source could not be asked. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipError(Box<str>);

impl MembershipError {
    /// Says why.
    #[must_use]
    pub fn new(why: impl Into<Box<str>>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MembershipError {}

/// A source of memberships, with the answers at hand. See the [module](self). Cloning shares them.
///
/// ```
/// use throughline_core::time::Timestamp;
/// use throughline_core::{Principal, Reason, Tenant};
/// use throughline_identity::membership::{Membership, MembershipError, Memberships};
///
/// let memberships = Memberships::of(|principal: Principal| async move {
///     Ok::<_, MembershipError>(match principal.subject() {
///         "ada" => Membership::Member,
///         _ => Membership::Stranger,
///     })
/// });
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let now = Timestamp::from_unix(1_700_000_000);
/// let of_acme = |subject| Principal::new("workos", Tenant::new("acme").unwrap(), subject).unwrap();
/// assert!(memberships.confirm(&of_acme("ada"), now).await.is_ok());
///
/// let stranger = memberships.confirm(&of_acme("mallory"), now).await.unwrap_err();
/// assert_eq!(stranger.reason(), Reason::DecisionDenied);
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Memberships {
    source: Arc<dyn LookUpMembership>,
    max_age: Duration,
    time: Duration,
    known: Arc<Mutex<HashMap<Principal, Known>>>,
}

#[derive(Clone)]
struct Known {
    /// When it was asked.
    asked_at: Timestamp,
    /// A failure is shared by all who asked together, and by nobody after them.
    answer: Arc<OnceCell<Result<Membership, MembershipError>>>,
}

impl Memberships {
    /// How many answers are kept. Past it, the old ones go.
    pub const CAPACITY: usize = 100_000;

    /// A refusal counts for at most this long.
    pub const MAX_REFUSAL_AGE: Duration = Duration::from_secs(10);

    /// Asks `source`.
    #[must_use]
    pub fn of(source: impl LookUpMembership) -> Self {
        Self {
            source: Arc::new(source),
            max_age: Duration::from_secs(60),
            time: Duration::from_secs(2),
            known: Arc::default(),
        }
    }

    /// Replaces how long an answer counts. Default: 60 s.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Replaces the most time for a question. Default: 2 s.
    #[must_use]
    pub fn with_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// What is known at `now`, without asking.
    pub(crate) fn known(&self, principal: &Principal, now: Timestamp) -> Option<Membership> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(principal)?;
        self.counts(known, now)
    }

    fn counts(&self, known: &Known, now: Timestamp) -> Option<Membership> {
        let answer = *known.answer.get()?.as_ref().ok()?;
        let age = match answer {
            Membership::Member => self.max_age,
            Membership::Stranger => self.max_age.min(Self::MAX_REFUSAL_AGE),
        };
        (now.since(known.asked_at) < age && known.asked_at <= now).then_some(answer)
    }

    /// Confirms that `principal` belongs to its tenant.
    ///
    /// # Errors
    ///
    /// [`Reason::DecisionDenied`] where it does not, [`Reason::DecisionUnavailable`] where the
    /// source could not be asked, or did not answer in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future asks no more; whoever shares the question asks in its place.
    pub async fn confirm(&self, principal: &Principal, now: Timestamp) -> Result<(), Refusal> {
        let shared = self.share(principal, now);
        let ask = || async {
            let asked = timeout(self.time, self.source.look_up(principal.clone())).await;
            asked.unwrap_or_else(|_| Err(MembershipError::new("no answer in time")))
        };
        match shared.answer.get_or_init(ask).await {
            Ok(Membership::Member) => Ok(()),
            Ok(Membership::Stranger) => Err(stranger()),
            Err(error) => Err(Refusal::new(Reason::DecisionUnavailable)
                .because(format!("the membership could not be confirmed: {error}"))),
        }
    }

    /// The answer at hand, or the question under way, or a new one.
    fn share(&self, principal: &Principal, now: Timestamp) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at_hand) = known.get(principal) {
            // What was asked too long ago would be too old when it is answered.
            let is_under_way = at_hand.answer.get().is_none()
                && at_hand.asked_at <= now
                && now.since(at_hand.asked_at) < self.max_age;
            if is_under_way || self.counts(at_hand, now).is_some() {
                return at_hand.clone();
            }
        }
        if known.len() >= Self::CAPACITY {
            // The older half, so that room is made for many at once.
            let mut times: Vec<_> = known.values().map(|known| known.asked_at).collect();
            let (_, median, _) = times.select_nth_unstable(Self::CAPACITY / 2 - 1);
            known.retain(|_, known| known.asked_at > *median);
        }
        let new = Known {
            asked_at: now,
            answer: Arc::default(),
        };
        known.insert(principal.clone(), new.clone());
        new
    }
}

pub(crate) fn stranger() -> Refusal {
    Refusal::new(Reason::DecisionDenied)
        .because("the principal does not belong to the tenant that its issuer names")
}

impl fmt::Debug for Memberships {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memberships")
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use throughline_core::Tenant;

    use super::*;

    #[test]
    fn the_older_half_makes_room_and_the_newest_stay() {
        let memberships = Memberships::of(|_| async { Ok(Membership::Member) });
        let acme = Tenant::new("acme").unwrap();
        let of = |n: usize| Principal::new("one", acme.clone(), &n.to_string()).unwrap();
        let half = Memberships::CAPACITY / 2;
        let known = || memberships.known.lock().unwrap();
        for n in 0..Memberships::CAPACITY {
            let at = Timestamp::from_unix(1_700_000_000 + u64::from(n >= half));
            memberships.share(&of(n), at);
        }
        assert_eq!(known().len(), Memberships::CAPACITY);
        memberships.share(
            &of(Memberships::CAPACITY),
            Timestamp::from_unix(1_700_000_002),
        );
        assert_eq!(known().len(), half + 1);
        assert!(known().contains_key(&of(Memberships::CAPACITY)));
        assert!(!known().contains_key(&of(0)));
    }
}
