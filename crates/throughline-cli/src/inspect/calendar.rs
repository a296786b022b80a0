//! Points in time for people: the date in UTC, and how far away it is.

use serde_json::Value;
use throughline_core::time::Timestamp;

/// A `NumericDate` for people; none if the value is no such thing.
pub(super) fn moment(value: &Value, now: Timestamp) -> Option<String> {
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..=Timestamp::MAX.as_unix() as f64).contains(seconds))?
        as u64;
    let time = Timestamp::from_unix(seconds);
    let distance = if time > now {
        format!("in {}", span(time.since(now).as_secs()))
    } else if time < now {
        format!("{} ago", span(now.since(time).as_secs()))
    } else {
        "now".into()
    };
    Some(format!("{}, {distance}", utc(seconds)))
}

/// Days to dates as in the calendar that repeats every 400 years.
fn utc(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut day) = (1970 + days / 146_097 * 400, days % 146_097);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!(
        "{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC",
        day + 1
    )
}

/// The two largest units, so that a minute and a year both read well.
fn span(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut words = Vec::new();
    for (unit, length) in units {
        if left >= length && words.len() < 2 {
            words.push(format!("{} {unit}", left / length));
        }
        left %= length;
    }
    if words.is_empty() {
        words.push("0 s".into());
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_700_000_000, "2023-11-14 22:13:20 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn distances_have_two_units_at_most() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (7_200, "2 h"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        let now = Timestamp::from_unix(0);
        for text in ["-1", "1e30", "1700000000000", "\"1\"", "null", "[]"] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(moment(&value, now), None, "{text}");
        }
    }
}
