//! The answers at hand.

use std::sync::Arc;
use std::time::Duration;

use throughline_core::time::Timestamp;
use throughline_core::{Refusal, Tenant};
use throughline_jose::verify::{CacheMetrics, Cached, TokenCache};

use crate::identity::Identity;

/// Accepted and refused lie apart, so that made-up credentials push no good one out.
pub(super) struct Answers {
    accepted: TokenCache<Entry<Arc<Identity>>>,
    refused: TokenCache<Entry<Refusal>>,
}

struct Entry<T> {
    credential: Box<[u8]>,
    asked_at: Timestamp,
    until: Timestamp,
    /// Whose places it takes; of a refused one nobody knows.
    tenant: Option<Tenant>,
    answer: T,
}

impl<T> Cached for Entry<T> {
    fn token(&self) -> &[u8] {
        &self.credential
    }

    /// No keys vouch, so none can change.
    fn generation(&self) -> u64 {
        0
    }

    fn expires_at(&self) -> Timestamp {
        self.until
    }

    fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }
}

impl Answers {
    pub(super) fn new(capacity: usize, refused: usize) -> Self {
        Self {
            accepted: TokenCache::new(capacity),
            refused: TokenCache::new(refused),
        }
    }

    pub(super) fn known(
        &self,
        credential: &[u8],
        now: Timestamp,
    ) -> Option<Result<Arc<Identity>, Refusal>> {
        // A clock that was set back would make an answer count for longer than it should.
        if let Some(entry) = self.accepted.get(credential, 0, now) {
            return (entry.asked_at <= now).then(|| Ok(Arc::clone(&entry.answer)));
        }
        let entry = self.refused.get(credential, 0, now)?;
        (entry.asked_at <= now).then(|| Err(entry.answer.clone()))
    }

    pub(super) fn accept(
        &self,
        credential: &[u8],
        identity: &Arc<Identity>,
        asked_at: Timestamp,
        max_age: Duration,
    ) {
        let entry = Entry {
            credential: credential.into(),
            asked_at,
            until: asked_at.plus(max_age).min(identity.expires_at),
            tenant: Some(identity.tenant.clone()),
            answer: Arc::clone(identity),
        };
        self.accepted.insert(Arc::new(entry), asked_at);
    }

    pub(super) fn refuse(
        &self,
        credential: &[u8],
        refusal: &Refusal,
        asked_at: Timestamp,
        max_age: Duration,
    ) {
        let entry = Entry {
            credential: credential.into(),
            asked_at,
            until: asked_at.plus(max_age),
            tenant: None,
            answer: refusal.clone(),
        };
        self.refused.insert(Arc::new(entry), asked_at);
    }

    pub(super) fn metrics(&self) -> CacheMetrics {
        self.accepted.metrics()
    }
}
