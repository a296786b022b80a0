//! One place that is asked over HTTP(S): a key set, a discovery document, an introspection endpoint.
//!
//! 1. **The address is fixed when it is made**, and checked then: `https`, or `http` to this machine
//!    alone; no user name, no fragment.
//! 2. **Redirects are not followed**, and proxies of the environment are not asked.
//! 3. **What answers is what was meant** ([`Reach`]): the addresses that a name leads to are checked
//!    after each resolution, by whoever opens the connection, so that a name which leads elsewhere
//!    the second time leads nowhere.
//! 4. **The answer has a limit** in bytes. Time is the caller's to limit.
//!
//! Certificates are checked against the platform's roots, read when the endpoint is made. For an
//! authority of one's own, `SSL_CERT_FILE` or `SSL_CERT_DIR` names other roots in their place.
//!
//! # Example
//!
//! ```
//! use throughline_jose::endpoint::{Endpoint, Origin, Reach, UrlErrorKind};
//!
//! let document = Endpoint::new(
//!     "https://id.example/.well-known/openid-configuration",
//!     Reach::Internet,
//! )?;
//! assert_eq!(document.origin(), &Origin::parse("https://id.example")?);
//!
//! // Where clouds hand out credentials, there is no identity provider.
//! let metadata = Endpoint::new("https://169.254.169.254/keys", Reach::Network).unwrap_err();
//! assert_eq!(metadata.kind(), UrlErrorKind::OutOfReach);
//! # Ok::<(), throughline_jose::endpoint::UrlError>(())
//! ```

mod address;
mod answer;
mod error;
mod reach;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use ::http::{HeaderValue, Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::address::Address;
use self::reach::Resolver;

pub use self::address::Origin;
pub use self::answer::Answer;
pub use self::error::{AskError, AskErrorKind, UrlError, UrlErrorKind};
pub use self::reach::Reach;

/// A connection that carried nothing for this long is closed, before whoever is at its other end
/// does so.
const IDLE: Duration = Duration::from_secs(10);

/// How many of them are kept, where any are.
const KEPT: usize = 8;

/// One place that is asked over HTTP(S). Cloning shares its connections. See the [module](self).
#[derive(Clone)]
pub struct Endpoint {
    uri: Uri,
    origin: Origin,
    reach: Reach,
    client: HttpClient,
}

type Plain = HttpConnector<Resolver>;
type Tls = HttpsConnector<HttpConnector<Resolver>>;

#[derive(Clone)]
enum HttpClient {
    Plain(Plain, Client<Plain, Full<Bytes>>),
    Tls(Tls, Client<Tls, Full<Bytes>>),
}

impl Endpoint {
    /// The place at `url`, whose addresses are within `reach`.
    ///
    /// # Errors
    ///
    /// The address is no absolute `http` or `https` URL, is plain `http` to another machine, is out
    /// of reach by its host already, holds a user name or a fragment, or the platform's certificate
    /// roots cannot be read.
    pub fn new(url: &str, reach: Reach) -> Result<Self, UrlError> {
        let address = Address::parse(url)?;
        address.check(reach)?;
        Self::build(address, reach)
    }

    /// As [`Endpoint::new`], and takes `http` addresses of other machines too: whoever is on the
    /// way reads what is sent, and answers what they like.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::new`], but for the plain `http`.
    pub fn danger_plain_http(url: &str, reach: Reach) -> Result<Self, UrlError> {
        let address = Address::parse(url)?;
        address.check_host(reach)?;
        Self::build(address, reach)
    }

    /// Another place, asked in the same way: within the same reach, over the same scheme, by the
    /// same roots.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::new`]; and [`UrlErrorKind::Scheme`] where the scheme is another one.
    pub fn beside(&self, url: &str) -> Result<Self, UrlError> {
        let address = Address::parse(url)?;
        address.check_host(self.reach)?;
        if address.origin.is_secure() != self.origin.is_secure() {
            return Err(UrlErrorKind::Scheme.into());
        }
        Ok(Self {
            uri: address.uri,
            origin: address.origin,
            reach: self.reach,
            client: self.client.clone(),
        })
    }

    fn build(address: Address, reach: Reach) -> Result<Self, UrlError> {
        let mut http = HttpConnector::new_with_resolver(Resolver::new(reach));
        let client = if address.origin.is_secure() {
            // The connector around it decides about the scheme.
            http.enforce_http(false);
            // The provider is named, as the process default is undefined where another crate has
            // enabled a second one.
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(provider)
                .map_err(|cause| UrlError::new(UrlErrorKind::NoRoots, cause))?
                .https_only()
                .enable_all_versions()
                .wrap_connector(http);
            HttpClient::Tls(connector.clone(), client(connector, 0))
        } else {
            HttpClient::Plain(http.clone(), client(http, 0))
        };
        Ok(Self {
            uri: address.uri,
            origin: address.origin,
            reach,
            client,
        })
    }

    /// Keeps a few connections for the next time. Default: each time has a connection of its own,
    /// as one that is kept for minutes is one more thing to break.
    #[must_use]
    pub fn keeping_connections(mut self) -> Self {
        self.client = match self.client {
            HttpClient::Plain(connector, _) => {
                HttpClient::Plain(connector.clone(), client(connector, KEPT))
            }
            HttpClient::Tls(connector, _) => {
                HttpClient::Tls(connector.clone(), client(connector, KEPT))
            }
        };
        self
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address for logs: without its query, which some addresses keep secrets in.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.origin, self.uri.path())
    }

    /// Gets what is there, of at most `max_bytes`.
    ///
    /// # Errors
    ///
    /// It did not answer, with another status than 200, or with more than that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn get(&self, accept: &'static str, max_bytes: usize) -> Result<Answer, AskError> {
        let mut request = Request::new(Full::default());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        self.ask(request, max_bytes).await
    }

    /// Sends `form` (`application/x-www-form-urlencoded`) and takes an answer of at most
    /// `max_bytes`. `authorization` is marked as sensitive here.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::get`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the answer; what was sent was sent.
    pub async fn post_form(
        &self,
        form: impl Into<Bytes>,
        accept: &'static str,
        authorization: Option<HeaderValue>,
        max_bytes: usize,
    ) -> Result<Answer, AskError> {
        let mut request = Request::new(Full::new(form.into()));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        if let Some(mut authorization) = authorization {
            authorization.set_sensitive(true);
            headers.insert(AUTHORIZATION, authorization);
        }
        self.ask(request, max_bytes).await
    }

    async fn ask(
        &self,
        mut request: Request<Full<Bytes>>,
        max_bytes: usize,
    ) -> Result<Answer, AskError> {
        *request.uri_mut() = self.uri.clone();
        let response = match &self.client {
            HttpClient::Plain(_, client) => client.request(request).await,
            HttpClient::Tls(_, client) => client.request(request).await,
        }
        .map_err(AskError::unreachable)?;
        let (head, body) = response.into_parts();
        if head.status.is_redirection() {
            return Err(AskErrorKind::Redirected.into());
        }
        if head.status != StatusCode::OK {
            return Err(AskErrorKind::Status(head.status.as_u16()).into());
        }
        let body = Limited::new(body, max_bytes)
            .collect()
            .await
            .map_err(|cause| {
                if cause.is::<LengthLimitError>() {
                    AskErrorKind::TooLarge.into()
                } else {
                    AskError::unreachable(cause)
                }
            })?
            .to_bytes();
        Ok(Answer::new(head.headers, body))
    }
}

fn client<C>(connector: C, idle: usize) -> Client<C, Full<Bytes>>
where
    C: Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle)
        .build(connector)
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name())
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
