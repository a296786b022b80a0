//! The target: what an honest request to the attacked service looks like.
//!
//! Attacks are changes of the honest request, so the catalogue has to know it. Wherever it names
//! its tenant it says `{tenant}`; from these places follows which attacks apply.
//!
//! ```
//! use throughline_testing::attack::Need;
//! use throughline_testing::target::{CredentialPlace, Target};
//!
//! let target = Target::http("/t/{tenant}/orders")?
//!     .with_header("x-tenant-id", "{tenant}")?
//!     .with_credential(CredentialPlace::Bearer);
//! assert!(target.offers(Need::PathTenant) && target.offers(Need::TenantHeader));
//! assert!(!target.offers(Need::QueryTenant));
//!
//! // A path of somebody else's service is no path.
//! assert!(Target::http("https://orders.example/").is_err());
//! # Ok::<(), throughline_testing::target::TargetError>(())
//! ```

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use crate::attack::{Need, Wire};

const TENANT: &str = "{tenant}";

/// What an honest request looks like. See the [module](self).
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) wire: Wire,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Body,
    pub(crate) credential: CredentialPlace,
    pub(crate) tenant_header: HeaderName,
    pub(crate) tenants: Option<(String, String)>,
    pub(crate) markers: Option<(String, String)>,
    pub(crate) copy: Option<HeaderName>,
}

/// The body of an honest request.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// As it is.
    Bytes(Bytes),
    /// With the tenant put in.
    Template(String),
}

/// Where the token of a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialPlace {
    /// `authorization: Bearer …`.
    Bearer,
    /// A cookie of this name.
    Cookie(String),
    /// A header of its own.
    Header(HeaderName),
    /// `txn-token`, the header of a transaction token.
    TransactionToken,
}

impl CredentialPlace {
    /// The header that holds it.
    #[must_use]
    pub fn header(&self) -> HeaderName {
        match self {
            Self::Bearer => http::header::AUTHORIZATION,
            Self::Cookie(_) => http::header::COOKIE,
            Self::Header(name) => name.clone(),
            Self::TransactionToken => HeaderName::from_static("txn-token"),
        }
    }

    /// The value of the header, around a token.
    #[must_use]
    pub fn value(&self, token: &[u8]) -> Vec<u8> {
        let before = match self {
            Self::Bearer => "Bearer ".to_owned(),
            Self::Cookie(name) => format!("{name}="),
            Self::Header(_) | Self::TransactionToken => String::new(),
        };
        [before.as_bytes(), token].concat()
    }
}

