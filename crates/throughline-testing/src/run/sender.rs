//! The seam between the attacks and the service: who sends a request and reads the answer.

use std::future::Future;

use super::exchange::{Answer, Failure, Outgoing};
use super::many::abandoned;

/// Sends one request and reads the whole answer. It always ends: a sender has a limit of time and
/// one of size, and follows no redirect.
pub trait Sender: Send + Sync {
    /// Sends it.
    fn send(&self, outgoing: Outgoing) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Waits until so many requests may be sent at the same time; they follow at once. A sender
    /// that keeps a pace must wait here, as requests that wait one by one are never under way
    /// together. By default there is nothing to wait for.
    ///
    /// # Errors
    ///
    /// So many are not sent any more.
    fn admit(&self, requests: usize) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = requests;
        std::future::ready(Ok(()))
    }

    /// Begins to send a request and drops it, each `moment` a bit later. By default after so many
    /// polls; over a network, where a poll is nothing, a time is needed.
    fn abandon(&self, outgoing: Outgoing, moment: u16) -> impl Future<Output = ()> + Send {
        abandoned(self.send(outgoing), moment)
    }
}

/// A closure that answers.
impl<F, A> Sender for F
where
    F: Fn(Outgoing) -> A + Send + Sync,
    A: Future<Output = Result<Answer, Failure>> + Send,
{
    fn send(&self, outgoing: Outgoing) -> impl Future<Output = Result<Answer, Failure>> + Send {
        self(outgoing)
    }
}
