//! Membership: a tenant that an issuer signed opens nothing by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use throughline::Reason;
use throughline_core::Principal;
use throughline_core::time::Timestamp;
use throughline_identity::Memberships;
use throughline_identity::membership::{Membership, MembershipError};
use tokio::sync::Notify;

use super::{Answer, App, Handler, How, Mint, NAME, bearer, edge, fronts, get, send};
use crate::issuers::issuer;
use crate::kit::{Key, NOW, one, set, tenant};

/// A directory that the test tells what to say, and that counts who asks.
#[derive(Clone, Default)]
struct Directory {
    asked: Arc<AtomicUsize>,
    down: Arc<AtomicUsize>,
    /// Where it is slow: it answers once this is given.
    gate: Option<Arc<Notify>>,
}

impl Directory {
    fn slow() -> Self {
        Self {
            gate: Some(Arc::default()),
            ..Self::default()
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Lets the others run until it was asked so often; they never need many turns for it.
    async fn until_asked(&self, times: usize) {
        for _ in 0..1000 {
            if self.asked() >= times {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it was asked {} times, expected {times}", self.asked());
    }

    fn memberships(&self) -> Memberships {
        let this = self.clone();
        Memberships::of(move |principal: Principal| {
            let this = this.clone();
            async move {
                this.asked.fetch_add(1, Ordering::SeqCst);
                if let Some(gate) = &this.gate {
                    gate.notified().await;
                }
                if this.down.load(Ordering::SeqCst) > 0 {
                    return Err(MembershipError::new("connection refused"));
                }
                Ok(match principal.tenant().map(|it| it.as_str()) {
                    Some("acme") => Membership::Member,
                    Some(_) | None => Membership::Stranger,
                })
            }
        })
    }

    fn apps(&self, mint: &Mint, handler: &Handler) -> [(&'static str, App); 2] {
        let issuer = issuer("one", NAME).with_memberships(self.memberships());
        let issuers = one(issuer.with_keys(set(&[&Key::ed(0)])));
        fronts(&edge(issuers, mint).build().unwrap(), handler)
    }
}

async fn order(app: &App, tenant: &str) -> Answer {
    let path = format!("/t/{tenant}/orders");
    send(app, get(&path, &[("authorization", &bearer(tenant))])).await
}

// failure: T2
#[tokio::test]
async fn an_organisation_that_the_issuer_signed_opens_nothing_to_a_stranger() {
    let directory = Directory::default();
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    for (front, app) in directory.apps(&mint, &handler) {
        order(&app, "acme").await.assert_served(front);
        let minted = mint.minted();
        order(&app, "globex")
            .await
            .assert_refused(Reason::DecisionDenied, front);
        // The second time it is known.
        order(&app, "globex")
            .await
            .assert_refused(Reason::DecisionDenied, front);
        assert_eq!(mint.minted(), minted, "{front}");
    }
    assert_eq!((directory.asked(), handler.runs()), (2, 2));
}

#[tokio::test]
async fn a_source_that_is_down_is_503_and_never_a_pass() {
    let directory = Directory::default();
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let [(_, axum), (_, bare)] = directory.apps(&mint, &handler);
    directory.down.store(1, Ordering::SeqCst);
    for app in [&axum, &bare] {
        let answer = order(app, "acme").await;
        answer.assert_refused(Reason::DecisionUnavailable, "down");
        assert_eq!(answer.status, 503);
    }
    assert_eq!((mint.minted(), handler.runs()), (0, 0));
    // A failure is not remembered: once it is up, whoever comes next is served.
    directory.down.store(0, Ordering::SeqCst);
    for app in [&axum, &bare] {
        order(app, "acme").await.assert_served("up again");
    }
    // Now the answer is at hand, and it may go down.
    directory.down.store(1, Ordering::SeqCst);
    order(&bare, "acme").await.assert_served("known");
    assert_eq!(directory.asked(), 3);
}

#[tokio::test]
async fn all_who_ask_at_a_time_share_one_question() {
    let directory = Directory::slow();
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let [(_, app), _] = directory.apps(&mint, &handler);
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { order(&app, "acme").await })
        })
        .collect();
    directory.until_asked(1).await;
    directory.gate.as_ref().unwrap().notify_one();
    for answer in waiting {
        answer.await.unwrap().assert_served("shared");
    }
    assert_eq!(directory.asked(), 1);
}

#[tokio::test]
async fn a_request_that_is_dropped_leaves_the_question_to_the_others() {
    let directory = Directory::slow();
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let [(_, app), _] = directory.apps(&mint, &handler);
    let spawn = || {
        let app = app.clone();
        tokio::spawn(async move { order(&app, "acme").await })
    };
    let first = spawn();
    directory.until_asked(1).await;
    let second = spawn();
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    directory.until_asked(2).await;
    directory.gate.as_ref().unwrap().notify_one();
    second.await.unwrap().assert_served("the second");
    assert_eq!((directory.asked(), handler.runs()), (2, 1));
}

fn member_at(time: u64) -> (Principal, Timestamp) {
    let ada = Principal::new("one", tenant("acme"), "ada").unwrap();
    (ada, Timestamp::from_unix(time))
}

#[tokio::test]
async fn an_answer_counts_for_a_bounded_time() {
    let directory = Directory::default();
    let memberships = directory
        .memberships()
        .with_max_age(Duration::from_secs(60));
    let confirm = async |time: u64| {
        let (ada, now) = member_at(time);
        memberships
            .confirm(&ada, now)
            .await
            .map_err(|refusal| refusal.reason())
    };
    assert_eq!(confirm(NOW).await, Ok(()));
    directory.down.store(1, Ordering::SeqCst);
    assert_eq!(confirm(NOW + 59).await, Ok(()));
    assert_eq!(confirm(NOW + 60).await, Err(Reason::DecisionUnavailable));
    // A clock that was put back makes nothing younger.
    assert_eq!(confirm(NOW - 1).await, Err(Reason::DecisionUnavailable));
    directory.down.store(0, Ordering::SeqCst);
    assert_eq!(confirm(NOW + 60).await, Ok(()));
}

#[tokio::test]
async fn a_new_member_does_not_wait_for_long() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // A stranger at first, then a member.
    let memberships = Memberships::of(move |_: Principal| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        async move {
            Ok::<_, MembershipError>(match n {
                0 => Membership::Stranger,
                _ => Membership::Member,
            })
        }
    });
    let confirm = async |time: u64| {
        let (ada, now) = member_at(time);
        memberships
            .confirm(&ada, now)
            .await
            .map_err(|refusal| refusal.reason())
    };
    assert_eq!(confirm(NOW).await, Err(Reason::DecisionDenied));
    assert_eq!(confirm(NOW + 9).await, Err(Reason::DecisionDenied));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(confirm(NOW + 10).await, Ok(()));
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_and_by_nobody_after_them() {
    let directory = Directory::slow();
    directory.down.store(1, Ordering::SeqCst);
    let memberships = directory.memberships();
    let (ada, now) = member_at(NOW);
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let (memberships, ada) = (memberships.clone(), ada.clone());
            tokio::spawn(async move { memberships.confirm(&ada, now).await })
        })
        .collect();
    directory.until_asked(1).await;
    directory.gate.as_ref().unwrap().notify_one();
    for answer in waiting {
        let refusal = answer.await.unwrap().unwrap_err();
        assert_eq!(refusal.reason(), Reason::DecisionUnavailable);
    }
    // A source that is down is not asked by one after the other.
    assert_eq!(directory.asked(), 1);
    directory.down.store(0, Ordering::SeqCst);
    directory.gate.as_ref().unwrap().notify_one();
    assert!(memberships.confirm(&ada, now).await.is_ok());
}

