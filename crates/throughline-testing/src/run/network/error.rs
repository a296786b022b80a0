//! What is wrong with an address, and what went wrong with an exchange.

use std::error::Error;
use std::fmt;

use http::Uri;
use http::uri::Scheme;

use super::meter::Spent;
use crate::run::Failure;

/// Why nothing can be sent to an address.
#[derive(Debug)]
pub struct NetworkError {
    kind: NetworkErrorKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The rule an address broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NetworkErrorKind {
    /// The address is no absolute URL with a host.
    Invalid,
    /// The platform's certificate roots could not be read.
    NoRoots,
    /// The address holds a path, a query or a fragment, which belong to the target.
    Path,
    /// The scheme is neither `https` nor `http`.
    Scheme,
    /// The address holds a user name or password.
    UserInfo,
}

impl NetworkError {
    /// The rule that was broken.
    #[must_use]
    pub fn kind(&self) -> NetworkErrorKind {
        self.kind
    }

    pub(super) fn new(
        kind: NetworkErrorKind,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            cause: Some(cause.into()),
        }
    }
}

impl From<NetworkErrorKind> for NetworkError {
    fn from(kind: NetworkErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            NetworkErrorKind::Invalid => "address is no absolute url",
            NetworkErrorKind::NoRoots => "certificate roots of the platform could not be read",
            NetworkErrorKind::Path => "address holds more than a scheme, a host and a port",
            NetworkErrorKind::Scheme => "address is neither `https` nor `http`",
            NetworkErrorKind::UserInfo => "address holds a user name or password",
        })
    }
}

impl Error for NetworkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

/// The address, if it is nothing but one.
pub(super) fn check(url: &str) -> Result<Uri, NetworkError> {
    // The parser drops a fragment in silence.
    if url.contains('#') {
        return Err(NetworkErrorKind::Path.into());
    }
    let uri: Uri = url.parse().map_err(|cause: http::uri::InvalidUri| {
        NetworkError::new(NetworkErrorKind::Invalid, cause)
    })?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(NetworkErrorKind::Invalid.into());
    };
    if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
        return Err(NetworkErrorKind::Scheme.into());
    }
    if authority.as_str().contains('@') {
        return Err(NetworkErrorKind::UserInfo.into());
    }
    if authority.host().is_empty() {
        return Err(NetworkErrorKind::Invalid.into());
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err(NetworkErrorKind::Path.into());
    }
    Ok(uri)
}

/// What an error of hyper says of the service.
pub(super) fn failure(error: &hyper::Error) -> Failure {
    if causes(error).any(is_spent) {
        Failure::Endless
    } else if error.is_parse_too_large() {
        Failure::OversizedHeader
    } else if error.is_parse() || error.is_parse_status() {
        Failure::Garbage(chain(error))
    } else if error.is_timeout() {
        Failure::Hung
    } else if error.is_closed()
        || error.is_canceled()
        || error.is_incomplete_message()
        || causes(error).any(|cause| cause.is::<std::io::Error>())
    {
        Failure::Closed
    } else if error.is_user() {
        // We wrote what it does not write, so nothing was learnt.
        Failure::Unsendable(chain(error))
    } else {
        Failure::Broke(chain(error))
    }
}

fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |error| {
        let error: &dyn Error = *error;
        error.source()
    })
}

fn is_spent(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error
        .and_then(std::io::Error::get_ref)
        .is_some_and(|cause| cause.is::<Spent>())
}

/// An error and its causes, in a line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some repeat their cause in their own text.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for url in [
            "http://127.0.0.1:8080",
            "https://orders.example/",
            "http://[::1]:80",
        ] {
            check(url).unwrap();
        }
        for (url, kind) in [
            ("", NetworkErrorKind::Invalid),
            ("orders.example", NetworkErrorKind::Invalid),
            ("/t/acme", NetworkErrorKind::Invalid),
            ("ftp://orders.example", NetworkErrorKind::Scheme),
            ("https://a:b@orders.example", NetworkErrorKind::UserInfo),
            ("https://orders.example/t", NetworkErrorKind::Path),
            ("https://orders.example?a", NetworkErrorKind::Path),
            ("https://orders.example#a", NetworkErrorKind::Path),
        ] {
            assert_eq!(check(url).unwrap_err().kind(), kind, "{url}");
        }
    }
}
