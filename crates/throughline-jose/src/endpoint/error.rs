//! Why an address is not asked, or did not answer.

use std::error::Error;
use std::fmt;

type Cause = Box<dyn Error + Send + Sync>;

/// Why an address is not asked.
#[derive(Debug)]
pub struct UrlError {
    kind: UrlErrorKind,
    cause: Option<Cause>,
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
    /// The host is an address beyond what may be reached: [`Reach`](super::Reach).
    OutOfReach,
    /// The address is `http:` and its host is not this machine.
    PlainHttp,
    /// The scheme is neither `https` nor `http`, or not the one that is asked for.
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

    pub(super) fn new(kind: UrlErrorKind, cause: impl Into<Cause>) -> Self {
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
            UrlErrorKind::Fragment => "address has a fragment",
            UrlErrorKind::Invalid => "address is no absolute url",
            UrlErrorKind::NoRoots => "certificate roots of the platform could not be read",
            UrlErrorKind::OutOfReach => "address is beyond what may be reached",
            UrlErrorKind::PlainHttp => "address is plain `http` beyond this machine",
            UrlErrorKind::Scheme => "address has another scheme than `https`, or `http` where said",
            UrlErrorKind::UserInfo => "address holds a user name or password",
        })
    }
}

impl Error for UrlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub struct AskError {
    kind: AskErrorKind,
    cause: Option<Cause>,
}

/// The way in which asking failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AskErrorKind {
    /// The answer points elsewhere. Redirects are not followed.
    Redirected,
    /// The answer has this status, which is not 200.
    Status(u16),
    /// The answer is longer than the limit.
    TooLarge,
    /// The place did not answer, is out of reach, or the answer broke off.
    Unreachable,
}

impl AskError {
    /// The way in which asking failed.
    #[must_use]
    pub fn kind(&self) -> AskErrorKind {
        self.kind
    }

    pub(super) fn unreachable(cause: impl Into<Cause>) -> Self {
        Self {
            kind: AskErrorKind::Unreachable,
            cause: Some(cause.into()),
        }
    }
}

impl From<AskErrorKind> for AskError {
    fn from(kind: AskErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            AskErrorKind::Redirected => f.write_str("it answered with a redirect"),
            AskErrorKind::Status(status) => {
                write!(f, "it answered with status {status}, expected 200")
            }
            AskErrorKind::TooLarge => f.write_str("its answer is longer than the limit"),
            AskErrorKind::Unreachable => f.write_str("it could not be reached"),
        }
    }
}

impl Error for AskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        for (kind, message) in [
            (UrlErrorKind::Fragment, "address has a fragment"),
            (UrlErrorKind::Invalid, "address is no absolute url"),
            (
                UrlErrorKind::NoRoots,
                "certificate roots of the platform could not be read",
            ),
            (
                UrlErrorKind::OutOfReach,
                "address is beyond what may be reached",
            ),
            (
                UrlErrorKind::PlainHttp,
                "address is plain `http` beyond this machine",
            ),
            (
                UrlErrorKind::Scheme,
                "address has another scheme than `https`, or `http` where said",
            ),
            (
                UrlErrorKind::UserInfo,
                "address holds a user name or password",
            ),
        ] {
            assert_eq!(UrlError::from(kind).to_string(), message);
        }
        for (kind, message) in [
            (AskErrorKind::Redirected, "it answered with a redirect"),
            (
                AskErrorKind::Status(503),
                "it answered with status 503, expected 200",
            ),
            (
                AskErrorKind::TooLarge,
                "its answer is longer than the limit",
            ),
            (AskErrorKind::Unreachable, "it could not be reached"),
        ] {
            assert_eq!(AskError::from(kind).to_string(), message);
        }
    }
}
