//! One fetch of keys: the document where it is due, then the keys.

use std::sync::{Arc, Mutex, PoisonError};

use throughline_jose::endpoint::{AskErrorKind, Endpoint, Origin};
use throughline_jose::source::{Fetch, FetchError, FetchFuture, FetchLimits, Fetched};
use tokio::time::{Instant, timeout};

use super::document::keys_in;
use super::error::{DiscoveryError, DiscoveryErrorKind};
use super::keys::DiscoveredKeys;

/// The longest document that is read. Those of large providers have 2 to 10 KiB.
const MAX_DOCUMENT_BYTES: usize = 128 * 1024;

#[derive(Clone)]
pub(super) struct Discovery(Arc<Shared>);

struct Shared {
    /// What the document must say it is of.
    issuer: Box<str>,
    /// The documents, in the order in which they are tried.
    documents: Vec<Endpoint>,
    key_origins: Vec<Origin>,
    /// The last document that was read and believed.
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    keys: Endpoint,
    read_at: Instant,
}

impl Discovery {
    pub(super) fn new(
        issuer: Box<str>,
        documents: Vec<Endpoint>,
        key_origins: Vec<Origin>,
    ) -> Self {
        Self(Arc::new(Shared {
            issuer,
            documents,
            key_origins,
            known: Mutex::new(None),
        }))
    }

    async fn fetch_keys(&self, limits: FetchLimits) -> Result<Fetched, FetchError> {
        let started = Instant::now();
        let known = self.known();
        let due = known
            .as_ref()
            .is_none_or(|known| known.read_at.elapsed() >= DiscoveredKeys::MAX_AGE);
        let keys = match (due, known) {
            (false, Some(known)) => known.keys,
            (_, None) => self.read_document().await.map_err(FetchError::new)?,
            // A document that does not come must not take the keys' time too.
            (true, Some(known)) => match timeout(limits.time() / 2, self.read_document()).await {
                Ok(Ok(keys)) => keys,
                Ok(Err(error)) if error.kind() != DiscoveryErrorKind::Unreachable => {
                    return Err(FetchError::new(error));
                }
                Ok(Err(_)) | Err(_) => known.keys,
            },
        };
        let fetched = keys.fetch(limits).await;
        let read_now = self.known().is_some_and(|known| known.read_at >= started);
        let error = match fetched {
            Err(error) if !read_now => error,
            fetched => return fetched,
        };
        // They may have moved, and the document says where to.
        match self.read_document().await {
            Ok(moved) if moved.name() != keys.name() => moved.fetch(limits).await,
            Err(lie) if lie.kind() != DiscoveryErrorKind::Unreachable => Err(FetchError::new(lie)),
            Ok(_) | Err(_) => Err(error),
        }
    }

    /// Reads the document and keeps what it says. One that lies leaves what is known, and is not
    /// acted upon.
    async fn read_document(&self) -> Result<Endpoint, DiscoveryError> {
        let mut last = None;
        for document in &self.0.documents {
            match document.get("application/json", MAX_DOCUMENT_BYTES).await {
                Ok(answer) => {
                    let shared = &self.0;
                    let keys =
                        keys_in(answer.body(), &shared.issuer, document, &shared.key_origins)?;
                    let known = Known {
                        keys: keys.clone(),
                        read_at: Instant::now(),
                    };
                    *shared.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
                    return Ok(keys);
                }
                Err(error) => {
                    // Only where there is none is the other one asked.
                    let absent = error.kind() == AskErrorKind::Status(404);
                    let about = format!("discovery document at `{}`", document.name());
                    let error = DiscoveryError::new(DiscoveryErrorKind::Unreachable, about)
                        .caused_by(error);
                    if !absent {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            DiscoveryError::new(
                DiscoveryErrorKind::Incomplete,
                "there is no document to read",
            )
        }))
    }

    fn known(&self) -> Option<Known> {
        let known = self.0.known.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Fetch for Discovery {
    fn fetch(&self, limits: FetchLimits) -> FetchFuture {
        let discovery = self.clone();
        FetchFuture::new(async move { discovery.fetch_keys(limits).await })
    }
}
