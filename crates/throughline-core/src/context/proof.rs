//! Proof types: what a context is worth is said by the type around it.
//!
//! | type | says | made only by |
//! |---|---|---|
//! | [`Claimed`] | somebody wrote this | [`Claimed::read`] |
//! | [`Genuine`] | a key we know signed it (steps 1–4) | [`hop::authenticate`](crate::hop::authenticate) |
//! | [`Verified`] | genuine, for us, now (steps 1–6) | [`hop::verify`](crate::hop::verify) |
//! | [`Admitted`] | verified and agreed with everything this hop declares (steps 1–8) | [`hop::complete`](crate::hop::complete) |
//!
//! Each has one constructor, named `assertion` and private to this crate, so one grep finds every
//! place that asserts something.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use super::{Context, claims};
use crate::refusal::Refusal;

/// What a token says, with nothing checked. For tools that show tokens to people.
#[derive(Clone, Debug)]
pub struct Claimed<T = Context>(T);

impl Claimed {
    /// Reads claims from the payload of a token nobody checked.
    ///
    /// # Errors
    ///
    /// The payload is not the claims of a transaction token.
    pub fn read(payload: &[u8]) -> Result<Self, Refusal> {
        claims::read_unchecked(payload).map(Self::assertion)
    }

    fn assertion(context: Context) -> Self {
        Self(context)
    }
}

impl<T> Claimed<T> {
    /// What is claimed. Nothing may be decided by it.
    #[must_use]
    pub fn unverified(&self) -> &T {
        &self.0
    }
}

/// A context a known key signed: steps 1 to 4 passed, and step 5 did once.
///
/// It is what a cache of verified tokens holds. It proves nothing about *now*.
pub struct Genuine<T = Context> {
    context: T,
    token: Bytes,
    vouched: Vouched,
}

impl<T> Genuine<T> {
    pub(crate) fn assertion(context: T, token: Bytes, vouched: Vouched) -> Self {
        Self {
            context,
            token,
            vouched,
        }
    }

    /// The exact bytes it came from.
    #[must_use]
    pub fn token(&self) -> &Bytes {
        &self.token
    }

    /// Which key, of which generation of the key set, vouched.
    #[must_use]
    pub fn vouched(&self) -> &Vouched {
        &self.vouched
    }

    pub(crate) fn context(&self) -> &T {
        &self.context
    }
}

impl<T: fmt::Debug> fmt::Debug for Genuine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Genuine")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Genuine {
    /// The tenant, for bookkeeping such as a cache's fair shares. Nothing may be decided by it.
    #[must_use]
    pub fn tenant_for_accounting(&self) -> Option<&crate::Tenant> {
        self.context.tenant()
    }

    /// Until when it may be kept.
    #[must_use]
    pub fn expires_at(&self) -> crate::time::Timestamp {
        self.context.lifetime().expires_at
    }
}

/// The seam between the order of checks, which this crate owns, and the signature check, which
/// needs cryptography.
///
/// An implementation performs steps 3 and 4 of the hop on a token: well-formed, key known and
/// admitted, algorithm the key's, signature complete and good. It must not look at the payload.
pub trait Vouch {
    /// Vouches for `token`.
    ///
    /// # Errors
    ///
    /// The refusal of step 3 or 4.
    fn vouch(&self, token: &[u8]) -> Result<(Vec<u8>, Vouched), Refusal>;
}

impl<F> Vouch for F
where
    F: Fn(&[u8]) -> Result<(Vec<u8>, Vouched), Refusal>,
{
    fn vouch(&self, token: &[u8]) -> Result<(Vec<u8>, Vouched), Refusal> {
        self(token)
    }
}

/// Which key vouched for a token. The payload it vouched for travels beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The fingerprint of the key.
    pub key: [u8; 32],
    /// The generation of the key set that held it.
    pub generation: u64,
    /// The issuers whose tokens the key may vouch for.
    pub issuers: Issuers,
}

/// The issuers whose tokens a key may vouch for: the exact strings of `iss`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuers {
    /// Any or none but these, which other keys are pinned to.
    AllBut(Arc<[Box<str>]>),
    /// These alone: the key is pinned to them.
    OneOf(Arc<[Box<str>]>),
}

impl Issuers {
    /// The key is pinned to no issuer, and no other key is.
    #[must_use]
    pub fn any() -> Self {
        Self::AllBut(Arc::default())
    }
}

/// A context that is genuine, for us, now: steps 1 to 6 passed. A fact about a token.
pub struct Verified<T = Context>(Arc<Genuine<T>>);

impl<T> Verified<T> {
    pub(crate) fn assertion(genuine: Arc<Genuine<T>>) -> Self {
        Self(genuine)
    }

    pub(crate) fn into_genuine(self) -> Arc<Genuine<T>> {
        self.0
    }

    /// The exact bytes it came from.
    #[must_use]
    pub fn token(&self) -> &Bytes {
        &self.0.token
    }
}

/// A context that is verified and agrees with everything this hop declares: steps 1 to 8 passed.
/// A fact about a request, and the only thing a handler gets.
pub struct Admitted<T = Context>(Arc<Genuine<T>>);

impl<T> Admitted<T> {
    pub(crate) fn assertion(genuine: Arc<Genuine<T>>) -> Self {
        Self(genuine)
    }

    /// The exact bytes it came from, which outbound calls forward.
    #[must_use]
    pub fn token(&self) -> &Bytes {
        &self.0.token
    }
}

macro_rules! proves {
    ($proof:ident) => {
        impl<T> Clone for $proof<T> {
            fn clone(&self) -> Self {
                Self(Arc::clone(&self.0))
            }
        }

        impl<T> Deref for $proof<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0.context
            }
        }

        impl<T: fmt::Debug> fmt::Debug for $proof<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($proof))
                    .field(&self.0.context)
                    .finish()
            }
        }
    };
}

proves!(Verified);
proves!(Admitted);
