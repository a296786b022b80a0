//! The ledger: a gRPC service on tonic, the last hop. Its server and its client are written by
//! hand where a protocol compiler would write them.
//!
//! ```proto
//! service Ledger {
//!   rpc Record(Entry) returns (Receipt);
//!   rpc Watch(Entry) returns (stream Receipt);   // behind a requirement of its own
//! }
//! ```

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, Uri};
use hyper::body::Incoming;
use throughline::accept::AcceptBuilder;
use throughline::{
    AcceptLayer, Carry, CarryLayer, Refused, RequireLayer, TenantContext, TrustDomain, Witness,
};
use throughline_core::reason::Position;
use throughline_core::{Reason, Refusal};
use throughline_tonic::{DropTrailersLayer, RequestExt as _, WithoutTrailers, refusal_of, status};
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming, client, server};
use tonic_prost::ProstCodec;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::log::{self, Hop, Log};
use super::net::{self, Failure, Server};
use super::tokens;

pub(super) const RECORD: &str = "/throughline.demo.Ledger/Record";
pub(super) const WATCH: &str = "/throughline.demo.Ledger/Watch";

/// How often `Watch` says something.
const BEAT: Duration = Duration::from_millis(5);

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub(super) tenant_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Receipt {
    #[prost(string, tag = "1")]
    pub(super) tenant: String,
    #[prost(string, tag = "2")]
    pub(super) subject: String,
    #[prost(string, tag = "3")]
    pub(super) txn: String,
    #[prost(string, tag = "4")]
    pub(super) idp: String,
    #[prost(string, tag = "5")]
    pub(super) kind: String,
    #[prost(string, repeated, tag = "6")]
    pub(super) actors: Vec<String>,
}

impl From<Receipt> for Hop {
    fn from(receipt: Receipt) -> Self {
        Self {
            service: "ledger".into(),
            tenant: Some(receipt.tenant),
            idp: Some(receipt.idp),
            subject: Some(receipt.subject),
            kind: Some(receipt.kind),
            actors: receipt.actors,
            txn: Some(receipt.txn),
            verdict: "accepted".into(),
            expires_at: None,
            attributes: Vec::new(),
        }
    }
}

/// What the ledger compares with the context. It relies on both copies: a book entry is filed by
/// systems that read them and no token.
pub(super) fn accept(domain: TrustDomain) -> Result<AcceptBuilder, Failure> {
    let accept =
        AcceptLayer::builder(domain).add_witness(Witness::header("x-tenant-id")?.optional());
    Ok(tokens::copies()?
        .into_iter()
        .fold(accept, AcceptBuilder::relies_on))
}

/// Serves the ledger behind `accept`.
pub(super) async fn serve(
    accept: &AcceptLayer,
    domain: TrustDomain,
    log: Log,
) -> Result<Server, Failure> {
    let watching = RequireLayer::builder().scope("orders.read").build()?;
    let ledger = Ledger {
        domain,
        log,
        watching,
    };
    let service = service_fn(move |request: Request<WithoutTrailers<Incoming>>| {
        ledger.clone().answer(request)
    });
    // tonic puts the trailers of a request into its metadata, behind what `Accept` has seen.
    let service = DropTrailersLayer.layer(accept.layer(service));
    Ok(net::serve(service).await?)
}

#[derive(Clone)]
struct Ledger {
    domain: TrustDomain,
    log: Log,
    watching: RequireLayer,
}

impl Ledger {
    async fn answer(
        self,
        request: Request<WithoutTrailers<Incoming>>,
    ) -> Result<Response<Body>, Infallible> {
        match request.uri().path() {
            RECORD => {
                let record = service_fn(move |request| std::future::ready(self.record(&request)));
                let mut grpc = server::Grpc::new(ProstCodec::default());
                Ok(grpc.unary(record, request).await)
            }
            WATCH => {
                let watching = self.watching.clone();
                let watch = service_fn(move |request: Request<WithoutTrailers<Incoming>>| {
                    let ledger = self.clone();
                    async move {
                        let watch =
                            service_fn(move |request| std::future::ready(ledger.watch(&request)));
                        let mut grpc = server::Grpc::new(ProstCodec::default());
                        Ok::<_, Infallible>(grpc.server_streaming(watch, request).await)
                    }
                });
                let response = watching.layer(watch).oneshot(request).await?;
                Ok(response.map(Body::new))
            }
            _ => Ok(Status::unimplemented("no such method").into_http()),
        }
    }

    fn record(&self, request: &tonic::Request<Entry>) -> Result<tonic::Response<Receipt>, Status> {
        let (receipt, _) = self.admit(request)?;
        Ok(tonic::Response::new(receipt))
    }

