//! The live handle against an issuer in this process, with the clock in hand.

use std::error::Error as _;
use std::fmt::Debug;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use throughline_core::freshness::Freshness;
use throughline_core::{Reason, Refusal};
use throughline_jose::TrustDomain;
use throughline_jose::keys::{AdmissionPolicy, KeySet};
use throughline_jose::source::{
    FetchError, FetchErrorKind, FetchLimits, Fetched, KeySource, Keys, KeysErrorKind, KeysStatus,
    RefreshPolicy,
};
use tokio::sync::Notify;
use tokio::time::{Instant, advance};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

pub(crate) const A: &str = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "a",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
pub(crate) const B: &str = r#"{"kty": "EC", "crv": "P-256", "kid": "b",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
const LEAKED: &str = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "l",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

const COOL_DOWN: Duration = Duration::from_secs(30);
const REFRESH_AFTER: Duration = Duration::from_secs(5 * 60);
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

pub(crate) fn set_of(keys: &[&str]) -> String {
    format!(r#"{{"keys": [{}]}}"#, keys.join(","))
}

/// An issuer whose answer can be changed, held back and counted.
#[derive(Default)]
struct Issuer {
    answer: Mutex<Answer>,
    fetches: AtomicUsize,
    held: AtomicBool,
    release: Notify,
}

#[derive(Clone, Default)]
enum Answer {
    #[default]
    Down,
    Hangs,
    Panics,
    Text(String),
    TextFor(String, Duration),
}

impl Issuer {
    fn publishing(keys: &[&str]) -> Arc<Self> {
        let issuer = Arc::new(Self::default());
        issuer.publish(keys);
        issuer
    }

    fn publish(&self, keys: &[&str]) {
        self.answer(Answer::Text(set_of(keys)));
    }

    fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.release.notify_waiters();
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn source(self: &Arc<Self>) -> KeySource {
        let issuer = Arc::clone(self);
        KeySource::fetch(move |_: FetchLimits| {
            let issuer = Arc::clone(&issuer);
            async move {
                issuer.fetches.fetch_add(1, Ordering::SeqCst);
                let released = issuer.release.notified();
                if issuer.held.load(Ordering::SeqCst) {
                    released.await;
                }
                let answer = issuer.answer.lock().unwrap().clone();
                match answer {
                    Answer::Down => Err(FetchError::new("connection refused")),
                    Answer::Hangs => pending().await,
                    Answer::Panics => panic!("a fetch of the user's own went wrong"),
                    Answer::Text(text) => Ok(Fetched::new(text)),
                    Answer::TextFor(text, age) => Ok(Fetched::new(text).with_max_age(age)),
                }
            }
        })
    }

    fn keys(self: &Arc<Self>) -> Keys {
        self.source().into_keys()
    }
}

/// Lets spawned tasks run without moving the clock.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn knows(keys: &Keys, kid: &str) -> bool {
    let current = keys.current();
    current.status().is_ready() && current.set().find(Some(kid)).is_some()
}

#[test]
fn a_set_in_memory_is_ready_at_once_and_stays() {
    let set = KeySet::parse(set_of(&[A]).as_bytes(), &AdmissionPolicy::new()).unwrap();
    let keys = KeySource::set(set).for_issuer("https://a").into_keys();
    assert_eq!(keys.issuer(), Some("https://a"));
    assert!(knows(&keys, "a"));
    assert_eq!(keys.current().generation(), 1);
    assert!(keys.refresh_for_unknown().is_none());

    let empty = KeySource::set(KeySet::default()).into_keys();
    assert_eq!(empty.status(), KeysStatus::NoUsableKey);
}

