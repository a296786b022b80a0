//! One connection, in either protocol.

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;

use super::error::failure;
use super::meter::{Allowance, Metered};
use super::payload::Payload;
use crate::run::Failure;

/// A connection that is open. It is closed when it is dropped, whatever the other side does.
#[derive(Debug)]
pub(super) struct Connection {
    sender: Protocol,
    allowance: Allowance,
    _driver: Driver,
}

#[derive(Debug)]
enum Protocol {
    Http1(http1::SendRequest<Payload>),
    Http2(http2::SendRequest<Payload>),
}

#[derive(Debug)]
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why there is no answer on a connection.
pub(super) enum Sending {
    /// It was closed before anything was written.
    NotSent(Box<Request<Payload>>),
    Failed(Failure),
}

impl Connection {
    pub(super) async fn http1<S>(stream: S, limit: u64) -> Result<Self, Failure>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let (stream, allowance) = metered(stream, limit);
        let (sender, connection) = http1::Builder::new()
            .handshake(stream)
            .await
            .map_err(|error| failure(&error))?;
        // What breaks a connection is told to the request on it.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender: Protocol::Http1(sender),
            allowance,
            _driver: Driver(driver),
        })
    }

    pub(super) async fn http2<S>(stream: S, limit: u64) -> Result<Self, Failure>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let (stream, allowance) = metered(stream, limit);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(stream)
            .await
            .map_err(|error| failure(&error))?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender: Protocol::Http2(sender),
            allowance,
            _driver: Driver(driver),
        })
    }

    /// Whether another request can be sent. Behind an answer that was read to its end, that is
    /// known soon.
    pub(super) async fn is_ready(&mut self) -> bool {
        match &mut self.sender {
            Protocol::Http1(sender) => sender.ready().await.is_ok(),
            Protocol::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Sends, and gives itself back with the head of the answer, which has as many bytes to be
    /// long.
    pub(super) async fn send(
        mut self,
        request: Request<Payload>,
        limit: u64,
    ) -> Result<(Response<Incoming>, Self), Sending> {
        self.allowance.set(limit);
        let answered = match &mut self.sender {
            Protocol::Http1(sender) => sender.try_send_request(request).await,
            Protocol::Http2(sender) => sender.try_send_request(request).await,
        };
        match answered {
            Ok(response) => Ok((response, self)),
            Err(error) => Err(not_answered(error)),
        }
    }
}

fn metered<S: Read + Write + Unpin>(
    stream: S,
    limit: u64,
) -> (TokioIo<Metered<TokioIo<S>>>, Allowance) {
    let allowance = Allowance::default();
    allowance.set(limit);
    let stream = Metered::new(TokioIo::new(stream), allowance.clone());
    (TokioIo::new(stream), allowance)
}

fn not_answered(mut error: TrySendError<Request<Payload>>) -> Sending {
    match error.take_message() {
        Some(request) => Sending::NotSent(Box::new(request)),
        None => Sending::Failed(failure(error.error())),
    }
}
