//! The live handle: the set at hand, and the one fetch that may be under way.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::error::{FetchError, FetchErrorKind, KeysError, KeysErrorKind};
use super::fetch::{Fetch, FetchLimits, Fetched};
use super::policy::RefreshPolicy;
use super::{KeySource, Origin};
use crate::keys::{AdmissionPolicy, KeySet};

/// The keys of one issuer, kept up to date. Cloning shares them.
///
/// [`Keys::current`] waits for nothing. Where a fetch is due it takes a lock for a moment, once, to
/// start it.
#[derive(Clone)]
pub struct Keys {
    shared: Arc<Shared>,
}

struct Shared {
    issuer: Option<Box<str>>,
    current: ArcSwap<Snapshot>,
    /// `None` for a set in memory.
    remote: Option<Remote>,
    counters: Counters,
}

struct Remote {
    name: Box<str>,
    fetch: Arc<dyn Fetch>,
    admission: AdmissionPolicy,
    refresh: RefreshPolicy,
    /// When the handle was made; `not_before` counts from here.
    epoch: Instant,
    /// Milliseconds from `epoch` to the end of the cool-down, or [`UNDER_WAY`].
    not_before: AtomicU64,
    /// Held for a few instructions, and never across an await.
    flight: Mutex<Option<Flight>>,
}

const UNDER_WAY: u64 = u64::MAX;

/// A fetch under way: `None` until it has landed.
type Flight = watch::Receiver<Option<Result<(), KeysError>>>;

#[derive(Default)]
struct Counters {
    fetches: AtomicU64,
    failures: AtomicU64,
    skipped: AtomicU64,
    alarms: AtomicU64,
}

impl Keys {
    /// The live handle of a source. Nothing is fetched until the first use, or [`Keys::load`].
    #[must_use]
    pub fn new(source: KeySource) -> Self {
        let (set, remote) = match source.origin {
            Origin::Memory(set) => (Some(set), None),
            Origin::Remote { name, fetch } => (
                None,
                Some(Remote {
                    name,
                    fetch,
                    admission: source.admission,
                    refresh: source.refresh,
                    epoch: Instant::now(),
                    not_before: AtomicU64::new(0),
                    flight: Mutex::new(None),
                }),
            ),
        };
        let snapshot = match set {
            Some(set) => Snapshot {
                set,
                generation: 1,
                loaded: Loaded::ForGood,
            },
            None => Snapshot {
                set: KeySet::default(),
                generation: 0,
                loaded: Loaded::Never,
            },
        };
        Self {
            shared: Arc::new(Shared {
                issuer: source.issuer,
                current: ArcSwap::from_pointee(snapshot),
                remote,
                counters: Counters::default(),
            }),
        }
    }

