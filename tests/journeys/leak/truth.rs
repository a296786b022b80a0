//! The truth: which request is whose, and every sighting that says otherwise.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chance::Chance;

pub(crate) const TENANTS: u64 = 200;

/// Where a tenant was seen, or nothing was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a task that was given no context, or after a future was dropped.
    Bare,
    /// What the driver read in a response.
    Client,
    /// The handler of the second service.
    Downstream,
    /// What the entry service read in the response of the second one.
    Echo,
    /// The handler of the entry service.
    Handler,
    /// A line of the log.
    Log,
    /// The context of spawned work.
    Scope,
    /// The span of the request, where the line was logged.
    Span,
    /// A stranger: no token, or that of another tenant.
    Stranger,
}

impl Place {
    pub(crate) const ALL: [Self; 9] = [
        Self::Bare,
        Self::Client,
        Self::Downstream,
        Self::Echo,
        Self::Handler,
        Self::Log,
        Self::Scope,
        Self::Span,
        Self::Stranger,
    ];
}

pub(crate) struct Truth {
    seed: u64,
    sightings: [AtomicU64; Place::ALL.len()],
    wrong: Mutex<Vec<String>>,
    pub(crate) cancelled: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) served: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
}

impl Truth {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            sightings: Default::default(),
            wrong: Mutex::default(),
            cancelled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            served: AtomicU64::new(0),
            open: AtomicU64::new(0),
            most_open: AtomicU64::new(0),
        }
    }

    /// The choices of a request.
    pub(crate) fn chance(&self, request: u64) -> Chance {
        Chance::of(self.seed, request)
    }

    /// Whose request it is.
    pub(crate) fn tenant_of(&self, request: u64) -> String {
        tenant(Chance::of(!self.seed, request).below(TENANTS))
    }

    /// `seen` was seen for `request`.
    pub(crate) fn saw(&self, place: Place, request: u64, seen: &str) {
        self.check(place, seen == self.tenant_of(request), || {
            format!("{place:?} of request {request} saw {seen}")
        });
    }

    pub(crate) fn check(&self, place: Place, right: bool, what: impl FnOnce() -> String) {
        self.sightings[place as usize].fetch_add(1, Ordering::Relaxed);
        if !right {
            self.wrong.lock().unwrap().push(what());
        }
    }

    /// Nothing may be seen here.
    pub(crate) fn bare(&self, request: u64) {
        let seen = throughline::scope::current();
        self.check(Place::Bare, seen.is_err(), || {
            format!("bare code after request {request} saw {seen:?}")
        });
    }

    pub(crate) fn opened(&self) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    pub(crate) fn seen_at(&self, place: Place) -> u64 {
        self.sightings[place as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn sightings(&self) -> u64 {
        Place::ALL.iter().map(|place| self.seen_at(*place)).sum()
    }

    /// The most connections that were open at once, to both services.
    pub(crate) fn connections(&self) -> u64 {
        self.most_open.load(Ordering::Relaxed)
    }
}

pub(crate) fn tenant(number: u64) -> String {
    format!("tenant-{number}")
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |own: &AtomicU64| own.load(Ordering::Relaxed);
        let (served, failed) = (count(&self.served), count(&self.failed));
        write!(
            f,
            "{served} served, {failed} failed, {} cancelled, over at most {} connections at once:",
            count(&self.cancelled),
            self.connections()
        )?;
        for place in Place::ALL {
            write!(f, " {place:?} {}", self.seen_at(place))?;
        }
        write!(f, ", {} wrong", self.wrong.lock().unwrap().len())
    }
}
