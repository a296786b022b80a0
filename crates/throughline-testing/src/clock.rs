//! A clock that the test moves.
//!
//! Rules:
//!
//! 1. It stands still until it is moved: a test that passes at noon passes at midnight.
//! 2. Clones share the time, so the domain, its issuer and the test agree on it.
//! 3. It is the clock of tokens. Waiting (a fetch under way, a cool-down) is measured by tokio, which
//!    tests pause and advance on their own.
//!
//! ```
//! use std::time::Duration;
//! use throughline_core::time::{Clock, Timestamp};
//! use throughline_testing::HandClock;
//!
//! let clock = HandClock::at(Timestamp::from_unix(1_700_000_000));
//! let shared = clock.clone();
//! clock.advance(Duration::from_secs(60));
//! assert_eq!(shared.now().as_unix(), 1_700_000_060);
//!
//! // Backwards too, as clocks of machines do.
//! clock.turn_back(Duration::from_secs(90));
//! assert_eq!(shared.now().as_unix(), 1_699_999_970);
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use throughline_core::time::{Clock, Timestamp};
use throughline_jose::SystemClock;

/// A clock that stands still until it is moved. See the [module](self).
#[derive(Clone, Debug)]
pub struct HandClock(Arc<AtomicU64>);

impl HandClock {
    /// Stands at the system's time, so that tokens suit a service that reads the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::at(SystemClock.now())
    }

    /// Stands at `time`.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.as_unix())))
    }

    /// Puts it to `time`.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_unix(), Ordering::SeqCst);
    }

    /// Moves it forwards. Fractions of a second are dropped, as tokens know none.
    pub fn advance(&self, by: Duration) {
        self.turn(|now| now.plus(by));
    }

    /// Moves it backwards, at most to 1970.
    pub fn turn_back(&self, by: Duration) {
        self.turn(|now| now.minus(by));
    }

    fn turn(&self, step: impl Fn(Timestamp) -> Timestamp) {
        let turned = |now| Some(step(Timestamp::from_unix(now)).as_unix());
        // The step always gives a time, so there is nothing to fail.
        let _ = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, turned);
    }
}

impl Default for HandClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }
}
