//! How fast and how much is sent, and when to stop.
//!
//! Every request asks here first. So the probe ends: at its last request, at its limit of
//! requests, at its deadline, or when the service has stopped answering.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After so many requests in a row without any answer, the service is taken for dead.
const SILENT: u32 = 3;

/// Requests in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(f64);

impl Rate {
    fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.0)
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix("/s").unwrap_or(text);
        match number.parse() {
            // Slower than one a minute or faster than a thousand a millisecond is a mistake.
            Ok(rate) if (1.0 / 60.0..=1e6).contains(&rate) => Ok(Self(rate)),
            Ok(_) | Err(_) => Err("expected requests in a second, such as `20/s`"),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// The limits of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) rate: Rate,
    pub(super) requests: u64,
    pub(super) time: Duration,
}

/// Hands out the permission to send.
#[derive(Debug)]
pub(super) struct Pace {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    begun: Instant,
    next: Instant,
    sent: u64,
    unanswered: u32,
    stopped: Option<Stopped>,
}

/// Why nothing is sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    Deadline,
    Requests,
    Silent,
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            limits,
            state: Mutex::new(State {
                begun: now,
                next: now,
                sent: 0,
                unanswered: 0,
                stopped: None,
            }),
        }
    }

    /// Waits for its turn. A request that was let through counts as sent.
    pub(super) async fn admit(&self) -> Result<(), Stopped> {
        let turn = self.reserve()?;
        tokio::time::sleep_until(turn).await;
        Ok(())
    }

    /// Waits for the turns of so many requests, which then go at the same time: not one goes before
    /// the last one's turn, so the rate of the whole run is kept.
    pub(super) async fn admit_together(&self, requests: u64) -> Result<(), Stopped> {
        let turn = self.reserve_many(requests)?;
        tokio::time::sleep_until(turn).await;
        Ok(())
    }

    fn reserve(&self) -> Result<Instant, Stopped> {
        self.reserve_many(1)
    }

    /// The turn of the last one.
    fn reserve_many(&self, requests: u64) -> Result<Instant, Stopped> {
        let mut state = self.lock();
        if let Some(stopped) = state.stopped {
            return Err(stopped);
        }
        let before = u32::try_from(requests.saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = self.limits.rate.interval().saturating_mul(before);
        let turn = state.next.max(Instant::now()) + wait;
        let stopped = if state.sent.saturating_add(requests) > self.limits.requests {
            Some(Stopped::Requests)
        } else if turn > state.begun + self.limits.time {
            Some(Stopped::Deadline)
        } else {
            None
        };
        if let Some(stopped) = stopped {
            state.stopped = Some(stopped);
            return Err(stopped);
        }
        state.next = turn + self.limits.rate.interval();
        state.sent += requests;
        Ok(turn)
    }

    /// The service answered, whatever it said.
    pub(super) fn answered(&self) {
        self.lock().unanswered = 0;
    }

    /// There was no answer, or none that is HTTP.
    pub(super) fn unanswered(&self) {
        let mut state = self.lock();
        state.unanswered += 1;
        if state.unanswered >= SILENT && state.stopped.is_none() {
            state.stopped = Some(Stopped::Silent);
        }
    }

    /// Whether nothing is sent any more, and why.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.lock().stopped
    }

    /// How many requests were sent, and in what time.
    pub(super) fn achieved(&self) -> Achieved {
        let state = self.lock();
        Achieved {
            requests: state.sent,
            time: state.begun.elapsed(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("the time of the whole run was over (`--deadline`)"),
            Self::Requests => f.write_str("the number of requests was used up (`--max`)"),
            Self::Silent => write!(f, "{SILENT} requests in a row were left without an answer"),
        }
    }
}

/// What was sent in the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Achieved {
    pub(super) requests: u64,
    pub(super) time: Duration,
}

impl Achieved {
    /// Requests in a second.
    pub(super) fn rate(self) -> f64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 {
            self.requests as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(rate: &str, requests: u64, seconds: u64) -> Pace {
        Pace::new(Limits {
            rate: rate.parse().unwrap(),
            requests,
            time: Duration::from_secs(seconds),
        })
    }

    #[test]
    fn a_rate_is_a_number_of_requests_in_a_second() {
        assert_eq!("20/s".parse(), Ok(Rate(20.0)));
        assert_eq!("0.5".parse(), Ok(Rate(0.5)));
        for text in ["", "0", "-1/s", "nan", "inf/s", "20/m", "1e9"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_spread_over_time_and_the_rate_is_reported() {
        let pace = pace("10/s", 100, 60);
        let start = Instant::now();
        for _ in 0..21 {
            pace.admit().await.unwrap();
        }
        // The first goes at once.
        assert_eq!(start.elapsed().as_millis(), 2000);
        let achieved = pace.achieved();
        assert_eq!(achieved.requests, 21);
        assert_eq!(achieved.rate(), 10.5);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_go_together_wait_for_the_last_ones_turn() {
        let pace = pace("10/s", 22, 60);
        let start = Instant::now();
        pace.admit_together(20).await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 1900);
        pace.admit().await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 2000);
        assert_eq!(pace.achieved().requests, 21);
        assert_eq!(pace.admit_together(2).await, Err(Stopped::Requests));
        assert_eq!(pace.achieved().requests, 21);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_service_is_not_made_up_for() {
        let pace = pace("10/s", 100, 60);
        pace.admit().await.unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        let start = Instant::now();
        pace.admit().await.unwrap();
        pace.admit().await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_at_the_last_request_and_at_the_deadline() {
        let by_count = pace("10/s", 2, 60);
        by_count.admit().await.unwrap();
        by_count.admit().await.unwrap();
        assert_eq!(by_count.admit().await, Err(Stopped::Requests));
        assert_eq!(by_count.achieved().requests, 2);

        let by_time = pace("10/s", 100, 1);
        for _ in 0..11 {
            by_time.admit().await.unwrap();
        }
        assert_eq!(by_time.admit().await, Err(Stopped::Deadline));
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_nobody_answers_but_not_when_somebody_does() {
        let pace = pace("10/s", 100, 60);
        for _ in 0..5 {
            pace.admit().await.unwrap();
            pace.unanswered();
            pace.unanswered();
            pace.answered();
        }
        pace.admit().await.unwrap();
        for _ in 0..SILENT {
            pace.unanswered();
        }
        assert_eq!(pace.admit().await, Err(Stopped::Silent));
    }
}