    /// The issuer that the source names: the exact `iss` these keys may vouch for.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.shared.issuer.as_deref()
    }

    /// The set at hand. Starts a fetch in the background where one is due.
    ///
    /// Outside a tokio runtime nothing can be started, so the set only ages there.
    #[must_use]
    pub fn current(&self) -> CurrentKeys {
        let snapshot = self.shared.current.load();
        let (status, due) = match &self.shared.remote {
            None => (snapshot.status(None), false),
            Some(remote) => {
                let now = Instant::now();
                let due = snapshot.is_due(now, &remote.refresh) && remote.is_cool(now);
                (snapshot.status(Some((now, &remote.refresh))), due)
            }
        };
        if due {
            // Whoever is here goes on with the set at hand.
            let _ = self.flight(Cause::Due);
        }
        CurrentKeys { snapshot, status }
    }

    /// Whether tokens can be checked. It counts as a use, so that a process which gets no traffic
    /// before it is ready loads its keys by being asked whether it is.
    #[must_use]
    pub fn status(&self) -> KeysStatus {
        self.current().status
    }

    /// Waits for the first set, for at most [`RefreshPolicy::with_wait_limit`], and not at all where
    /// a set is there already.
    pub fn ready(&self) -> KeyWait {
        let status = self.current().status;
        if status != KeysStatus::NotLoaded && status != KeysStatus::TooOld {
            return KeyWait::known(status);
        }
        match self.flight(Cause::Due) {
            Ok(Some(flight)) => self.wait(flight),
            Ok(None) | Err(_) => KeyWait::known(status),
        }
    }

    /// Fetches because a token names a key that is not in the set: a key may have been added since.
    ///
    /// All who ask while a fetch is under way share it. `None` if no fetch may start now, because
    /// the last one started less than the cool-down ago or the set is in memory; the key is then
    /// unknown for good. After waiting, look into [`Keys::current`] again.
    #[must_use]
    pub fn refresh_for_unknown(&self) -> Option<KeyWait> {
        let remote = self.shared.remote.as_ref()?;
        // A flood of made-up key ids is turned away here, without a lock.
        if !remote.is_under_way() && !remote.is_cool(Instant::now()) {
            return None;
        }
        let flight = self.flight(Cause::Due).ok()??;
        Some(self.wait(flight))
    }

    /// Fetches now, or joins the fetch under way, and waits for its outcome. For start-up, and for
    /// an operator who knows that the set has changed: it does not wait for the cool-down.
    ///
    /// # Errors
    ///
    /// The set could not be fetched or read, or holds no usable key; the cause is its source. The
    /// handle stays usable and tries again by itself.
    pub async fn load(&self) -> Result<(), KeysError> {
        if self.shared.remote.is_some() {
            let flight = self.flight(Cause::Asked)?;
            land(flight.ok_or(KeysErrorKind::Abandoned)?).await?;
        }
        if self.shared.current.load().set.is_empty() {
            return Err(KeysErrorKind::NoUsableKey.into());
        }
        Ok(())
    }

    /// What has been counted since the handle was made.
    #[must_use]
    pub fn metrics(&self) -> KeysMetrics {
        let counters = &self.shared.counters;
        KeysMetrics {
            fetches: counters.fetches.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
            skipped: counters.skipped.load(Ordering::Relaxed),
            alarms: counters.alarms.load(Ordering::Relaxed),
        }
    }

    /// The fetch under way, or a new one, or none where the cool-down forbids it.
    fn flight(&self, cause: Cause) -> Result<Option<Flight>, KeysError> {
        let Some(remote) = &self.shared.remote else {
            return Ok(None);
        };
        let mut flight = remote.lock();
        if let Some(flight) = &*flight {
            return Ok(Some(flight.clone()));
        }
        let now = Instant::now();
        if cause == Cause::Due && !remote.is_cool(now) {
            return Ok(None);
        }
        let runtime = Handle::try_current().map_err(|_| KeysErrorKind::NoRuntime)?;
        let (sender, receiver) = watch::channel(None);
        remote.not_before.store(UNDER_WAY, Ordering::Release);
        *flight = Some(receiver.clone());
        drop(flight);
        let landing = Landing {
            keys: self.clone(),
            started: now,
            outcome: None,
            sender,
        };
        // A task of its own: no caller owns the fetch, so none can cancel it for the others.
        runtime.spawn(fly(landing));
        Ok(Some(receiver))
    }

    fn wait(&self, flight: Flight) -> KeyWait {
        let keys = self.clone();
        let limit = self
            .shared
            .remote
            .as_ref()
            .map_or(Duration::ZERO, |remote| remote.refresh.wait_limit);
        KeyWait(Waiting::Flight(Box::pin(async move {
            // Whether it landed, failed or is still under way shows in the status.
            let _ = timeout(limit, land(flight)).await;
            keys.current().status
        })))
    }

    async fn fetch_and_read(&self, remote: &Remote) -> Result<(), KeysError> {
        let limit = remote.refresh.fetch_limit;
        let limits = FetchLimits::new(remote.admission.max_document_bytes(), limit);
        let fetched = timeout(limit, remote.fetch.fetch(limits))
            .await
            .map_err(|_| FetchError::from(FetchErrorKind::TimedOut))??;
        self.read(remote, &fetched)
    }

    fn read(&self, remote: &Remote, fetched: &Fetched) -> Result<(), KeysError> {
        let set = KeySet::parse(fetched.document(), &remote.admission)?;
        self.report(remote, &set);
        let before = self.shared.current.load();
        let changed = matches!(before.loaded, Loaded::Never) || !before.set.same_keys(&set);
        let generation = before.generation + u64::from(changed);
        let usable = !set.is_empty();
        // One flight at a time, so nobody else stores between the load above and this.
        self.shared.current.store(Arc::new(Snapshot {
            set,
            generation,
            loaded: Loaded::At {
                time: Instant::now(),
                refresh_after: remote.refresh_after(fetched.max_age()),
            },
        }));
        if changed {
            tracing::info!(source = %remote.name, generation, "keys have changed");
        }
        if usable {
            Ok(())
        } else {
            Err(KeysErrorKind::NoUsableKey.into())
        }
    }

    fn report(&self, remote: &Remote, set: &KeySet) {
        let counters = &self.shared.counters;
        for skipped in set.skipped() {
            counters.skipped.fetch_add(1, Ordering::Relaxed);
            let (index, reason) = (skipped.index(), skipped.reason());
            if reason.is_alarm() {
                counters.alarms.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    source = %remote.name, index, %reason,
                    "key set publishes secret material"
                );
            } else {
                tracing::debug!(source = %remote.name, index, %reason, "key is skipped");
            }
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("issuer", &self.issuer())
            .field("snapshot", &*self.shared.current.load())
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

/// Why somebody wants a fetch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The operator asked for it.
    Asked,
    /// Age, or an unknown key: the cool-down applies.
    Due,
}

