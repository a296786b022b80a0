//! The directory's events: who is suspended, what is revoked, and that nothing was missed.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use throughline::{Freshness, SystemClock, Tenant};
use throughline_core::freshness::Marks;
use throughline_core::time::Clock as _;
use tokio::task::JoinHandle;

/// How far the feed may be behind before what it says is unknown.
const BUDGET: Duration = Duration::from_secs(60);
/// How often it says that nothing was missed.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A feed in memory. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Directory(Arc<RwLock<Marks>>);

impl Directory {
    pub(super) fn new() -> Self {
        Self(Arc::new(RwLock::new(Marks::new(BUDGET))))
    }

    /// Asked at each request of a service that is built with it.
    pub(super) fn freshness(&self) -> Freshness {
        let marks = Arc::clone(&self.0);
        Freshness::feed(move |context: &throughline::Context, now| {
            let marks = marks.read().unwrap_or_else(PoisonError::into_inner);
            marks.check(context, now)
        })
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut Marks)) {
        edit(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Confirms these tenants now and from time to time, until the task is aborted.
    pub(super) fn keep_confirming(&self, tenants: Vec<Tenant>) -> JoinHandle<()> {
        let directory = self.clone();
        let confirm = move || {
            directory.edit(|marks| {
                marks.confirm_platform(SystemClock.now());
                for tenant in &tenants {
                    marks.confirm(tenant, SystemClock.now());
                }
            });
        };
        confirm();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                confirm();
            }
        })
    }
}
