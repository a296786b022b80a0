//! Points in time as tokens state them, and the seam that says what time it is.

use std::fmt;
use std::time::Duration;

/// A point in time: whole seconds since 1970-01-01T00:00:00Z (RFC 7519 `NumericDate`).
///
/// Fractions are legal on the wire and rounded down when read. A token and an event of the same
/// second cannot be ordered by this type; whoever compares decides in favour of the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last second of the year 9999. Values beyond it are a mistake of the sender, most often
    /// milliseconds.
    pub const MAX: Self = Self(253_402_300_799);

    /// The point `seconds` after the epoch; values past [`Timestamp::MAX`] become that.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        if seconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seconds)
        }
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_unix(self) -> u64 {
        self.0
    }

    /// How long before `self` the point `earlier` was; zero if it was not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// The point `after` later, at most [`Timestamp::MAX`]. Fractions of a second are dropped.
    #[must_use]
    pub const fn plus(self, after: Duration) -> Self {
        Self::from_unix(self.0.saturating_add(after.as_secs()))
    }

    /// The point `before` earlier, at least the epoch. Fractions of a second are dropped.
    #[must_use]
    pub const fn minus(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(before.as_secs()))
    }

    /// Reads a `NumericDate`: a number from zero to [`Timestamp::MAX`], rounded down.
    pub(crate) fn from_number(number: &serde_json::Number) -> Option<Self> {
        let seconds = match number.as_u64() {
            Some(whole) => whole,
            None => {
                let fraction = number.as_f64()?;
                if !(0.0..=Self::MAX.0 as f64).contains(&fraction) {
                    return None;
                }
                fraction as u64
            }
        };
        (seconds <= Self::MAX.0).then_some(Self(seconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Says what time it is. This crate never reads a clock; whoever calls it brings one.
///
/// Closures implement it, which is what tests use:
///
/// ```
/// use throughline_core::time::{Clock, Timestamp};
///
/// let clock = || Timestamp::from_unix(1_700_000_000);
/// assert_eq!(clock.now().as_unix(), 1_700_000_000);
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;
}

impl<F> Clock for F
where
    F: Fn() -> Timestamp + Send + Sync + 'static,
{
    fn now(&self) -> Timestamp {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<u64> {
        let number: serde_json::Number = serde_json::from_str(text).unwrap();
        Timestamp::from_number(&number).map(Timestamp::as_unix)
    }

    #[test]
    fn numeric_dates_round_down_and_milliseconds_are_refused() {
        assert_eq!(read("1700000000"), Some(1_700_000_000));
        assert_eq!(read("1700000000.999"), Some(1_700_000_000));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("1700000000000"), None);
        assert_eq!(read("-1"), None);
        assert_eq!(read("-0.5"), None);
        assert_eq!(read("1e30"), None);
        assert_eq!(read("18446744073709551615"), None);
    }

    #[test]
    fn a_closure_is_a_clock() {
        let clock = || Timestamp::from_unix(5);
        assert_eq!(Clock::now(&clock).as_unix(), 5);
    }

    #[test]
    fn a_time_is_shown_in_seconds() {
        assert_eq!(
            Timestamp::from_unix(1_700_000_000).to_string(),
            "1700000000"
        );
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(
            Timestamp::from_unix(5)
                .minus(Duration::from_secs(9))
                .as_unix(),
            0
        );
        assert_eq!(
            Timestamp::from_unix(5).since(Timestamp::from_unix(9)),
            Duration::ZERO
        );
    }
}
