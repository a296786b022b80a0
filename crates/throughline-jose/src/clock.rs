//! The system's clock.

use std::time::{Duration, SystemTime};

use throughline_core::time::{Clock, Timestamp};

/// The system's clock, in whole seconds: the default of everything that asks for a [`Clock`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is handed"
    )]
    fn now(&self) -> Timestamp {
        // A clock before 1970 makes every token one from the future: refused, not accepted.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::from_unix(since.unwrap_or(Duration::ZERO).as_secs())
    }
}
