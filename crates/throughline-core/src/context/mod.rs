//! The context: who acts, for which tenant, with what authority, as of when.

mod claims;
mod draft;
mod proof;

use std::collections::BTreeMap;

pub(crate) use self::claims::read as read_claims;
pub use self::draft::{Draft, DraftError};
pub use self::proof::{Admitted, Claimed, Genuine, Issuers, Verified, Vouch, Vouched};

use crate::attribute::Attributes;
use crate::authentication::Authentication;
use crate::grant::Grant;
use crate::principal::{ActorChain, Kind, Principal};
use crate::projection::Projection;
use crate::reason::Reason;
use crate::refusal::{Place, Refusal};
use crate::tenant::Tenant;
use crate::time::Timestamp;

/// Who acts, for which tenant, with what authority, as of when.
///
/// A bare `Context` proves nothing. What it is worth is said by the type around it: [`Claimed`],
/// [`Verified`] or [`Admitted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    transaction: Box<str>,
    principal: Principal,
    kind: Kind,
    actors: ActorChain,
    grant: Grant,
    attributes: Attributes,
    authentication: Authentication,
    request: RequestFacts,
    requester: Box<str>,
    projections: Vec<Projection>,
    as_of: Timestamp,
    epoch: Option<u64>,
    lifetime: Lifetime,
}

/// Where a context counts and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The trust domain it is for (`aud`).
    pub audience: Box<str>,
    /// Who signs it (`iss`), where keys alone do not say.
    pub issuer: Option<Box<str>>,
    /// When it was issued (`iat`).
    pub issued_at: Timestamp,
    /// When it begins to count (`nbf`), if not at once.
    pub not_before: Option<Timestamp>,
    /// When it ends (`exp`).
    pub expires_at: Timestamp,
}

/// Circumstances of the request at the edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The trace id at the edge: 32 lower-case hex digits.
    pub trace_id: Option<Box<str>>,
    /// Further facts by name, such as `ip` or `method`.
    pub facts: BTreeMap<Box<str>, Box<str>>,
}

impl Context {
    /// The transaction id (`txn`), the same for the whole chain of work.
    #[must_use]
    pub fn transaction(&self) -> &str {
        &self.transaction
    }

    /// On whose behalf.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// For which tenant; none for [`Kind::Platform`] only.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.principal.tenant()
    }

    /// What kind of work.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Who acts for the principal.
    #[must_use]
    pub fn actors(&self) -> &ActorChain {
        &self.actors
    }

    /// What the work may do.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// What decisions may read about the principal.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// How and when the principal was authenticated.
    #[must_use]
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// Circumstances of the request at the edge.
    #[must_use]
    pub fn request(&self) -> &RequestFacts {
        &self.request
    }

    /// The workload that asked for this context (`req_wl`).
    #[must_use]
    pub fn requester(&self) -> &str {
        &self.requester
    }

    /// Which copies travel with it.
    #[must_use]
    pub fn projections(&self) -> &[Projection] {
        &self.projections
    }

    /// When all of this was last known to be true. Replacing a token does not move it.
    #[must_use]
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The tenant's freshness epoch then.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Where it counts and for how long.
    #[must_use]
    pub fn lifetime(&self) -> &Lifetime {
        &self.lifetime
    }

    /// Checks that this context continues `parent`'s work with no more authority.
    ///
    /// The chain of work keeps its transaction, principal, kind, audience and the facts of its
    /// authentication, adds actors only in front, and never makes `as_of` or its epoch younger.
    ///
    /// # Errors
    ///
    /// [`Reason::ParentMismatch`] for another chain of work, and what
    /// [`Grant::check_covers`](crate::grant::Grant::check_covers) finds for a wider grant.
    pub fn check_descends_from(&self, parent: &Self) -> Result<(), Refusal> {
        let (own, parents) = (&self.authentication, &parent.authentication);
        let chain = [
            ("txn", self.transaction == parent.transaction),
            ("sub", self.principal == parent.principal),
            (
                "tctx.kind",
                // A user's work may go on to an agent.
                self.kind == parent.kind
                    || (self.kind == Kind::DelegatedAgent && parent.kind == Kind::User),
            ),
            ("aud", self.lifetime.audience == parent.lifetime.audience),
            ("act", self.actors.continues(&parent.actors)),
            ("rctx.as_of", self.as_of <= parent.as_of),
            (
                "rctx.epoch",
                match (self.epoch, parent.epoch) {
                    (Some(epoch), Some(parent)) => epoch <= parent,
                    (None, None) => true,
                    (Some(_), None) | (None, Some(_)) => false,
                },
            ),
            // A fresher or stronger authentication comes from the edge, never from a parent; a
            // session that is left out could not be revoked.
            ("rctx.auth_time", own.time == parents.time),
            ("rctx.acr", own.class == parents.class),
            ("rctx.amr", own.methods == parents.methods),
            ("rctx.sid", own.session == parents.session),
            ("tctx.attr", self.attributes == parent.attributes),
            ("tctx.proj", self.projections == parent.projections),
        ];
        if let Some((claim, _)) = chain.into_iter().find(|(_, same)| !same) {
            return Err(Refusal::new(Reason::ParentMismatch).at(Place::claim(claim)));
        }
        parent.grant.check_covers(&self.grant).map_err(Refusal::new)
    }

    /// The claims of this context as a transaction token carries them: compact JSON.
    #[must_use]
    pub fn to_claims(&self) -> Vec<u8> {
        claims::write(self)
    }
}

#[cfg(test)]
mod tests;
