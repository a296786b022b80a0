//! A key set over HTTP(S).

use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ACCEPT, CACHE_CONTROL};
use ::http::uri::Scheme;
use ::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::KeySource;
use super::error::{FetchError, FetchErrorKind};
use super::fetch::{Fetch, FetchFuture, FetchLimits, Fetched};

impl KeySource {
    /// A JWK set behind an `https` address, or an `http` one on this machine (`localhost`,
    /// `127.0.0.0/8`, `[::1]`).
    ///
    /// Certificates are checked against the platform's roots, which are read here. Redirects are
    /// not followed. The content type is not looked at, as providers send several; what is no key
    /// set fails when it is read.
    ///
    /// ```no_run
    /// use throughline_jose::source::{KeySource, UrlErrorKind};
    ///
    /// let source = KeySource::url("https://tokens.internal/jwks.json")?;
    /// # let _ = source;
    ///
    /// let refused = KeySource::url("http://tokens.internal/jwks.json").unwrap_err();
    /// assert_eq!(refused.kind(), UrlErrorKind::PlainHttp);
    /// # Ok::<(), throughline_jose::source::UrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The address is no absolute `http` or `https` URL, is plain `http` to another machine, holds
    /// a user name or a fragment, or the platform's certificate roots cannot be read.
    pub fn url(url: &str) -> Result<Self, UrlError> {
        let address = Address::parse(url)?;
        if !address.secure && !address.is_loopback() {
            return Err(UrlErrorKind::PlainHttp.into());
        }
        Self::over_http(url, address)
    }

    /// As [`KeySource::url`], and takes `http` addresses of other machines too: whoever is on the
    /// way can then hand out keys of their own, and make any token. For networks where something
    /// else, such as a mesh, proves who answers.
    ///
    /// # Errors
    ///
    /// As [`KeySource::url`], but for the plain `http`.
    pub fn danger_plain_http_url(url: &str) -> Result<Self, UrlError> {
        Self::over_http(url, Address::parse(url)?)
    }

    fn over_http(url: &str, address: Address) -> Result<Self, UrlError> {
        // For logs, where the query of some addresses must not be read.
        let name = url.split('?').next().unwrap_or_default();
        Ok(Self::remote(name, HttpFetch::new(address)?))
    }
}

struct Address {
    uri: Uri,
    secure: bool,
}

impl Address {
    fn parse(url: &str) -> Result<Self, UrlError> {
        // The parser drops a fragment in silence.
        if url.contains('#') {
            return Err(UrlErrorKind::Fragment.into());
        }
        let uri: Uri = url.parse().map_err(|cause: ::http::uri::InvalidUri| {
            UrlError::new(UrlErrorKind::Invalid, cause)
        })?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(UrlErrorKind::Invalid.into());
        };
        if authority.as_str().contains('@') {
            return Err(UrlErrorKind::UserInfo.into());
        }
        if authority.host().is_empty() {
            return Err(UrlErrorKind::Invalid.into());
        }
        let secure = if *scheme == Scheme::HTTPS {
            true
        } else if *scheme == Scheme::HTTP {
            false
        } else {
            return Err(UrlErrorKind::Scheme.into());
        };
        Ok(Self { uri, secure })
    }

    fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|v4: Ipv4Addr| v4.is_loopback())
            || bare.parse().is_ok_and(|v6: Ipv6Addr| v6.is_loopback())
    }
}

struct HttpFetch {
    uri: Uri,
    client: HttpClient,
}

#[derive(Clone)]
enum HttpClient {
    Plain(Client<HttpConnector, Empty<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>),
}

impl HttpFetch {
    fn new(address: Address) -> Result<Self, UrlError> {
        let mut builder = Client::builder(TokioExecutor::new());
        // Between two fetches lie minutes: a connection kept that long is one more thing to break.
        builder.pool_max_idle_per_host(0);
        let client = if address.secure {
            // The provider is named, as the process default is undefined where another crate has
            // enabled a second one.
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(provider)
                .map_err(|cause| UrlError::new(UrlErrorKind::NoRoots, cause))?
                .https_only()
                .enable_all_versions()
                .build();
            HttpClient::Tls(builder.build(connector))
        } else {
            HttpClient::Plain(builder.build_http())
        };
        Ok(Self {
            uri: address.uri,
            client,
        })
    }
}

impl Fetch for HttpFetch {
    fn fetch(&self, limits: FetchLimits) -> FetchFuture {
        let client = self.client.clone();
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        // RFC 7517 §8.5.2; most providers send plain JSON.
        request.headers_mut().insert(
            ACCEPT,
            HeaderValue::from_static("application/jwk-set+json, application/json"),
        );
        FetchFuture::new(async move {
            let response = match client {
                HttpClient::Plain(client) => client.request(request).await,
                HttpClient::Tls(client) => client.request(request).await,
            }
            .map_err(FetchError::unreachable)?;
            let (head, body) = response.into_parts();
            check_status(head.status)?;
            let document = Limited::new(body, limits.max_bytes())
                .collect()
                .await
                .map_err(|cause| {
                    if cause.is::<LengthLimitError>() {
                        FetchErrorKind::TooLarge.into()
                    } else {
                        FetchError::unreachable(cause)
                    }
                })?
                .to_bytes();
            let fetched = Fetched::new(document);
            Ok(match max_age(&head.headers) {
                Some(age) => fetched.with_max_age(age),
                None => fetched,
            })
        })
    }
}

fn check_status(status: StatusCode) -> Result<(), FetchError> {
    if status.is_redirection() {
        return Err(FetchErrorKind::Redirected.into());
    }
    if status != StatusCode::OK {
        return Err(FetchErrorKind::Status.into());
    }
    Ok(())
}

/// `Cache-Control`, RFC 9111 §5.2.2, as far as it can hasten a refresh.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    directives
        .filter_map(|directive| {
            let (name, value) = directive.split_once('=').unwrap_or((directive, "0"));
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" => value.trim().trim_matches('"').parse().ok(),
                "no-cache" | "no-store" => Some(0),
                _ => None,
            }
        })
        .min()
        .map(Duration::from_secs)
}

/// Why an address is not fetched from.
#[derive(Debug)]
pub struct UrlError {
    kind: UrlErrorKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The rule an address broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlErrorKind {
    /// The address has a fragment, which is never sent.
    Fragment,
    /// The address is no absolute URL with a host.
    Invalid,
    /// The platform's certificate roots could not be read.
    NoRoots,
    /// The address is `http:` and its host is not this machine.
    PlainHttp,
    /// The scheme is neither `https` nor `http`.
    Scheme,
    /// The address holds a user name or password, which would reach logs.
    UserInfo,
}

impl UrlError {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> UrlErrorKind {
        self.kind
    }

    fn new(kind: UrlErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            cause: Some(cause.into()),
        }
    }
}

impl From<UrlErrorKind> for UrlError {
    fn from(kind: UrlErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            UrlErrorKind::Fragment => "address of the key set has a fragment",
            UrlErrorKind::Invalid => "address of the key set is no absolute url",
            UrlErrorKind::NoRoots => "certificate roots of the platform could not be read",
            UrlErrorKind::PlainHttp => "address of the key set is plain `http` beyond this machine",
            UrlErrorKind::Scheme => "address of the key set is neither `https` nor `http`",
            UrlErrorKind::UserInfo => "address of the key set holds a user name or password",
        })
    }
}

impl Error for UrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}
