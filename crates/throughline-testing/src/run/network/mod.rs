//! Sending over real sockets: HTTP/1.1 or HTTP/2, with TLS or without.
//!
//! 1. **It always ends.** A request has one limit of time from connecting to the last byte, and its
//!    answer a limit of size.
//! 2. **What is given is what is sent**, lines in their order and repeated ones repeated. What the
//!    protocol or the library beneath would drop or repair in silence is not sent, and says so
//!    ([`Failure::Unsendable`]).
//! 3. **Nothing is followed.** A redirect is an answer.
//! 4. **One address.** Every request goes to the address that the sender was made with, whatever its
//!    `host` says.
//! 5. **Connections are reused**, by requests of either tenant, as a proxy in front would.
//!
//! Not sent, as neither `http` nor hyper can write them: names and values of headers with control
//! characters, blanks around the colon, folded lines, and lengths that are wrong.
//!
//! ```
//! use throughline_testing::run::network::{Network, NetworkErrorKind};
//!
//! let sender = Network::new("https://orders.staging.example")?;
//! # let _ = sender;
//!
//! let refused = Network::new("https://ada:secret@orders.staging.example").unwrap_err();
//! assert_eq!(refused.kind(), NetworkErrorKind::UserInfo);
//! # Ok::<(), throughline_testing::run::network::NetworkError>(())
//! ```

mod connection;
mod error;
mod head;
mod meter;
mod payload;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_rustls::{
    DefaultServerNameResolver, HttpsConnector, HttpsConnectorBuilder, ResolveServerName as _,
};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::Instant;
use tower_service::Service as _;

use self::connection::{Connection, Sending};
pub use self::error::{NetworkError, NetworkErrorKind};
use self::payload::Payload;
use super::{Answer, Failure, Outgoing, Sender};

/// Sends to one address. See the [module](self).
///
/// Clones share their connections.
#[derive(Clone, Debug)]
pub struct Network {
    base: Uri,
    /// Where it is, if not where its name says.
    address: Option<SocketAddr>,
    connector: HttpsConnector<HttpConnector>,
    version: Version,
    time_limit: Duration,
    max_body: usize,
    idle: Arc<Mutex<Vec<Connection>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

impl Network {
    /// How long a request may take, unless told otherwise.
    pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(10);

    /// How long a body may be, unless told otherwise.
    pub const DEFAULT_MAX_BODY: usize = 1024 * 1024;

    /// To a scheme, a host and a port, if not the usual one: `https://orders.staging.example:8443`.
    ///
    /// HTTP/1.1, as more can be said in it. Certificates are checked against the platform's roots,
    /// as services that are tested often have a certificate of their company; where the variable
    /// `SSL_CERT_FILE` names a file, against those in it.
    ///
    /// # Errors
    ///
    /// The address is no `http` or `https` URL, holds a user name, a path or a query, or the
    /// platform's certificate roots cannot be read.
    pub fn new(url: &str) -> Result<Self, NetworkError> {
        let base = error::check(url)?;
        Ok(Self {
            connector: connector(&base, Version::Http1)?,
            base,
            address: None,
            version: Version::Http1,
            time_limit: Self::DEFAULT_TIME_LIMIT,
            max_body: Self::DEFAULT_MAX_BODY,
            idle: Arc::default(),
        })
    }

    /// Speaks HTTP/2: agreed on in TLS; without TLS, from the first byte. gRPC needs it.
    ///
    /// # Errors
    ///
    /// The platform's certificate roots cannot be read.
    pub fn with_http2(mut self) -> Result<Self, NetworkError> {
        self.connector = connector(&self.base, Version::Http2)?;
        self.version = Version::Http2;
        self.idle = Arc::default();
        Ok(self)
    }

    /// Connects here, whatever the host resolves to: one instance among several, or one that has no
    /// name yet. The host is still what is asked for, and whose certificate is checked.
    #[must_use]
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self.idle = Arc::default();
        self
    }

    /// Replaces how long a request may take, from connecting to the last byte of its answer.
    /// Default: [`Network::DEFAULT_TIME_LIMIT`].
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Replaces how many bytes the body of an answer may have. Default:
    /// [`Network::DEFAULT_MAX_BODY`].
    #[must_use]
    pub fn with_max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    async fn exchange(&self, outgoing: Outgoing) -> Result<Answer, Failure> {
        let end = Instant::now() + self.time_limit;
        let request = self.prepare(outgoing)?;
        let sent = tokio::time::timeout_at(end, self.request(request)).await;
        let (response, connection) = sent.map_err(|_| Failure::Hung)??;
        let (head, body) = response.into_parts();
        let read = tokio::time::timeout_at(end, self.read(body)).await;
        let (body, trailers) = read.map_err(|_| Failure::Endless)??;
        self.connections().push(connection);
        Ok(Answer::new(head.status, head.headers, body, trailers))
    }

