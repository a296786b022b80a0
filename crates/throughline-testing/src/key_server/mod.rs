//! A key server of the test, honest or not.
//!
//! One [`KeyServer`] has two faces. It is a [`Fetch`], for tests that pause the time, and with the
//! feature `network` it listens on loopback, for services that take a URL. Both show the same state:
//!
//! 1. **Honest** until told otherwise: it publishes the public halves of its keys, the newest last.
//! 2. **At fault** from [`KeyServer::fail`] to [`KeyServer::mend`], in one of the ways of
//!    [`KeyFault`].
//! 3. **Counted**: [`KeyServer::fetches`] says how often it was asked, so that a test can assert that
//!    a flood of made-up key ids made at most one fetch; [`KeyServer::until_fetched`] waits for it.
//!
//! A rotation is [`publish`](KeyServer::publish), sign with the new key, [`retire`](KeyServer::retire)
//! the old one; [`TestDomain`](crate::TestDomain) does all three.
//!
//! Caveat: an answer is decided when it is asked for. What stalls goes on stalling for whoever asked,
//! after [`KeyServer::mend`] too.
//!
//! # Example
//!
//! ```
//! use throughline_jose::source::{KeySource, KeysStatus};
//! use throughline_testing::{KeyFault, KeyServer, TestKey};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = KeyServer::new(TestKey::generate());
//! let keys = KeySource::fetch(server.clone()).into_keys();
//! keys.load().await?;
//! assert_eq!(keys.status(), KeysStatus::Ready);
//!
//! // An error page with status 200 is a failed fetch, and the keys at hand stay.
//! server.fail(KeyFault::Html);
//! assert!(keys.load().await.is_err());
//! assert_eq!(keys.status(), KeysStatus::Ready);
//!
//! // A set without a key is an answer, and takes them away.
//! server.fail(KeyFault::Empty);
//! assert!(keys.load().await.is_err());
//! assert_eq!(keys.status(), KeysStatus::NoUsableKey);
//!
//! server.mend();
//! keys.load().await?;
//! assert_eq!(server.fetches(), 4);
//! # Ok(())
//! # }
//! ```

mod answer;
mod fault;
#[cfg(feature = "network")]
mod network;

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throughline_jose::source::{
    Fetch, FetchError, FetchErrorKind, FetchFuture, FetchLimits, Fetched,
};
use tokio::sync::watch;
use tokio::time::sleep;

use self::answer::{Answer, Reply, Wait, decide};
use crate::key::TestKey;

pub use self::fault::KeyFault;
#[cfg(feature = "network")]
pub use self::network::Listening;

/// Publishes keys, or fails to. Cloning shares the state. See the [module](self).
#[derive(Clone)]
pub struct KeyServer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Fetches so far.
    asked: watch::Sender<u64>,
    stranger: TestKey,
}

struct State {
    /// The newest last.
    keys: Vec<TestKey>,
    fault: Option<KeyFault>,
    /// Fetches since the fault was set.
    since: usize,
}

impl KeyServer {
    /// Publishes `key`, honestly.
    #[must_use]
    pub fn new(key: TestKey) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    keys: vec![key],
                    fault: None,
                    since: 0,
                }),
                asked: watch::Sender::new(0),
                stranger: TestKey::generate(),
            }),
        }
    }

    /// Publishes one more key; one of the same `kid` is replaced.
    pub fn publish(&self, key: TestKey) {
        let mut state = self.state();
        state.keys.retain(|known| known.kid() != key.kid());
        state.keys.push(key);
    }

    /// Publishes the key `kid` no more.
    pub fn retire(&self, kid: &str) {
        self.state().keys.retain(|key| key.kid() != kid);
    }

    /// Publishes these keys and no other.
    pub(crate) fn publish_only(&self, key: TestKey) {
        self.state().keys = vec![key];
    }

    /// Fails in this way from now on.
    pub fn fail(&self, fault: KeyFault) {
        let mut state = self.state();
        state.fault = Some(fault);
        state.since = 0;
    }

    /// Is honest again.
    pub fn mend(&self) {
        self.state().fault = None;
    }

    /// The way in which it fails now.
    #[must_use]
    pub fn fault(&self) -> Option<KeyFault> {
        self.state().fault
    }

    /// How many fetches have been started, over both faces.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        *self.shared.asked.borrow()
    }

    /// Waits until `count` fetches have been started in all.
    pub async fn until_fetched(&self, count: u64) {
        let mut asked = self.shared.asked.subscribe();
        // The sender lives as long as `self`, so the wait ends by its condition only.
        let _ = asked.wait_for(|fetches| *fetches >= count).await;
    }

    /// The attacker's key that the faults publish, under a `kid` of its own.
    #[must_use]
    pub fn stranger(&self) -> &TestKey {
        &self.shared.stranger
    }

    /// Counts a fetch and decides its answer.
    fn ask(&self) -> Answer {
        let mut state = self.state();
        state.since += 1;
        let answer = decide(&state.keys, &self.shared.stranger, state.fault, state.since);
        drop(state);
        self.shared.asked.send_modify(|fetches| *fetches += 1);
        answer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing inside the lock can leave the value half-changed.
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetch for KeyServer {
    fn fetch(&self, _: FetchLimits) -> FetchFuture {
        let answer = self.ask();
        FetchFuture::new(async move {
            answer.wait.pass().await;
            match answer.reply {
                Reply::Closed => Err(FetchErrorKind::Unreachable.into()),
                Reply::Cut(mut document, at) => {
                    document.truncate(at);
                    Ok(Fetched::new(document))
                }
                Reply::Document(document) => Ok(Fetched::new(document)),
                Reply::Page(page) => Ok(Fetched::new(page)),
                Reply::Redirect => Err(FetchErrorKind::Redirected.into()),
                Reply::Status(200, document) => Ok(Fetched::new(document)),
                Reply::Status(_, _) => Err(FetchError::from(FetchErrorKind::Status)),
            }
        })
    }
}

impl Wait {
    async fn pass(&self) {
        match self {
            Self::No => {}
            Self::For(time) => sleep(*time).await,
            Self::Forever => pending().await,
        }
    }
}

impl fmt::Debug for KeyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("KeyServer")
            .field("keys", &state.keys)
            .field("fault", &state.fault)
            .field("fetches", &self.fetches())
            .finish_non_exhaustive()
    }
}
