//! The seam between the attacks and the service: who sends a request and reads the answer.

use std::future::Future;

use super::exchange::{Answer, Failure, Outgoing};

/// Sends one request and reads the whole answer. It always ends: a sender has a limit of time and
/// one of size, and follows no redirect.
pub trait Sender: Send + Sync {
    /// Sends it.
    fn send(&self, outgoing: Outgoing) -> impl Future<Output = Result<Answer, Failure>> + Send;
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
