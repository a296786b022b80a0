//! What goes out and what comes back.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use throughline_core::Reason;

/// A request on its way to the attacked service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// Method, target, header lines in order, and the body.
    ///
    /// The URI has a path and a query; the host stands in the `host` header, unless the target has
    /// none.
    pub request: Request<Bytes>,
    /// What is sent behind the body.
    pub trailers: HeaderMap,
}

impl Outgoing {
    /// A request without trailers.
    #[must_use]
    pub fn new(request: Request<Bytes>) -> Self {
        Self {
            request,
            trailers: HeaderMap::new(),
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    /// An answer that was read to its end.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes, trailers: HeaderMap) -> Self {
        Self {
            status,
            headers,
            body,
            trailers,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Every header line.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What came behind the body.
    #[must_use]
    pub fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    /// The status of a gRPC call: from the trailers, or from the header fields of an answer that is
    /// nothing but trailers.
    #[must_use]
    pub fn grpc_status(&self) -> Option<u32> {
        self.field("grpc-status")?.parse().ok()
    }

    /// Why a service on Throughline refused: from its problem details or its metadata.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self.field("throughline-reason") {
            Some(code) => Reason::from_code(code),
            None => Reason::from_code(self.problem()?.get("reason")?.as_str()?),
        }
    }

    /// The id under which its log explains the refusal.
    #[must_use]
    pub fn refusal_id(&self) -> Option<String> {
        if let Some(id) = self.field("throughline-refusal-id") {
            return Some(id.to_owned());
        }
        let problem = self.problem()?;
        let instance = problem.get("instance")?.as_str()?;
        Some(instance.strip_prefix("urn:uuid:")?.to_owned())
    }

    /// Where the request and its context disagreed.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        Some(self.problem()?.get("place")?.as_str()?.to_owned())
    }

    /// Everything in it that is text, for a search.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.body).into_owned();
        for (name, value) in self.headers.iter().chain(&self.trailers) {
            text.push('\n');
            text.push_str(name.as_str());
            text.push_str(": ");
            text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        text
    }

    fn field(&self, name: &str) -> Option<&str> {
        let value = self.trailers.get(name).or_else(|| self.headers.get(name))?;
        value.to_str().ok()
    }

    fn problem(&self) -> Option<Value> {
        let kind = self.headers.get(http::header::CONTENT_TYPE)?;
        if !kind.as_bytes().starts_with(b"application/problem+json") {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The service failed in its own words, where a request would have been answered.
    Broke(String),
    /// The connection was closed before the answer was complete.
    Closed,
    /// The body did not end within its limit.
    Endless,
    /// What came back is no HTTP.
    Garbage(String),
    /// Nothing came within the time limit.
    Hung,
    /// The header of the answer is over its limit.
    OversizedHeader,
    /// The service panicked.
    Panicked,
    /// No connection was made.
    Refused(String),
    /// The sender was told to stop before this request: it was not sent.
    Stopped(String),
    /// The request cannot be written in this protocol, or by this sender: it was not sent.
    Unsendable(String),
}

impl Failure {
    /// Whether nothing was sent, so that nothing can be said of the service.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Stopped(_) | Self::Unsendable(_) => true,
            Self::Broke(_)
            | Self::Closed
            | Self::Endless
            | Self::Garbage(_)
            | Self::Hung
            | Self::OversizedHeader
            | Self::Panicked
            | Self::Refused(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broke(why) => write!(f, "the service failed: {why}"),
            Self::Closed => f.write_str("the connection was closed before the answer was complete"),
            Self::Endless => f.write_str("the answer did not end within its limit"),
            Self::Garbage(why) => write!(f, "the answer is no HTTP: {why}"),
            Self::Hung => f.write_str("no answer came in time"),
            Self::OversizedHeader => f.write_str("the header of the answer is over its limit"),
            Self::Panicked => f.write_str("the service panicked"),
            Self::Refused(why) => write!(f, "no connection was made: {why}"),
            Self::Stopped(why) => write!(f, "not sent: {why}"),
            Self::Unsendable(why) => write!(f, "cannot be sent: {why}"),
        }
    }
}

impl std::error::Error for Failure {}
