//! A log that keeps every byte, so that a test can look for what must not be in it.
//!
//! [`CapturedLog`] is a writer: every logger that can write somewhere can write here, in the form and
//! at the level in which the service ships its log.
//!
//! Rules:
//!
//! 1. **Any run of 16 characters of a secret counts**: half a token in a log is a token to guess.
//! 2. **As text or as numbers**: `Debug` of a vector of bytes prints their values, and those count too.
//! 3. **A log that captured nothing proves nothing**, so asserting over an empty one fails.
//! 4. **The failure does not print the secret**, as its text goes to the log of the test.
//!
//! # Example
//!
//! ```
//! use std::panic::catch_unwind;
//! use throughline_testing::{CapturedLog, TestDomain};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let log = CapturedLog::new();
//! let writer = log.clone();
//! let subscriber = tracing_subscriber::fmt()
//!     .with_max_level(tracing::Level::TRACE)
//!     .with_writer(move || writer.clone())
//!     .finish();
//! let _guard = tracing::subscriber::set_default(subscriber);
//!
//! let domain = TestDomain::new();
//! let token = domain.token("acme");
//! domain.suspend("acme");
//! assert!(domain.admit(&token).await.is_err());
//! log.assert_says("tenant_suspended");
//! log.assert_says_nothing_of(&token);
//!
//! // A service that logs its requests is found out.
//! tracing::info!(authorization = token, "request");
//! assert!(catch_unwind(|| log.assert_says_nothing_of(&token)).is_err());
//! # }
//! ```

use std::fmt::{self, Write as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many characters of a secret in a row are a leak.
const RUN: usize = 16;
/// How many byte values of a secret in a row are a leak.
const VALUES: usize = 8;
/// How much of a line is shown around a leak.
const AROUND: usize = 60;

/// Keeps what is written to it. Cloning shares it. See the [module](self).
#[derive(Clone, Default)]
pub struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that was written. What is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Forgets what was written, and gives it.
    #[must_use]
    pub fn take(&self) -> String {
        let taken = std::mem::take(&mut *self.bytes());
        String::from_utf8_lossy(&taken).into_owned()
    }

    /// Asserts that `text` was written.
    ///
    /// # Panics
    ///
    /// It was not.
    #[track_caller]
    pub fn assert_says(&self, text: &str) {
        let log = self.text();
        assert!(log.contains(text), "the log does not say `{text}`:\n{log}");
    }

    /// Asserts that no part of `secret` was written: a token, a key, a password.
    ///
    /// # Panics
    ///
    /// A part of it was written, nothing at all was, or the secret is empty.
    #[track_caller]
    pub fn assert_says_nothing_of(&self, secret: &str) {
        let log = self.text();
        assert!(!log.is_empty(), "nothing was logged, so nothing is proved");
        assert!(!secret.is_empty(), "an empty secret is in every log");
        let leak = find(&log, secret);
        assert!(leak.is_none(), "{}", leak.unwrap_or_default());
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for CapturedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapturedLog")
            .field("bytes", &self.bytes().len())
            .finish_non_exhaustive()
    }
}

/// The first leak of `secret`, as a sentence that does not repeat it.
fn find(log: &str, secret: &str) -> Option<String> {
    let secret = secret.as_bytes();
    let parts = secret.windows(RUN.min(secret.len()));
    let values = secret.windows(VALUES).map(listed);
    let parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).chain(values).collect();
    log.lines().enumerate().find_map(|(number, line)| {
        let line = line.as_bytes();
        let at = parts.iter().filter_map(|part| position(line, part)).min()?;
        let before = line.get(at.saturating_sub(AROUND)..at).unwrap_or_default();
        Some(format!(
            "line {} of the log holds a part of the secret: `{}‹secret›`",
            number + 1,
            String::from_utf8_lossy(before)
        ))
    })
}

/// Bytes as `Debug` lists them.
fn listed(bytes: &[u8]) -> Vec<u8> {
    let mut list = String::new();
    for (n, byte) in bytes.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        // Writing to a text does not fail.
        let _ = write!(list, "{comma}{byte}");
    }
    list.into_bytes()
}

fn position(line: &[u8], part: &[u8]) -> Option<usize> {
    line.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "eyJ0eXAiOiJ0eG50b2tlbitqd3QifQ.cGF5bG9hZA.c2lnbmF0dXJl";

    fn leaks(line: &str) -> bool {
        let found = find(&format!("first line\n{line}\n"), SECRET);
        if let Some(text) = &found {
            assert!(text.starts_with("line 2 of the log"), "{text}");
            for part in SECRET.as_bytes().windows(RUN) {
                assert!(position(text.as_bytes(), part).is_none(), "{text}");
            }
        }
        found.is_some()
    }

    fn part(from: usize, to: usize) -> &'static str {
        SECRET.get(from..to).unwrap()
    }

    #[test]
    fn sixteen_characters_are_a_leak_and_fifteen_are_not() {
        assert!(leaks(&format!("token={SECRET}")));
        assert!(leaks(part(0, 16)));
        assert!(!leaks(part(0, 15)));
        assert!(leaks(part(SECRET.len() - 16, SECRET.len())));
        assert!(leaks(&format!("cut: …{}…", part(20, 36))));
        assert!(!leaks("request refused reason=context_expired"));
    }

    #[test]
    fn values_of_bytes_are_a_leak_too() {
        assert!(leaks(&format!("{:?}", SECRET.as_bytes())));
        assert!(leaks(&format!("{:?}", &SECRET.as_bytes()[30..38])));
        assert!(!leaks(&format!("{:?}", &SECRET.as_bytes()[30..37])));
    }

    #[test]
    fn a_short_secret_counts_whole() {
        assert!(find("password is hunter2", "hunter2").is_some());
        assert!(find("password is hunter", "hunter2").is_none());
        let text = find("password is hunter2", "hunter2").unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