#[test]
fn without_a_runtime_keys_answer_and_nothing_panics() {
    let keys = Issuer::publishing(&[A]).keys();
    assert_eq!(keys.status(), KeysStatus::NotLoaded);
    assert!(keys.refresh_for_unknown().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_first_use_loads_the_keys_and_ready_waits_for_them() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    assert_eq!(keys.current().generation(), 0);
    assert_eq!(keys.ready().await, KeysStatus::Ready);
    assert!(knows(&keys, "a"));
    assert_eq!(keys.current().generation(), 1);
    assert_eq!(issuer.fetches(), 1);

    // A probe that only asks loads them as well.
    let keys = issuer.keys();
    assert_eq!(keys.status(), KeysStatus::NotLoaded);
    settle().await;
    assert_eq!(keys.status(), KeysStatus::Ready);
}

#[tokio::test(start_paused = true)]
async fn an_old_set_is_refreshed_once_in_the_background_and_used_meanwhile() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();

    advance(REFRESH_AFTER - Duration::from_millis(1)).await;
    let _ = keys.current();
    settle().await;
    assert_eq!(issuer.fetches(), 1);

    issuer.publish(&[A, B]);
    issuer.hold();
    advance(Duration::from_millis(1)).await;
    for _ in 0..1000 {
        assert!(knows(&keys, "a"));
        assert!(!knows(&keys, "b"));
    }
    settle().await;
    assert_eq!(issuer.fetches(), 2);
    issuer.release();
    settle().await;
    assert!(knows(&keys, "b"));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_generation_rises_with_the_keys_and_not_with_their_order() {
    let issuer = Issuer::publishing(&[A, B]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    assert_eq!(keys.current().generation(), 1);

    issuer.publish(&[B, A]);
    keys.load().await.unwrap();
    issuer.publish(&[B, LEAKED, A]);
    keys.load().await.unwrap();
    assert_eq!(keys.current().generation(), 1);

    issuer.publish(&[B]);
    keys.load().await.unwrap();
    assert_eq!(keys.current().generation(), 2);
    issuer.publish(&[B, A]);
    keys.load().await.unwrap();
    assert_eq!(keys.current().generation(), 3);
}

/// Advisory 14, GHSA-675f-rq2r-jw82.
#[tokio::test(start_paused = true)]
async fn a_removed_key_is_gone_after_one_refresh() {
    let issuer = Issuer::publishing(&[A, B]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    assert!(knows(&keys, "a"));

    issuer.publish(&[B]);
    advance(REFRESH_AFTER).await;
    let _ = keys.current();
    settle().await;
    assert!(!knows(&keys, "a"));
    assert!(knows(&keys, "b"));
    assert_eq!(issuer.fetches(), 2);
}

/// Advisory 11, CVE-2026-48524.
#[tokio::test(start_paused = true)]
async fn with_the_issuer_down_known_keys_verify_on_and_unknown_ones_change_nothing() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    issuer.answer(Answer::Down);
    advance(COOL_DOWN).await;
    let before = keys.current().generation();

    for n in 0..10_000 {
        assert!(!knows(&keys, &format!("random-{n}")));
        if let Some(wait) = keys.refresh_for_unknown() {
            assert_eq!(wait.await, KeysStatus::Ready);
        }
        assert!(knows(&keys, "a"));
    }
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(keys.metrics().failures(), 1);
    assert_eq!(keys.current().generation(), before);
}

/// Advisory 12.
#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_kids_costs_one_fetch_for_each_cool_down() {
    let flooded = Issuer::publishing(&[A]);
    let other = Issuer::publishing(&[B]);
    let empty = Issuer::publishing(&[]);
    let (keys, others) = (flooded.keys(), other.keys());
    let without = empty.keys();
    keys.load().await.unwrap();
    others.load().await.unwrap();
    assert_eq!(
        without.load().await.unwrap_err().kind(),
        KeysErrorKind::NoUsableKey
    );

    for round in 1..=3 {
        advance(COOL_DOWN).await;
        let mut waits = Vec::new();
        for _ in 0..100_000 {
            waits.extend(keys.refresh_for_unknown());
            waits.extend(without.refresh_for_unknown());
        }
        // All who asked before it landed share one flight.
        assert_eq!(waits.len(), 200_000);
        for wait in waits {
            wait.await;
        }
        assert_eq!(flooded.fetches(), 1 + round);
        assert_eq!(empty.fetches(), 1 + round);
        // And who asks after it landed is turned away.
        for _ in 0..100_000 {
            assert!(keys.refresh_for_unknown().is_none());
            assert!(without.refresh_for_unknown().is_none());
        }
        assert!(knows(&keys, "a"));
        assert!(knows(&others, "b"));
    }
    assert_eq!(other.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_share_one_flight() {
    let issuer = Issuer::publishing(&[A, B]);
    let keys = issuer.keys();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let keys = keys.clone();
            tokio::spawn(async move {
                for _ in 0..1000 {
                    let _ = keys.current();
                    let _ = keys.refresh_for_unknown();
                }
                keys.ready().await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), KeysStatus::Ready);
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_the_token_that_names_it() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    issuer.publish(&[A, B]);

    // Within the cool-down it stays unknown.
    advance(COOL_DOWN - Duration::from_millis(1)).await;
    assert!(keys.refresh_for_unknown().is_none());
    assert!(!knows(&keys, "b"));

    advance(Duration::from_millis(1)).await;
    assert_eq!(keys.refresh_for_unknown().unwrap().await, KeysStatus::Ready);
    assert!(knows(&keys, "b"));
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_cancels_nothing_for_the_others() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    issuer.hold();
    let (first, second) = (keys.ready(), keys.ready());
    let loading = {
        let keys = keys.clone();
        tokio::spawn(async move { keys.load().await })
    };
    settle().await;
    drop(first);
    loading.abort();
    settle().await;
    issuer.release();
    assert_eq!(second.await, KeysStatus::Ready);
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_is_bounded_and_the_fetch_goes_on() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    issuer.hold();
    let start = Instant::now();
    assert_eq!(keys.ready().await, KeysStatus::NotLoaded);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    issuer.release();
    settle().await;
    assert_eq!(keys.status(), KeysStatus::Ready);
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_ends_at_its_limit() {
    let issuer = Issuer::publishing(&[A]);
    issuer.answer(Answer::Hangs);
    let keys = issuer.keys();
    let start = Instant::now();
    let error = keys.load().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(error.kind(), KeysErrorKind::Fetch);
    let cause: &FetchError = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(cause.kind(), FetchErrorKind::TimedOut);

    issuer.publish(&[A]);
    keys.load().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_a_failed_fetch() {
    let issuer = Issuer::publishing(&[A]);
    issuer.answer(Answer::Panics);
    let keys = issuer.keys();
    assert_eq!(
        keys.load().await.unwrap_err().kind(),
        KeysErrorKind::Abandoned
    );
    assert!(keys.refresh_for_unknown().is_none());
    issuer.publish(&[A]);
    advance(COOL_DOWN).await;
    assert_eq!(keys.ready().await, KeysStatus::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_cannot_be_refreshed_is_believed_until_its_maximum_age() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    for answer in [
        Answer::Down,
        Answer::Text("<html>Bad gateway</html>".into()),
        Answer::Text("{}".into()),
        Answer::Text(set_of(&[A, B]).replace("]}", "")),
        Answer::Text(format!("{}{}", set_of(&[A]), set_of(&[B]))),
        Answer::Hangs,
    ] {
        issuer.answer(answer);
        advance(REFRESH_AFTER).await;
        let _ = keys.current();
        settle().await;
        advance(Duration::from_secs(5)).await;
        settle().await;
        assert!(knows(&keys, "a"));
        assert!(!knows(&keys, "b"));
        assert_eq!(keys.current().generation(), 1);
    }
    assert_eq!(keys.metrics().fetches(), 7);
    assert_eq!(keys.metrics().failures(), 6);

    advance(MAX_AGE).await;
    assert_eq!(keys.status(), KeysStatus::TooOld);
    assert!(!knows(&keys, "a"));

    issuer.publish(&[A]);
    advance(COOL_DOWN).await;
    assert_eq!(keys.ready().await, KeysStatus::Ready);
    assert!(knows(&keys, "a"));
}

/// Advisory 15, CVE-2026-31837.
#[tokio::test(start_paused = true)]
async fn a_failed_first_fetch_leaves_no_key_and_recovers() {
    for (answer, status, kind) in [
        (Answer::Down, KeysStatus::NotLoaded, KeysErrorKind::Fetch),
        (
            Answer::Text("<html>".into()),
            KeysStatus::NotLoaded,
            KeysErrorKind::KeySet,
        ),
        (
            Answer::Text("{}".into()),
            KeysStatus::NotLoaded,
            KeysErrorKind::KeySet,
        ),
        (
            Answer::Text(String::new()),
            KeysStatus::NotLoaded,
            KeysErrorKind::KeySet,
        ),
        (
            Answer::Text(set_of(&[])),
            KeysStatus::NoUsableKey,
            KeysErrorKind::NoUsableKey,
        ),
        (
            Answer::Text(set_of(&[LEAKED])),
            KeysStatus::NoUsableKey,
            KeysErrorKind::NoUsableKey,
        ),
    ] {
        let issuer = Issuer::publishing(&[]);
        issuer.answer(answer);
        let keys = issuer.keys();
        assert_eq!(keys.load().await.unwrap_err().kind(), kind);
        assert_eq!(keys.status(), status);
        assert!(!knows(&keys, "a"));
        assert!(keys.current().set().is_empty());

        issuer.publish(&[A]);
        advance(COOL_DOWN).await;
        if let Some(wait) = keys.refresh_for_unknown() {
            wait.await;
        }
        assert_eq!(keys.status(), KeysStatus::Ready);
        assert!(knows(&keys, "a"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_without_a_usable_key_leaves_none_of_the_old_ones() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    issuer.publish(&[LEAKED]);
    advance(REFRESH_AFTER).await;
    let _ = keys.current();
    settle().await;
    assert_eq!(keys.status(), KeysStatus::NoUsableKey);
    assert_eq!(keys.current().generation(), 2);
    assert!(!knows(&keys, "a"));
    assert_eq!(keys.metrics().alarms(), 1);
    assert_eq!(keys.metrics().skipped(), 1);

    // Counted once for each document that holds it; what is only of no use is no alarm.
    let unusable = r#"{"kty": "OKP", "crv": "X25519", "kid": "x"}"#;
    issuer.publish(&[LEAKED, unusable]);
    keys.load().await.unwrap_err();
    assert_eq!(keys.metrics().alarms(), 2);
    assert_eq!(keys.metrics().skipped(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_ready_keys_gets_them_without_a_fetch() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    // A fetch could start now, and none is due.
    advance(COOL_DOWN).await;
    issuer.hold();
    let start = Instant::now();
    assert_eq!(keys.ready().await, KeysStatus::Ready);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(issuer.fetches(), 1);

    // Too old, they are worth waiting for.
    issuer.release();
    advance(MAX_AGE).await;
    assert_eq!(keys.ready().await, KeysStatus::Ready);
    assert_eq!(issuer.fetches(), 2);
}

#[test]
fn a_status_says_what_the_keys_are_good_for() {
    for (status, message) in [
        (KeysStatus::NoUsableKey, "key set holds no usable key"),
        (KeysStatus::NotLoaded, "no key set has been loaded"),
        (KeysStatus::Ready, "keys are ready"),
        (KeysStatus::TooOld, "key set is older than its maximum age"),
    ] {
        assert_eq!(status.to_string(), message);
    }
}

#[tokio::test(start_paused = true)]
async fn the_publisher_can_hasten_a_refresh_and_not_delay_it() {
    for (hint, expected) in [
        (Duration::from_secs(60), Duration::from_secs(60)),
        (Duration::ZERO, COOL_DOWN),
        (Duration::from_secs(24 * 3600), REFRESH_AFTER),
    ] {
        let issuer = Issuer::publishing(&[]);
        issuer.answer(Answer::TextFor(set_of(&[A]), hint));
        let keys = issuer.keys();
        keys.load().await.unwrap();
        advance(expected - Duration::from_millis(1)).await;
        let _ = keys.current();
        settle().await;
        assert_eq!(issuer.fetches(), 1, "{hint:?}");
        advance(Duration::from_millis(1)).await;
        let _ = keys.current();
        settle().await;
        assert_eq!(issuer.fetches(), 2, "{hint:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_is_refreshed_before_it_is_too_old_whatever_the_policy_says() {
    let max_age = Duration::from_secs(120);
    for (stated, effective) in [
        (Duration::from_secs(40), Duration::from_secs(40)),
        (max_age, max_age / 2),
        (REFRESH_AFTER, max_age / 2),
    ] {
        let forth = RefreshPolicy::new()
            .with_refresh_after(stated)
            .with_max_age(max_age);
        let back = RefreshPolicy::new()
            .with_max_age(max_age)
            .with_refresh_after(stated);
        for policy in [forth, back] {
            let issuer = Issuer::publishing(&[A]);
            let keys = issuer.source().with_refresh(policy).into_keys();
            keys.load().await.unwrap();
            advance(effective - Duration::from_millis(1)).await;
            assert!(keys.status().is_ready());
            settle().await;
            assert_eq!(issuer.fetches(), 1, "{stated:?}");
            advance(Duration::from_millis(1)).await;
            assert!(keys.status().is_ready());
            settle().await;
            assert_eq!(issuer.fetches(), 2, "{stated:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_a_policy_reach_the_fetch_and_hold_behind_it() {
    let document = set_of(&[A]);
    for (cap, ready) in [(document.len(), true), (document.len() - 1, false)] {
        let text = document.clone();
        let keys = KeySource::fetch(move |limits: FetchLimits| {
            assert_eq!(limits.max_bytes(), cap);
            assert_eq!(limits.time(), Duration::from_secs(1));
            let text = text.clone();
            async move { Ok::<_, FetchError>(Fetched::new(text)) }
        })
        .with_policy(AdmissionPolicy::new().with_max_document_bytes(cap))
        .with_refresh(RefreshPolicy::new().with_fetch_limit(Duration::from_secs(1)))
        .into_keys();
        assert_eq!(keys.load().await.is_ok(), ready);
        assert_eq!(keys.status().is_ready(), ready);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_does_not_wait_for_the_cool_down() {
    let issuer = Issuer::publishing(&[A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    issuer.publish(&[B]);
    assert!(keys.refresh_for_unknown().is_none());
    keys.load().await.unwrap();
    assert!(knows(&keys, "b"));
}

/// Every event as one line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Line(String);

        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.0.push_str(&format!(" {}={value:?}", field.name()));
            }
        }

        if event.metadata().target().starts_with("throughline_jose") {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_of_leaks_and_failures_and_holds_no_key() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let issuer = Issuer::publishing(&[LEAKED, A]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    issuer.answer(Answer::Down);
    keys.load().await.unwrap_err();

    let lines = log.0.lock().unwrap().clone();
    assert_eq!(
        lines,
        [
            "ERROR message=key set publishes secret material source=custom fetch index=0 \
             reason=key holds a private member",
            "INFO message=keys have changed source=custom fetch generation=1",
            "WARN message=refresh of keys failed source=custom fetch \
             error=keys could not be fetched: fetch of the key set failed: connection refused",
        ]
    );
    let shown = format!("{lines:?} {keys:?} {:?}", Fetched::new(set_of(&[LEAKED])));
    for member in ["nWGxne", "11qYAY"] {
        assert!(!shown.contains(member), "{shown}");
    }
}

/// A request that is refused for want of keys brings about the fetch that mends it, however the set
/// was lost; nobody waits for the next refresh.
#[tokio::test(start_paused = true)]
async fn a_domain_looks_again_after_an_issuer_published_no_key() {
    let refusal = Refusal::new(Reason::KeysUnavailable);
    for lost in [Answer::Down, Answer::Text(set_of(&[]))] {
        let issuer = Issuer::publishing(&[]);
        issuer.answer(lost);
        let domain = TrustDomain::new("prod.acme.internal")
            .unwrap()
            .with_keys(issuer.source())
            .with_freshness(Freshness::lifetime_only(MAX_AGE));
        assert!(domain.load().await.is_err());

        issuer.publish(&[A]);
        advance(COOL_DOWN).await;
        domain.keys_wait(&refusal).unwrap().await;
        assert!(domain.is_ready());
        assert_eq!(issuer.fetches(), 2);
    }

    // A set in memory stays as it is, so there is nothing to wait for.
    let domain = TrustDomain::new("prod.acme.internal")
        .unwrap()
        .with_keys(KeySource::set(KeySet::default()))
        .with_freshness(Freshness::lifetime_only(MAX_AGE));
    assert!(domain.keys_wait(&refusal).is_none());
}