#[tokio::test]
async fn a_question_that_is_never_answered_is_not_waited_for_by_everybody_after() {
    let directory = Directory::slow();
    let memberships = directory
        .memberships()
        .with_max_age(Duration::from_secs(60));
    let (ada, now) = member_at(NOW);
    let stuck = {
        let (memberships, ada) = (memberships.clone(), ada.clone());
        tokio::spawn(async move { memberships.confirm(&ada, now).await })
    };
    directory.until_asked(1).await;
    let later = {
        let memberships = memberships.clone();
        let (ada, now) = member_at(NOW + 60);
        tokio::spawn(async move { memberships.confirm(&ada, now).await })
    };
    // Whoever comes when its answer would be too old asks anew.
    directory.until_asked(2).await;
    stuck.abort();
    let _ = stuck.await;
    directory.gate.as_ref().unwrap().notify_waiters();
    assert!(later.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_in_time_is_503_and_never_a_pass() {
    let slow = |seconds: u64| {
        Memberships::of(move |_: Principal| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok::<_, MembershipError>(Membership::Member)
        })
    };
    let confirm = async |memberships: Memberships| {
        let (ada, now) = member_at(NOW);
        // Whoever waits for ever would be seen to.
        let confirmed =
            tokio::time::timeout(Duration::from_secs(3600), memberships.confirm(&ada, now));
        let confirmed = confirmed.await.unwrap();
        confirmed.map_err(|refusal| refusal.reason())
    };
    assert_eq!(confirm(slow(1)).await, Ok(()));
    assert_eq!(confirm(slow(3)).await, Err(Reason::DecisionUnavailable));
    assert_eq!(
        confirm(slow(10_000)).await,
        Err(Reason::DecisionUnavailable)
    );
    let patient = slow(3).with_time(Duration::from_secs(4));
    assert_eq!(confirm(patient).await, Ok(()));
}
