//! Why a call was not made, or failed.

use std::error::Error;
use std::fmt;

use crate::refused::Refused;

/// A call was refused before it was sent, or the client failed.
#[derive(Debug)]
pub enum CarryError<E> {
    /// The client's own error.
    Client(E),
    /// The call was not sent.
    Refused(Refused),
}

impl<E> CarryError<E> {
    /// The refusal, if the call was not sent.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Client(_) => None,
            Self::Refused(refused) => Some(refused),
        }
    }
}

impl<E> fmt::Display for CarryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(_) => f.write_str("client failed"),
            Self::Refused(_) => f.write_str("call was not sent"),
        }
    }
}

impl<E: Error + 'static> Error for CarryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Client(error) => Some(error),
            Self::Refused(refused) => Some(refused),
        }
    }
}
