//! Whether a process waits for the keys of its issuers when it starts.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use throughline_jose::source::{Keys, KeysError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::issuer::Issuers;

/// What to do about the keys at the start. In neither case does a credential pass whose issuer's
/// keys are not at hand: it is refused with `keys_unavailable`, and
/// [`Issuers::is_ready`] says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Startup {
    /// Starts, and fetches in the background.
    Lazy,
    /// Waits until the keys of every issuer are there, for at most this time.
    Wait {
        /// The most time to wait.
        time: Duration,
    },
}

impl Issuers {
    /// Fetches the keys of every issuer, all at once, and waits for them or not. One that fails is
    /// tried again until the time is over, with growing distance.
    ///
    /// # Errors
    ///
    /// With [`Startup::Wait`], when the time is over and an issuer has no usable keys: all of these,
    /// by alias. Everything stays usable, and goes on trying by itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting, and not a fetch under way.
    pub async fn load(&self, startup: Startup) -> Result<(), StartupError> {
        let time = match startup {
            Startup::Lazy => {
                // Being asked is a use, and the first use starts a fetch.
                for issuer in self.iter() {
                    let _ = issuer.keys().status();
                }
                return Ok(());
            }
            Startup::Wait { time } => time,
        };
        let end = Instant::now() + time;
        let mut loading = JoinSet::new();
        for issuer in self.iter().filter(|issuer| issuer.signs()) {
            let (alias, keys) = (Box::from(issuer.alias()), issuer.keys().clone());
            loading.spawn(async move { (alias, until_loaded(keys, end).await) });
        }
        let mut missing = BTreeMap::new();
        while let Some(loaded) = loading.join_next().await {
            if let Ok((alias, Err(error))) = loaded {
                missing.insert(alias, error);
            }
        }
        // Also of one whose task has come to nothing.
        if missing.is_empty() && self.is_ready() {
            Ok(())
        } else {
            Err(StartupError(missing))
        }
    }
}

/// The last failure is what is told.
async fn until_loaded(keys: Keys, end: Instant) -> Result<(), Option<KeysError>> {
    const MOST: Duration = Duration::from_secs(10);
    let mut pause = Duration::from_millis(500);
    let mut last = None;
    loop {
        match timeout_at(end, keys.load()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => last = Some(error),
            Err(_) => return Err(last),
        }
        if Instant::now() + pause >= end {
            return Err(last);
        }
        sleep(pause).await;
        pause = (pause * 2).min(MOST);
    }
}

/// The issuers whose keys are not at hand.
#[derive(Debug)]
pub struct StartupError(BTreeMap<Box<str>, Option<KeysError>>);

impl StartupError {
    /// Their aliases.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys are not at hand")?;
        for (alias, error) in &self.0 {
            write!(f, "; issuer `{alias}`: ")?;
            let Some(error) = error else {
                f.write_str("no answer in time")?;
                continue;
            };
            // Several, each with its causes, so that they cannot be in `source`.
            write!(f, "{error}")?;
            let mut cause = error.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl Error for StartupError {}
