//! Serving and calling on the loopback interface.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::Serialize;
use throughline::Peer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower::{Service, ServiceExt as _};

/// Whatever went wrong in a demo; it is only ever shown to a person.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// The longest body that a service of the demo reads whole.
const MAX_BODY: usize = 512 * 1024;

/// Room for the largest header of an attack, so that our limits answer it and not hyper's.
const MAX_HEAD: u32 = 2 * 1024 * 1024;

/// A service on a free port. Dropping it closes the port and every connection.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the port and every connection, and returns when that is done.
    pub(super) async fn stop(mut self) {
        self.task.abort();
        // It was told to stop, so that it did not finish is no news.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A free port of the loopback interface, before anything is served there.
pub(super) struct Port(TcpListener);

impl Port {
    pub(super) async fn open() -> io::Result<Self> {
        Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?))
    }

    pub(super) fn url(&self) -> io::Result<String> {
        Ok(format!("http://{}", self.0.local_addr()?))
    }
}

/// Serves HTTP/1.1 and HTTP/2 on a free port of the loopback interface.
pub(super) async fn serve<S, B>(service: S) -> io::Result<Server>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Failure>,
{
    serve_at(Port::open().await?, service)
}

/// The same at a port that was opened before.
pub(super) fn serve_at<S, B>(port: Port, service: S) -> io::Result<Server>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Failure>,
{
    let Port(listener) = port;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        // Owned by this task, so that they end with it.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, service.clone()));
                }
                // One is gone before it was accepted, or there are too many: not for ever.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    Ok(Server { address, task })
}

async fn connection<S, B>(stream: TcpStream, peer: SocketAddr, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Failure>,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        service.clone().oneshot(request)
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().max_buf_size(MAX_HEAD as usize);
    server.http2().max_header_list_size(MAX_HEAD);
    // A client that breaks off is its own business.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// A client that keeps its connections.
pub(super) type Client = HyperClient<HttpConnector, Full<Bytes>>;

pub(super) fn client() -> Client {
    HyperClient::builder(TokioExecutor::new()).build(connector())
}

/// Connects without waiting for more to send, which would cost 40 ms a call.
pub(super) fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

/// A body in memory, as long as one of the demo's may be.
pub(super) async fn collect<B>(body: B) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Failure>,
{
    Ok(Limited::new(body, MAX_BODY).collect().await?.to_bytes())
}

/// An answer that says nothing but this.
pub(super) fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Bytes> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
