//! Projections: the unsigned copies of signed members, and what a token promises of them.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::context::Context;
use crate::refusal::Place;

/// A member of the context that can be copied beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Member {
    /// The nearest actor's subject, composed.
    Actor,
    /// The kind of the context.
    Kind,
    /// The principal, composed.
    Principal,
    /// The subject as its identity provider names it.
    Subject,
    /// The tenant.
    Tenant,
    /// The transaction id.
    Transaction,
}

impl Member {
    const ALL: [Self; 6] = [
        Self::Actor,
        Self::Kind,
        Self::Principal,
        Self::Subject,
        Self::Tenant,
        Self::Transaction,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Kind => "kind",
            Self::Principal => "principal",
            Self::Subject => "subject",
            Self::Tenant => "tenant",
            Self::Transaction => "txn",
        }
    }

    /// What `context` says; none where it has no such member.
    #[must_use]
    pub fn of(self, context: &Context) -> Option<Cow<'_, str>> {
        match self {
            Self::Actor => context
                .actors()
                .nearest()
                .map(|a| a.principal().to_string().into()),
            Self::Kind => Some(context.kind().as_str().into()),
            Self::Principal => Some(context.principal().to_string().into()),
            Self::Subject => Some(context.principal().subject().into()),
            Self::Tenant => context.tenant().map(|tenant| tenant.as_str().into()),
            Self::Transaction => Some(context.transaction().into()),
        }
    }
}

/// Where a copy is put.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CopyPlace {
    /// A W3C Baggage member with this key.
    Baggage(Box<str>),
    /// A header field (metadata key, message attribute) with this lower-case name.
    Header(Box<str>),
}

/// A promise that a member travels as an unsigned copy.
///
/// The token lists its projections (`tctx.proj`), so a receiver can tell a complete set of copies
/// from a cut one. A token projects nothing unless told to.
///
/// ```
/// use throughline_core::projection::{Member, Projection};
///
/// let copy = Projection::baggage(Member::Tenant, "tenant.id")?;
/// assert_eq!(copy.to_string(), "tenant@baggage:tenant.id");
/// // Names that another hop could read differently are refused.
/// assert!(Projection::header(Member::Tenant, "X_Tenant").is_err());
/// # Ok::<(), throughline_core::projection::ProjectionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Projection {
    member: Member,
    place: CopyPlace,
}

impl Projection {
    /// A copy in the baggage, under `key`.
    ///
    /// # Errors
    ///
    /// `key` is not 1 to 64 bytes of `[a-z0-9.-]`.
    pub fn baggage(member: Member, key: &str) -> Result<Self, ProjectionError> {
        name(key, b".-").map(|key| Self {
            member,
            place: CopyPlace::Baggage(key),
        })
    }

    /// A copy in the header `field`.
    ///
    /// # Errors
    ///
    /// `field` is not 1 to 64 bytes of `[a-z0-9-]`.
    pub fn header(member: Member, field: &str) -> Result<Self, ProjectionError> {
        name(field, b"-").map(|field| Self {
            member,
            place: CopyPlace::Header(field),
        })
    }

    /// What is copied.
    #[must_use]
    pub fn member(&self) -> Member {
        self.member
    }

    /// Where it is copied to.
    #[must_use]
    pub fn copy_place(&self) -> &CopyPlace {
        &self.place
    }

    /// The place, for a refusal.
    #[must_use]
    pub fn place(&self) -> Place {
        match &self.place {
            CopyPlace::Baggage(key) => Place::new("baggage member", key.to_string()),
            CopyPlace::Header(field) => Place::header(field.to_string()),
        }
    }

    pub(crate) fn from_wire(text: &str) -> Option<Self> {
        let (member, place) = text.split_once('@')?;
        let member = Member::ALL
            .into_iter()
            .find(|known| known.as_str() == member)?;
        let (kind, name) = place.split_once(':')?;
        match kind {
            "baggage" => Self::baggage(member, name).ok(),
            "header" => Self::header(member, name).ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = self.member.as_str();
        match &self.place {
            CopyPlace::Baggage(key) => write!(f, "{member}@baggage:{key}"),
            CopyPlace::Header(field) => write!(f, "{member}@header:{field}"),
        }
    }
}

fn name(text: &str, punctuation: &[u8]) -> Result<Box<str>, ProjectionError> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || punctuation.contains(&b));
    if fits {
        Ok(text.into())
    } else {
        Err(ProjectionError(text.into()))
    }
}

/// A copy cannot travel under this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectionError(Box<str>);

impl fmt::Display for ProjectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "name `{}` of a copy is unusable, expected 1 to 64 bytes of `[a-z0-9-]`, in baggage \
             also `.`",
            self.0
        )
    }
}

impl Error for ProjectionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_field_can_have_is_refused_and_said() {
        let member = Member::Tenant;
        assert!(Projection::header(member, "x-tenant").is_ok());
        assert!(Projection::baggage(member, &"x".repeat(64)).is_ok());
        let error = Projection::header(member, "x.tenant").unwrap_err();
        assert_eq!(
            error.to_string(),
            "name `x.tenant` of a copy is unusable, expected 1 to 64 bytes of `[a-z0-9-]`, in \
             baggage also `.`"
        );
    }
}