    /// The request as it is written.
    fn prepare(&self, outgoing: Outgoing) -> Result<Request<Payload>, Failure> {
        let (head, body) = outgoing.request.into_parts();
        let mut request = Request::new(Payload::new(body, outgoing.trailers));
        *request.method_mut() = head.method;
        *request.uri_mut() = head.uri;
        *request.headers_mut() = head.headers;
        match self.version {
            Version::Http1 => head::for_http1(&mut request, &self.base)?,
            Version::Http2 => head::for_http2(&mut request, &self.base)?,
        }
        Ok(request)
    }

    async fn request(
        &self,
        request: Request<Payload>,
    ) -> Result<(Response<Incoming>, Connection), Failure> {
        let again = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        )
        .then(|| request.clone());
        let Some(connection) = self.idle().await else {
            return self.connect_and_send(request).await;
        };
        // A service may close an idle connection at any moment, also while we write to it. That
        // says nothing of the request, so one that changes nothing is sent once more.
        match connection.send(request, self.allowance()).await {
            Ok(answered) => Ok(answered),
            Err(Sending::NotSent(request)) => self.connect_and_send(*request).await,
            Err(Sending::Failed(Failure::Closed)) => match again {
                Some(request) => self.connect_and_send(request).await,
                None => Err(Failure::Closed),
            },
            Err(Sending::Failed(failure)) => Err(failure),
        }
    }

    async fn connect_and_send(
        &self,
        request: Request<Payload>,
    ) -> Result<(Response<Incoming>, Connection), Failure> {
        let connection = self.connect().await?;
        connection
            .send(request, self.allowance())
            .await
            .map_err(|error| match error {
                Sending::NotSent(_) => Failure::Closed,
                Sending::Failed(failure) => failure,
            })
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let mut connector = self.connector.clone();
        let refused = |error: &dyn std::error::Error| Failure::Refused(error::chain(error));
        poll_fn(|cx| connector.poll_ready(cx))
            .await
            .map_err(|error| refused(&*error))?;
        let stream = connector
            .call(self.place()?)
            .await
            .map_err(|error| refused(&*error))?;
        match self.version {
            Version::Http1 => Connection::http1(stream, self.allowance()).await,
            Version::Http2 => Connection::http2(stream, self.allowance()).await,
        }
    }

    /// Where to connect to.
    fn place(&self) -> Result<Uri, Failure> {
        let Some(address) = self.address else {
            return Ok(self.base.clone());
        };
        Uri::builder()
            .scheme(self.base.scheme_str().unwrap_or_default())
            .authority(address.to_string())
            .path_and_query("/")
            .build()
            .map_err(|error| Failure::Refused(error.to_string()))
    }

    async fn read(&self, mut body: Incoming) -> Result<(Bytes, HeaderMap), Failure> {
        let mut read = BytesMut::new();
        let mut trailers = HeaderMap::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|error| error::failure(&error))?;
            match frame.into_data() {
                Ok(data) if read.len() + data.len() > self.max_body => {
                    return Err(Failure::Endless);
                }
                Ok(data) => read.extend_from_slice(&data),
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
        Ok((read.freeze(), trailers))
    }

    /// What may be read for one answer: its body in however small chunks, its head, and whatever a
    /// protocol says besides.
    fn allowance(&self) -> u64 {
        (self.max_body as u64)
            .saturating_mul(2)
            .saturating_add(1024 * 1024)
    }

    async fn idle(&self) -> Option<Connection> {
        loop {
            let mut connection = self.connections().pop()?;
            if connection.is_ready().await {
                return Some(connection);
            }
        }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender for Network {
    async fn send(&self, outgoing: Outgoing) -> Result<Answer, Failure> {
        self.exchange(outgoing).await
    }
}

fn connector(base: &Uri, version: Version) -> Result<HttpsConnector<HttpConnector>, NetworkError> {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.enforce_http(false);
    let builder = HttpsConnectorBuilder::new();
    let builder = if base.scheme() == Some(&Scheme::HTTPS) {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        builder
            .with_provider_and_native_roots(provider)
            .map_err(|cause| NetworkError::new(NetworkErrorKind::NoRoots, cause))?
            .https_only()
    } else {
        // Without TLS no roots are read, which some machines have none of.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| NetworkError::new(NetworkErrorKind::NoRoots, cause))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        builder.with_tls_config(config).https_or_http()
    };
    // The certificate is that of the name, wherever it is.
    let (name, named) = (base.clone(), DefaultServerNameResolver::default());
    let builder = builder.with_server_name_resolver(move |_: &Uri| named.resolve(&name));
    Ok(match version {
        Version::Http1 => builder.enable_http1().wrap_connector(http),
        Version::Http2 => builder.enable_http2().wrap_connector(http),
    })
}
