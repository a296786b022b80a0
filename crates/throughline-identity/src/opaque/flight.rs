//! The questions under way: one for each credential, shared.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use throughline_core::Refusal;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::identity::Identity;

/// What a question has come to.
pub(super) type Landed = Result<Arc<Identity>, Refusal>;

type Flight = watch::Receiver<Option<Landed>>;

/// By the full credential.
type UnderWay = Arc<Mutex<HashMap<Box<[u8]>, Flight>>>;

#[derive(Default)]
pub(super) struct Flights(UnderWay);

impl Flights {
    /// Joins the question about `credential` that is under way, or starts it with `ask`; or says why
    /// there is no answer.
    pub(super) async fn join<F>(
        &self,
        credential: &[u8],
        most: usize,
        ask: impl FnOnce() -> F,
    ) -> Result<Landed, &'static str>
    where
        F: Future<Output = Landed> + Send + 'static,
    {
        let mut flight = self.start(credential, most, ask)?;
        let landed = flight.wait_for(Option::is_some).await;
        match landed.as_deref() {
            Ok(Some(landed)) => Ok(landed.clone()),
            Ok(None) | Err(_) => Err("the question was abandoned"),
        }
    }

    fn start<F>(
        &self,
        credential: &[u8],
        most: usize,
        ask: impl FnOnce() -> F,
    ) -> Result<Flight, &'static str>
    where
        F: Future<Output = Landed> + Send + 'static,
    {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = under_way.len() >= most;
        let place = match under_way.entry(credential.into()) {
            Entry::Occupied(flight) => return Ok(flight.get().clone()),
            Entry::Vacant(_) if full => return Err("too many questions are under way"),
            Entry::Vacant(place) => place,
        };
        let runtime = Handle::try_current().map_err(|_| "there is no tokio runtime to ask on")?;
        let (sender, receiver) = watch::channel(None);
        let landing = Landing {
            credential: place.key().clone(),
            under_way: Arc::clone(&self.0),
            landed: None,
            sender,
        };
        place.insert(receiver.clone());
        drop(under_way);
        let asking = ask();
        // A task of its own: no caller owns the question, so none can cancel it for the others.
        runtime.spawn(async move {
            let mut landing = landing;
            landing.landed = Some(asking.await);
        });
        Ok(receiver)
    }
}

/// Ends a question on every path: answer, panic, runtime shut down.
struct Landing {
    credential: Box<[u8]>,
    under_way: UnderWay,
    landed: Option<Landed>,
    sender: watch::Sender<Option<Landed>>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.credential);
        drop(under_way);
        // Last, so that whoever wakes up finds the question over.
        self.sender.send_replace(self.landed.take());
    }
}