impl Target {
    /// `GET` of a path, with a query or without: `/t/{tenant}/orders`.
    ///
    /// Default: the token in `txn-token`, tenants `acme` and `globex`, tenant header `x-tenant-id`,
    /// no host, no further header, no body, no markers.
    ///
    /// # Errors
    ///
    /// For what is no path.
    pub fn http(path: &str) -> Result<Self, TargetError> {
        let path_and_query = path;
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path, None),
        };
        let probe = path_and_query.replace(TENANT, "t");
        if !path.starts_with('/') || probe.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(TargetError::new("path", path_and_query));
        }
        Ok(Self {
            path: path.to_owned(),
            query,
            ..Self::root()
        })
    }

    /// `GET /`.
    pub(crate) fn root() -> Self {
        Self {
            wire: Wire::Http,
            method: Method::GET,
            path: "/".into(),
            query: None,
            host: None,
            headers: Vec::new(),
            body: Body::Bytes(Bytes::new()),
            credential: CredentialPlace::TransactionToken,
            tenant_header: HeaderName::from_static("x-tenant-id"),
            tenants: None,
            markers: None,
            copy: None,
        }
    }

    /// A unary gRPC call of a method, `/package.Service/Method`, with an empty message.
    ///
    /// # Errors
    ///
    /// For what is no method.
    pub fn grpc(method: &str) -> Result<Self, TargetError> {
        let named = method.strip_prefix('/').and_then(|m| m.split_once('/'));
        if !named.is_some_and(|(service, method)| {
            !service.is_empty() && !method.is_empty() && !method.contains(['/', '?'])
        }) {
            return Err(TargetError::new("gRPC method", method));
        }
        let mut target = Self::http(method)?;
        target.wire = Wire::Grpc;
        target.method = Method::POST;
        target.headers = vec![
            (http::header::CONTENT_TYPE, "application/grpc".into()),
            (http::header::TE, "trailers".into()),
        ];
        Ok(target.with_message(b""))
    }

    /// Replaces the method. Default: `GET`.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Replaces the host, in which `{tenant}` may stand: `{tenant}.example.com`. Default: none.
    ///
    /// # Errors
    ///
    /// For what is no host.
    pub fn with_host(mut self, host: &str) -> Result<Self, TargetError> {
        let probe = host.replace(TENANT, "t");
        if probe.parse::<http::uri::Authority>().is_err() {
            return Err(TargetError::new("host", host));
        }
        self.host = Some(host.to_owned());
        Ok(self)
    }

    /// Replaces a header that every honest request has, in whose value `{tenant}` may stand.
    ///
    /// # Errors
    ///
    /// For what is no header.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, TargetError> {
        let Ok(field) = name.parse::<HeaderName>() else {
            return Err(TargetError::new("header name", name));
        };
        if HeaderValue::from_str(value).is_err() {
            return Err(TargetError::new("header value", value));
        }
        if field != "baggage" && value.contains(TENANT) {
            self.tenant_header = field.clone();
        }
        self.headers.retain(|(own, _)| *own != field);
        self.headers.push((field, value.to_owned()));
        Ok(self)
    }

    /// Replaces the header under which attacks name a tenant. Default: the last one of
    /// [`Target::with_header`] that holds `{tenant}`, else `x-tenant-id`.
    ///
    /// # Errors
    ///
    /// For what is no header name.
    pub fn with_tenant_header(mut self, name: &str) -> Result<Self, TargetError> {
        self.tenant_header = name
            .parse()
            .map_err(|_| TargetError::new("header name", name))?;
        Ok(self)
    }

    /// Replaces the body by a text in which `{tenant}` may stand. Default: none.
    #[must_use]
    pub fn with_body(mut self, body: &str) -> Self {
        self.body = Body::Template(body.to_owned());
        self
    }

    /// Replaces the body by one uncompressed gRPC message, encoded by the caller.
    #[must_use]
    pub fn with_message(mut self, message: &[u8]) -> Self {
        // No message of a test is longer than four gigabytes.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let framed = [&[0], &length.to_be_bytes()[..], message].concat();
        self.body = Body::Bytes(framed.into());
        self
    }

    /// Replaces where the token stands. Default: [`CredentialPlace::TransactionToken`].
    #[must_use]
    pub fn with_credential(mut self, place: CredentialPlace) -> Self {
        self.credential = place;
        self
    }

    /// Replaces the names of the tenants, as they stand in paths, hosts and headers. Default: those
    /// of the test domain, else `acme` and `globex`.
    #[must_use]
    pub fn with_tenants(mut self, own: &str, other: &str) -> Self {
        self.tenants = Some((own.to_owned(), other.to_owned()));
        self
    }

    /// Says what only an answer for the own tenant contains, and what only one for the other: a
    /// customer's name, an id. With markers an answer is known for whose it is, whatever its status.
    /// Default: none.
    #[must_use]
    pub fn with_markers(mut self, own: &str, other: &str) -> Self {
        self.markers = Some((own.to_owned(), other.to_owned()));
        self
    }

    /// Says that the service relies on a copy of the tenant in this header, which honest tokens
    /// promise. Default: none.
    ///
    /// # Errors
    ///
    /// For what is no header name.
    pub fn with_copy(mut self, name: &str) -> Result<Self, TargetError> {
        let field = name
            .parse::<HeaderName>()
            .map_err(|_| TargetError::new("header name", name))?;
        self.copy = Some(field.clone());
        self.headers.push((field, TENANT.to_owned()));
        Ok(self)
    }

    /// The protocol it speaks.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// The name of the own tenant.
    #[must_use]
    pub fn own(&self) -> &str {
        self.tenants.as_ref().map_or("acme", |(own, _)| own)
    }

    /// The name of the other tenant.
    #[must_use]
    pub fn other(&self) -> &str {
        self.tenants.as_ref().map_or("globex", |(_, other)| other)
    }

    /// Where the token stands.
    #[must_use]
    pub fn credential(&self) -> &CredentialPlace {
        &self.credential
    }

    /// Whether its honest request has what an attack changes. What belongs to the
    /// [world](crate::run::World), it does not know.
    #[must_use]
    pub fn offers(&self, need: Need) -> bool {
        let in_header = |baggage: bool| {
            self.headers.iter().any(|(name, value)| {
                (*name == "baggage") == baggage
                    && Some(name) != self.copy.as_ref()
                    && value.contains(TENANT)
            })
        };
        match need {
            Need::BaggageTenant => in_header(true),
            Need::Bearer => self.credential == CredentialPlace::Bearer,
            Need::BodyTenant => match &self.body {
                Body::Bytes(_) => false,
                Body::Template(body) => body.contains(TENANT),
            },
            Need::HostTenant => self.host.as_ref().is_some_and(|host| host.contains(TENANT)),
            Need::PathTenant => self.path.contains(TENANT),
            Need::Projection => self.copy.is_some(),
            Need::QueryTenant => self.query.as_ref().is_some_and(|q| q.contains(TENANT)),
            Need::TenantHeader => in_header(false),
            Need::TransactionToken => self.credential == CredentialPlace::TransactionToken,
            Need::Clock
            | Need::Freshness
            | Need::Jws
            | Need::KeyServer
            | Need::OtherToken
            | Need::PublicKeys
            | Need::SigningKey
            | Need::TokenPart => false,
        }
    }
}

/// A method and a path, as a person writes them.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.method)?;
        if let Some(host) = &self.host {
            f.write_str(host)?;
        }
        f.write_str(&self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

/// A description of a request that no request can have.
#[derive(Debug)]
pub struct TargetError {
    what: &'static str,
    found: String,
}

impl TargetError {
    fn new(what: &'static str, found: &str) -> Self {
        Self {
            what,
            found: found.to_owned(),
        }
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}", self.found, self.what)
    }
}

impl std::error::Error for TargetError {}