impl Remote {
    fn lock(&self) -> MutexGuard<'_, Option<Flight>> {
        // Nothing inside the lock can leave the value half-changed.
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_under_way(&self) -> bool {
        self.not_before.load(Ordering::Acquire) == UNDER_WAY
    }

    /// Whether no fetch is under way and the cool-down is over.
    fn is_cool(&self, now: Instant) -> bool {
        self.millis(now) >= self.not_before.load(Ordering::Acquire)
    }

    fn millis(&self, time: Instant) -> u64 {
        let millis = time.saturating_duration_since(self.epoch).as_millis();
        u64::try_from(millis)
            .unwrap_or(UNDER_WAY - 1)
            .min(UNDER_WAY - 1)
    }

    fn cool_after(&self, started: Instant) -> u64 {
        let cool_down = u64::try_from(self.refresh.cool_down.as_millis()).unwrap_or(UNDER_WAY);
        self.millis(started)
            .saturating_add(cool_down)
            .min(UNDER_WAY - 1)
    }

    /// A hint of the publisher can hasten a refresh, and never delay one: a withdrawn key would
    /// live longer.
    fn refresh_after(&self, hint: Option<Duration>) -> Duration {
        let configured = self.refresh.effective_refresh_after();
        hint.map_or(configured, |hint| {
            hint.max(self.refresh.cool_down).min(configured)
        })
    }
}

/// The task of one fetch.
async fn fly(mut landing: Landing) {
    let keys = landing.keys.clone();
    let Some(remote) = &keys.shared.remote else {
        return;
    };
    let counters = &keys.shared.counters;
    counters.fetches.fetch_add(1, Ordering::Relaxed);
    let outcome = keys.fetch_and_read(remote).await;
    if let Err(error) = &outcome {
        counters.failures.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(source = %remote.name, error = %Chain(error), "refresh of keys failed");
    }
    landing.outcome = Some(outcome);
}

async fn land(mut flight: Flight) -> Result<(), KeysError> {
    match flight.wait_for(Option::is_some).await {
        Ok(outcome) => outcome
            .clone()
            .unwrap_or_else(|| Err(KeysErrorKind::Abandoned.into())),
        Err(_) => Err(KeysErrorKind::Abandoned.into()),
    }
}

/// Ends a flight on every path: outcome, panic, runtime shut down.
struct Landing {
    keys: Keys,
    started: Instant,
    outcome: Option<Result<(), KeysError>>,
    sender: watch::Sender<Option<Result<(), KeysError>>>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(remote) = &self.keys.shared.remote {
            let mut flight = remote.lock();
            remote
                .not_before
                .store(remote.cool_after(self.started), Ordering::Release);
            *flight = None;
        }
        // Last, so that whoever wakes up finds the flight over.
        self.sender.send_replace(self.outcome.take());
    }
}

