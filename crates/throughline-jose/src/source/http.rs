//! A key set over HTTP(S).

use super::KeySource;
use super::error::{FetchError, FetchErrorKind};
use super::fetch::{Fetch, FetchFuture, FetchLimits, Fetched};
use crate::endpoint::{AskError, AskErrorKind, Endpoint, Origin, Reach, UrlError};

/// RFC 7517 §8.5.2; most providers send plain JSON.
const ACCEPT: &str = "application/jwk-set+json, application/json";

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
        let origin = Origin::parse(url)?;
        let reach = if origin.is_secure() || !origin.is_loopback() {
            Reach::Anywhere
        } else {
            Reach::Loopback
        };
        Ok(Self::endpoint(Endpoint::new(url, reach)?))
    }

    /// As [`KeySource::url`], and takes `http` addresses of other machines too: whoever is on the
    /// way can then hand out keys of their own, and make any token. For networks where something
    /// else, such as a mesh, proves who answers.
    ///
    /// # Errors
    ///
    /// As [`KeySource::url`], but for the plain `http`.
    pub fn danger_plain_http_url(url: &str) -> Result<Self, UrlError> {
        let endpoint = Endpoint::danger_plain_http(url, Reach::Anywhere)?;
        Ok(Self::endpoint(endpoint))
    }

    /// A JWK set at an endpoint.
    pub fn endpoint(endpoint: Endpoint) -> Self {
        let name = endpoint.name();
        Self::remote(name, endpoint)
    }
}

impl Fetch for Endpoint {
    fn fetch(&self, limits: FetchLimits) -> FetchFuture {
        let endpoint = self.clone();
        FetchFuture::new(async move {
            let answer = endpoint.get(ACCEPT, limits.max_bytes()).await?;
            let fetched = Fetched::new(answer.body().clone());
            Ok(match answer.max_age() {
                Some(age) => fetched.with_max_age(age),
                None => fetched,
            })
        })
    }
}

impl From<AskError> for FetchError {
    fn from(error: AskError) -> Self {
        match error.kind() {
            AskErrorKind::Redirected => FetchErrorKind::Redirected.into(),
            AskErrorKind::Status(_) => FetchErrorKind::Status.into(),
            AskErrorKind::TooLarge => FetchErrorKind::TooLarge.into(),
            AskErrorKind::Unreachable => Self::unreachable(error),
        }
    }
}
