//! gRPC calls as frames: an attacker's metadata is not a library's.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use throughline::Reason;
use tokio::time::timeout;

use super::Attack;
use super::NEUTRALISED;
use super::arena::Arena;
use super::judge::{Shot, is_clean};
use crate::demo::ledger::{Entry, RECORD, Receipt, WATCH};
use crate::demo::log::{CALL_FIELD, Seen};
use crate::demo::net::{self, Failure};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One message, with trailers or without.
pub(super) type GrpcBody = BoxBody<Bytes, Infallible>;

/// A call to the ledger, frame by frame.
#[derive(Clone, Debug)]
pub(super) struct GrpcCall {
    to: SocketAddr,
    path: &'static str,
    metadata: Vec<(String, Vec<u8>)>,
    entry: Entry,
    trailers: Vec<(&'static str, String)>,
}

impl GrpcCall {
    pub(super) fn new(to: SocketAddr, tenant: &str) -> Self {
        Self {
            to,
            path: RECORD,
            metadata: Vec::new(),
            entry: Entry {
                tenant_id: tenant.into(),
            },
            trailers: Vec::new(),
        }
    }

    /// Replaces the method.
    pub(super) fn method(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// Replaces the tenant that the message names.
    pub(super) fn naming(mut self, tenant: &str) -> Self {
        self.entry.tenant_id = tenant.into();
        self
    }

    /// Adds a line of metadata, whatever is there already.
    pub(super) fn add(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.metadata.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Replaces all lines of metadata of a name by one.
    pub(super) fn set(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).add(name, value)
    }

    /// Removes all lines of metadata of a name.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.metadata.retain(|(own, _)| own != name);
        self
    }

    /// Replaces the context.
    pub(super) fn token(self, token: impl AsRef<[u8]>) -> Self {
        self.set("txn-token", token)
    }

    /// Sends a field behind the message.
    pub(super) fn trailer(mut self, name: &'static str, value: &str) -> Self {
        self.trailers.push((name, value.into()));
        self
    }

    /// The request as HTTP/2 carries it.
    pub(super) fn request(&self, id: &str) -> Result<Request<GrpcBody>, Failure> {
        let message = self.entry.encode_to_vec();
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len())?);
        frame.extend_from_slice(&message);
        let body = Full::new(frame.freeze());
        let mut request = Request::post(format!("http://{}{}", self.to, self.path))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header(CALL_FIELD, id)
            .body(())?;
        for (name, value) in &self.metadata {
            let name: HeaderName = name.parse()?;
            request
                .headers_mut()
                .append(name, HeaderValue::from_bytes(value)?);
        }
        let mut trailers = HeaderMap::new();
        for (name, value) in &self.trailers {
            trailers.append(*name, value.parse()?);
        }
        let body = match trailers.is_empty() {
            true => body.boxed(),
            false => body
                .with_trailers(std::future::ready(Some(Ok(trailers))))
                .boxed(),
        };
        Ok(request.map(|()| body))
    }

    /// Sends it on a connection of its own, under a name for the log.
    pub(super) async fn send(&self, id: &str) -> Result<GrpcReply, Failure> {
        let client = HyperClient::builder(TokioExecutor::new())
            .http2_only(true)
            .build(net::connector());
        let exchange = async {
            let response = client.request(self.request(id)?).await?;
            GrpcReply::read(response, self.path == WATCH).await
        };
        timeout(PATIENCE, exchange)
            .await
            .map_err(|_| io::Error::other("no answer"))?
    }
}

/// What came back: all of it, or of a stream the first message.
#[derive(Debug, Default)]
pub(super) struct GrpcReply {
    fields: HeaderMap,
    trailers: HeaderMap,
    receipt: Option<Receipt>,
}

impl GrpcReply {
    async fn read(response: Response<Incoming>, endless: bool) -> Result<Self, Failure> {
        let (head, mut body) = response.into_parts();
        let mut reply = Self {
            fields: head.headers,
            ..Self::default()
        };
        let mut data = BytesMut::new();
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(more) => data.extend_from_slice(&more),
                Err(frame) => reply.trailers = frame.into_trailers().unwrap_or_default(),
            }
            let length = data.get(1..5).and_then(|bytes| bytes.try_into().ok());
            let length = length
                .map(u32::from_be_bytes)
                .map_or(Ok(0), usize::try_from)?;
            if let Some(message) = data.get(5..5 + length)
                && reply.receipt.is_none()
            {
                reply.receipt = Some(Receipt::decode(message)?);
                if endless {
                    break;
                }
            }
        }
        Ok(reply)
    }

    fn field(&self, name: &str) -> Option<&str> {
        let value = self.trailers.get(name).or(self.fields.get(name))?;
        value.to_str().ok()
    }

    fn is_ok(&self) -> bool {
        self.field("grpc-status") == Some("0")
    }
}

impl Shot for GrpcCall {
    async fn refusal(&self, arena: &Arena<'_>, id: &str, _: &Attack) -> String {
        let reply = match self.send(id).await {
            Ok(reply) => reply,
            Err(error) => return format!("no answer: {error}"),
        };
        arena.judge_status(&reply, &arena.system.log.take(id))
    }

    async fn neutralised(&self, arena: &Arena<'_>, id: &str) -> String {
        match self.is_served(arena, id, "acme").await {
            true => NEUTRALISED.into(),
            false => "not served".into(),
        }
    }

    async fn is_served(&self, arena: &Arena<'_>, id: &str, tenant: &str) -> bool {
        let reply = self.send(id).await;
        let seen = arena.system.log.take(id);
        reply.is_ok_and(|reply| {
            (reply.is_ok() || self.path == WATCH)
                && reply
                    .receipt
                    .is_some_and(|receipt| receipt.tenant == tenant)
                && seen.len() == 1
                && seen.iter().all(|seen| is_clean(seen, tenant))
        })
    }
}

impl Arena<'_> {
    /// Judges a status: its code, the reason, silence, and that no handler ran.
    pub(super) fn judge_status(&self, reply: &GrpcReply, seen: &[Seen]) -> String {
        if let Some(ran) = seen.first() {
            let tenant = ran.hop.tenant.as_deref().unwrap_or("nobody");
            return format!("handled by {} for {tenant}", ran.hop.service);
        }
        let code = reply.field("grpc-status").unwrap_or("none");
        let Some(reason) = reply
            .field("throughline-reason")
            .and_then(Reason::from_code)
        else {
            return format!("status {code} without a reason");
        };
        if code != reason.grpc_code().number().to_string() {
            return format!("status {code} {reason}");
        }
        if reply.field("throughline-refusal-id").is_none() {
            return format!("{reason} without an id");
        }
        let text = format!("{:?}{:?}", reply.fields, reply.trailers);
        match self.named_in(&text) {
            Some(secret) => format!("{reason}, and the answer names {secret}"),
            None => reason.to_string(),
        }
    }
}
