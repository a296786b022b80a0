//! When a set is fetched, and how long it is believed.

use std::time::Duration;

/// When a key set is fetched again, and for how long it is used without.
///
/// ```
/// use std::time::Duration;
/// use throughline_jose::source::RefreshPolicy;
///
/// // Keys that rotate hourly and are published by a service next door.
/// let policy = RefreshPolicy::new()
///     .with_refresh_after(Duration::from_secs(60))
///     .with_max_age(Duration::from_secs(15 * 60));
/// # let _ = policy;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RefreshPolicy {
    pub(super) refresh_after: Duration,
    pub(super) max_age: Duration,
    pub(super) cool_down: Duration,
    pub(super) fetch_limit: Duration,
    pub(super) wait_limit: Duration,
}

impl RefreshPolicy {
    /// Refresh after 5 minutes, maximum age 1 hour, cool-down 30 seconds, at most 5 seconds for a
    /// fetch and 2 seconds of waiting for one.
    pub fn new() -> Self {
        Self {
            refresh_after: Duration::from_secs(5 * 60),
            max_age: Duration::from_secs(60 * 60),
            cool_down: Duration::from_secs(30),
            fetch_limit: Duration::from_secs(5),
            wait_limit: Duration::from_secs(2),
        }
    }

    /// The age at which the next use starts a fetch in the background. Default: 5 minutes.
    ///
    /// A fetch may bring a shorter age of its own (`Cache-Control: max-age`), which is followed
    /// down to the cool-down; a longer one is not, as it would keep a withdrawn key alive.
    ///
    /// More than half of the maximum age counts as half of it: refreshed only when it is too old
    /// already, a set would make every token wait.
    pub fn with_refresh_after(mut self, age: Duration) -> Self {
        self.refresh_after = age;
        self
    }

    /// The age at which a set that could not be refreshed is believed no longer, so that tokens
    /// are refused. Default: 1 hour. It bounds how long an issuer that is cut off can be kept from
    /// withdrawing a key.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The least time from the start of one fetch to the start of the next. Default: 30 seconds.
    /// It is also how long a new key may stay unknown after a fetch. Keep it below half of the
    /// maximum age, as no refresh starts earlier.
    pub fn with_cool_down(mut self, time: Duration) -> Self {
        self.cool_down = time;
        self
    }

    /// The most time for one fetch, from start to last byte. Default: 5 seconds.
    pub fn with_fetch_limit(mut self, time: Duration) -> Self {
        self.fetch_limit = time;
        self
    }

    /// The most time that a [`KeyWait`](super::KeyWait) waits for a fetch. Default: 2 seconds.
    pub fn with_wait_limit(mut self, time: Duration) -> Self {
        self.wait_limit = time;
        self
    }

    /// Whatever was said, and in which order: there is time for a refresh before the set is too
    /// old.
    pub(super) fn effective_refresh_after(&self) -> Duration {
        self.refresh_after.min(self.max_age / 2)
    }
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_replaces_its_own_time_and_keeps_the_others() {
        type Word = fn(RefreshPolicy, Duration) -> RefreshPolicy;
        let words: [Word; 5] = [
            RefreshPolicy::with_refresh_after,
            RefreshPolicy::with_max_age,
            RefreshPolicy::with_cool_down,
            RefreshPolicy::with_fetch_limit,
            RefreshPolicy::with_wait_limit,
        ];
        let all = |policy: &RefreshPolicy| {
            [
                policy.refresh_after,
                policy.max_age,
                policy.cool_down,
                policy.fetch_limit,
                policy.wait_limit,
            ]
            .map(|time| time.as_secs())
        };
        assert_eq!(all(&RefreshPolicy::new()), [300, 3600, 30, 5, 2]);
        // In both orders, so that no word undoes what an earlier one said.
        let say = |policy, n: usize| words[n](policy, Duration::from_secs(n as u64 + 1));
        let forth = (0..words.len()).fold(RefreshPolicy::default(), say);
        let back = (0..words.len()).rev().fold(RefreshPolicy::new(), say);
        assert_eq!(all(&forth), [1, 2, 3, 4, 5]);
        assert_eq!(all(&back), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_refresh_comes_before_a_set_is_too_old() {
        let of = |refresh_after, max_age| {
            let policy = RefreshPolicy::new()
                .with_refresh_after(Duration::from_secs(refresh_after))
                .with_max_age(Duration::from_secs(max_age));
            policy.effective_refresh_after().as_secs()
        };
        assert_eq!(of(300, 3_600), 300);
        assert_eq!(of(1_800, 3_600), 1_800);
        for late in [1_801, 3_600, 7_200] {
            assert_eq!(of(late, 3_600), 1_800, "{late}");
        }
    }
}
