//! An address, read once.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ::http::Uri;
use ::http::uri::Scheme;

use super::error::{UrlError, UrlErrorKind};
use super::reach::Reach;

/// Scheme, host and port of an address (RFC 6454 §4), in one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    secure: bool,
    host: Box<str>,
    port: u16,
}

impl Origin {
    /// The origin of an absolute `http` or `https` URL.
    ///
    /// # Errors
    ///
    /// It is none, or holds a user name or a fragment.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        Address::parse(url).map(|address| address.origin)
    }

    /// Whether its scheme is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether its host says that it is this machine: `localhost`, `127.0.0.0/8`, `[::1]`. Where a
    /// name leads to is another question, that of [`Reach`].
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        *self.host == *"localhost" || self.address().is_some_and(|address| address.is_loopback())
    }

    /// The host, where it is an address and no name.
    fn address(&self) -> Option<IpAddr> {
        let v6 = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        match v6 {
            Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.host.parse().ok(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = scheme(self.secure);
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

fn scheme(secure: bool) -> (&'static str, u16) {
    if secure { ("https", 443) } else { ("http", 80) }
}

pub(super) struct Address {
    pub(super) uri: Uri,
    pub(super) origin: Origin,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
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
        let host = authority.host().to_ascii_lowercase().into();
        let port = authority.port_u16();
        // `host:` and `host:99999` are none, and would be taken for the usual port.
        if port.is_none() && authority.as_str().len() != authority.host().len() {
            return Err(UrlErrorKind::Invalid.into());
        }
        let port = port.unwrap_or(self::scheme(secure).1);
        Ok(Self {
            uri,
            origin: Origin { secure, host, port },
        })
    }

    pub(super) fn check(&self, reach: Reach) -> Result<(), UrlError> {
        if !self.origin.is_secure() && reach != Reach::Loopback {
            return Err(UrlErrorKind::PlainHttp.into());
        }
        self.check_host(reach)
    }

    /// What the host says by itself; where its name leads is checked at each connection.
    pub(super) fn check_host(&self, reach: Reach) -> Result<(), UrlError> {
        let is_within = match reach {
            Reach::Anywhere => true,
            Reach::Loopback => self.origin.is_loopback(),
            Reach::Internet | Reach::Network => {
                !self.origin.is_loopback()
                    && self
                        .origin
                        .address()
                        .is_none_or(|address| reach.admits(address))
            }
        };
        if is_within {
            Ok(())
        } else {
            Err(UrlErrorKind::OutOfReach.into())
        }
    }
}