/// An error with its causes, for logs.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// One state of the keys.
#[derive(Debug)]
pub struct Snapshot {
    set: KeySet,
    generation: u64,
    loaded: Loaded,
}

#[derive(Debug)]
enum Loaded {
    At {
        time: Instant,
        refresh_after: Duration,
    },
    ForGood,
    Never,
}

impl Snapshot {
    /// The admitted keys.
    #[must_use]
    pub fn set(&self) -> &KeySet {
        &self.set
    }

    /// Rises whenever the admitted keys change, and only then: the same keys in another order are
    /// no change. 0 before the first set.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// `clock` is absent for a set in memory.
    fn status(&self, clock: Option<(Instant, &RefreshPolicy)>) -> KeysStatus {
        match (&self.loaded, clock) {
            (Loaded::Never, _) => KeysStatus::NotLoaded,
            (Loaded::At { time, .. }, Some((now, refresh)))
                if now.saturating_duration_since(*time) >= refresh.max_age =>
            {
                KeysStatus::TooOld
            }
            (Loaded::At { .. } | Loaded::ForGood, _) if self.set.is_empty() => {
                KeysStatus::NoUsableKey
            }
            (Loaded::At { .. } | Loaded::ForGood, _) => KeysStatus::Ready,
        }
    }

    fn is_due(&self, now: Instant, refresh: &RefreshPolicy) -> bool {
        match &self.loaded {
            Loaded::At {
                time,
                refresh_after,
            } => {
                let age = now.saturating_duration_since(*time);
                age >= *refresh_after || age >= refresh.max_age
            }
            Loaded::ForGood => false,
            Loaded::Never => true,
        }
    }
}

/// The keys at one moment, and what they are good for then.
///
/// Hold it for one verification and no longer: many held at once make the next change dearer.
#[derive(Debug)]
pub struct CurrentKeys {
    snapshot: Guard<Arc<Snapshot>>,
    status: KeysStatus,
}

impl CurrentKeys {
    /// Whether tokens can be checked with these keys. The set is looked into only if
    /// [`KeysStatus::is_ready`].
    #[must_use]
    pub fn status(&self) -> KeysStatus {
        self.status
    }
}

impl Deref for CurrentKeys {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// Whether tokens can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeysStatus {
    /// The issuer's set was read and holds no usable key: every token is refused.
    NoUsableKey,
    /// No set has been read yet: every token is refused.
    NotLoaded,
    /// There are keys, and they are young enough.
    Ready,
    /// The set could not be refreshed for longer than [`RefreshPolicy::with_max_age`]: every token
    /// is refused.
    TooOld,
}

impl KeysStatus {
    /// Whether tokens can be checked.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self == Self::Ready
    }
}

impl fmt::Display for KeysStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUsableKey => "key set holds no usable key",
            Self::NotLoaded => "no key set has been loaded",
            Self::Ready => "keys are ready",
            Self::TooOld => "key set is older than its maximum age",
        })
    }
}

/// Waits, for a bounded time, for a fetch that is shared with others. Yields the status then.
#[must_use = "futures do nothing unless polled"]
pub struct KeyWait(Waiting);

enum Waiting {
    // Boxed, as it waits for a network and is made at most for tokens whose key is unknown.
    Flight(Pin<Box<dyn Future<Output = KeysStatus> + Send>>),
    Known(KeysStatus),
}

impl KeyWait {
    fn known(status: KeysStatus) -> Self {
        Self(Waiting::Known(status))
    }
}

impl Future for KeyWait {
    type Output = KeysStatus;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<KeysStatus> {
        match &mut self.0 {
            Waiting::Flight(flight) => flight.as_mut().poll(cx),
            Waiting::Known(status) => Poll::Ready(*status),
        }
    }
}

impl fmt::Debug for KeyWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWait").finish_non_exhaustive()
    }
}

/// Counts since the handle was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeysMetrics {
    fetches: u64,
    failures: u64,
    skipped: u64,
    alarms: u64,
}

impl KeysMetrics {
    /// Fetches that were started.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.fetches
    }

    /// Fetches that brought no usable key.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Keys that were skipped, added up over all documents.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Keys among those skipped that publish secret material.
    #[must_use]
    pub fn alarms(&self) -> u64 {
        self.alarms
    }
}
