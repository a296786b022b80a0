//! What a credential is worth, once it was verified.

use std::sync::Arc;

use throughline_core::attribute::{Attribute, Attributes};
use throughline_core::authentication::Authentication;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Timestamp;
use throughline_core::{Actor, Draft, Place, Principal, Reason, Refusal, Tenant};

use crate::kind::CredentialKind;

/// Who a verified credential is about, for which tenant, with what authority.
///
/// It is made by an [`Issuer`](crate::Issuer) that verified the credential, or by a source of
/// opaque credentials that its issuer answered for, and by nobody else: a text that a caller sends
/// never becomes one.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) issuer: Arc<str>,
    pub(crate) kind: CredentialKind,
    pub(crate) tenant: Tenant,
    pub(crate) principal: Principal,
    /// Nearest last, as they are put in front one after the other.
    pub(crate) actors: Vec<Actor>,
    pub(crate) scope: Scope,
    pub(crate) attributes: Attributes,
    /// Attributes that the issuer asserted and does not own.
    pub(crate) dropped: Vec<Box<str>>,
    pub(crate) authentication: Authentication,
    /// When its issuer last knew this to be true.
    pub(crate) as_of: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// When it is no longer accepted: by then the clocks of its issuer may differ no more.
    pub(crate) accepted_until: Timestamp,
}

impl Identity {
    /// The alias of the issuer that vouched.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The kind of credential.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Who the work is done for.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Who acts for the principal, nearest first.
    pub fn actors(&self) -> impl Iterator<Item = &Actor> {
        self.actors.iter().rev()
    }

    /// What the credential allows.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What is known about the principal, from whom, and as of when.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Attributes that the issuer asserted and does not own, so that they do not count.
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        self.dropped.iter().map(AsRef::as_ref)
    }

    /// When and how the principal authenticated.
    #[must_use]
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// When its issuer last knew all of this to be true: the start of every revocation check.
    #[must_use]
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// When the credential ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The context this credential is worth, before it gets an audience and a lifetime. It ends
    /// with the credential, the difference of clocks included that its issuer is forgiven.
    ///
    /// # Errors
    ///
    /// [`Reason::ClaimInvalid`] where principal and actors do not make up a context of this kind.
    pub fn draft(&self, requester: &str, now: Timestamp) -> Result<Draft, Refusal> {
        let principal = self.principal.clone();
        // A clock that is a little ahead must not make a context as of the future. How far ahead
        // is forgiven was checked when the credential was verified.
        let as_of = self.as_of.min(now);
        let mut actors = self.actors.iter().cloned();
        let draft = match self.kind {
            CredentialKind::Session | CredentialKind::ImpersonatedSession => {
                Draft::user(principal, as_of)
            }
            CredentialKind::DelegatedAgent => match actors.next() {
                Some(first) => Draft::delegated_agent(principal, first, as_of),
                None => return Err(Refusal::new(Reason::ClaimMissing).at(Place::claim("act"))),
            },
            CredentialKind::AutonomousAgent => Draft::autonomous_agent(principal, as_of),
            CredentialKind::Machine | CredentialKind::Workload => Draft::workload(principal, as_of),
        };
        let invalid = |error: &dyn std::fmt::Display| {
            Refusal::new(Reason::ClaimInvalid).because(error.to_string())
        };
        let mut draft = draft.map_err(|error| invalid(&error))?;
        for actor in actors {
            draft = draft.acted_by(actor).map_err(|error| invalid(&error))?;
        }
        for (name, attribute) in &self.attributes {
            let attribute = match attribute.at() > now {
                true => Attribute::new(attribute.value().clone(), attribute.source(), now),
                false => attribute.clone(),
            };
            draft = draft.add_attribute(name, attribute);
        }
        let draft = draft
            .with_grant(Grant::new(self.scope.clone()))
            .with_authentication(self.authentication_by(now))
            .ending_by(self.accepted_until);
        draft
            .requested_by(requester)
            .map_err(|error| invalid(&error))
    }

    /// As above: no later than `now`.
    fn authentication_by(&self, now: Timestamp) -> Authentication {
        let known = &self.authentication;
        if known.time().is_none_or(|time| time <= now) {
            return known.clone();
        }
        let mut clamped = Authentication::at(now).with_methods(known.methods());
        if let Some(class) = known.class() {
            clamped = clamped.with_class(class);
        }
        match known.session() {
            Some(session) => clamped.in_session(session),
            None => clamped,
        }
    }
}