    /// Goes on for as long as the context is true.
    fn watch(
        &self,
        request: &tonic::Request<Entry>,
    ) -> Result<tonic::Response<impl Stream<Item = Result<Receipt, Status>> + Send + use<>>, Status>
    {
        let (receipt, cx) = self.admit(request)?;
        let beats = IntervalStream::new(tokio::time::interval(BEAT));
        let receipts = beats.map(move |_| receipt.clone());
        let guarded = cx.guard_stream(self.domain.clone(), receipts);
        Ok(tonic::Response::new(guarded.map(|item| {
            item.map_err(|refusal| status(&Refused::new(refusal, Position::Inside)))
        })))
    }

    /// The message is a witness too.
    fn admit(&self, request: &tonic::Request<Entry>) -> Result<(Receipt, TenantContext), Status> {
        let cx = request.tenant_context()?;
        request.agree("tenant_id", |entry| &entry.tenant_id)?;
        let hop = Hop::of("ledger", cx.admitted());
        let headers = request.metadata().clone().into_headers();
        self.log.note(&headers, &hop);
        let receipt = Receipt {
            tenant: hop.tenant.unwrap_or_default(),
            subject: hop.subject.unwrap_or_default(),
            txn: hop.txn.unwrap_or_default(),
            idp: hop.idp.unwrap_or_default(),
            kind: hop.kind.unwrap_or_default(),
            actors: hop.actors,
        };
        Ok((receipt, cx))
    }
}

/// The ledger as its callers know it: a channel that keeps contexts, or does not send.
#[derive(Clone, Debug)]
pub(super) struct LedgerClient(client::Grpc<Carry<Channel>>);

impl LedgerClient {
    pub(super) fn new(at: SocketAddr) -> Result<Self, Failure> {
        let origin = format!("http://{at}");
        let carry = CarryLayer::builder([origin.as_str()]).build()?;
        // Where a call goes must be known to the layer, and a path alone does not say it.
        Self::through(&carry, at, origin.parse()?)
    }

    /// A client that sends through a layer of the caller's, and says that it calls `origin`.
    pub(super) fn through(
        carry: &CarryLayer,
        at: SocketAddr,
        origin: Uri,
    ) -> Result<Self, Failure> {
        let channel = Endpoint::from_shared(format!("http://{at}"))?.connect_lazy();
        let carrying = carry.layer(channel);
        Ok(Self(client::Grpc::with_origin(carrying, origin)))
    }

    pub(super) async fn record(
        &self,
        cx: &TenantContext,
        headers: &HeaderMap,
    ) -> Result<Hop, Status> {
        let request = entry(cx, headers).in_context(cx);
        let receipt: Receipt = self.send(request).await?.into_inner();
        Ok(receipt.into())
    }

    /// Sends an entry as it is.
    pub(super) async fn send(
        &self,
        request: tonic::Request<Entry>,
    ) -> Result<tonic::Response<Receipt>, Status> {
        let mut grpc = self.ready().await?;
        let path = PathAndQuery::from_static(RECORD);
        grpc.unary(request, path, ProstCodec::default()).await
    }

    pub(super) async fn watch(
        &self,
        cx: &TenantContext,
        headers: &HeaderMap,
    ) -> Result<Streaming<Receipt>, Status> {
        let mut grpc = self.ready().await?;
        let (path, codec) = (PathAndQuery::from_static(WATCH), ProstCodec::default());
        let request = entry(cx, headers).in_context(cx);
        let watching = grpc.server_streaming(request, path, codec).await?;
        Ok(watching.into_inner())
    }

    async fn ready(&self) -> Result<client::Grpc<Carry<Channel>>, Status> {
        let mut grpc = self.0.clone();
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }
}

/// An entry of the tenant, with what the demo itself sends along.
pub(super) fn entry(cx: &TenantContext, headers: &HeaderMap) -> tonic::Request<Entry> {
    let mut request = tonic::Request::new(Entry {
        tenant_id: cx.tenant().to_string(),
    });
    let mut along = HeaderMap::new();
    log::pass_on(headers, &mut along);
    *request.metadata_mut() = MetadataMap::from_headers(along);
    request
}

/// Why a call to the ledger failed, where a hop or the sender refused it.
pub(super) fn reason_of(status: &Status) -> Option<Reason> {
    if let Some(refused) = refusal_of(status) {
        return Some(refused.reason());
    }
    let code = status.metadata().get("throughline-reason")?;
    Reason::from_code(code.to_str().ok()?)
}

/// A refusal of the ledger, as its caller hands it on.
pub(super) fn handed_on(status: &Status) -> Option<Refused> {
    let reason = reason_of(status)?;
    Some(Refused::new(Refusal::new(reason), Position::Inside))
}
