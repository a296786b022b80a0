//! How an issuer is built.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use throughline_core::{ActorKind, Principal, Tenant};
use throughline_jose::{AdmissionPolicy, KeySet, KeySource};

use super::error::IssuerError;
use super::name::IssuerName;
use super::unit::{Issuer, Unit};
use crate::audience::Audience;
use crate::kind::CredentialKind;
use crate::membership::Memberships;
use crate::profile::{Facts, Profile};
use crate::tenancy::Tenancy;

/// Builds an [`Issuer`], and says everything that is wrong with it at once.
#[must_use = "a builder does nothing until it is built"]
pub struct IssuerBuilder {
    alias: Box<str>,
    profile: Profile,
    names: Vec<Box<str>>,
    keys: Option<KeySource>,
    signs: bool,
    audience: Option<Audience>,
    tenancy: Option<Tenancy>,
    kinds: Option<BTreeSet<CredentialKind>>,
    actor: Option<ActorKind>,
    skew: Duration,
    max_lifetime: Duration,
    attributes: Vec<(Box<str>, Box<str>)>,
    memberships: Option<Memberships>,
    open: bool,
}

impl IssuerBuilder {
    pub(super) fn new(alias: &str, profile: Profile) -> Self {
        Self {
            alias: alias.into(),
            profile,
            names: Vec::new(),
            keys: None,
            signs: true,
            audience: None,
            tenancy: None,
            kinds: None,
            actor: None,
            skew: Duration::from_secs(30),
            max_lifetime: profile.0.max_lifetime,
            attributes: Vec::new(),
            memberships: None,
            open: false,
        }
    }

    /// Adds a name: the exact `iss`, or a template with one path segment in braces that a claim of
    /// that name must fill, as in `https://login.microsoftonline.com/{tid}/v2.0`. For SPIFFE, the
    /// trust domain as in `spiffe://prod.example`. Default: none, and one is needed.
    pub fn named(mut self, name: &str) -> Self {
        self.names.push(name.into());
        self
    }

    /// States where its keys are. They are admitted by the rules of the profile. Default: none, and
    /// keys are needed.
    pub fn with_keys(mut self, keys: KeySource) -> Self {
        self.keys = Some(keys);
        self.signs = true;
        self
    }

    /// States that its credentials are opaque and it signs none: a signed one is refused with
    /// `keys_unavailable`. For [`opaque`](crate::opaque) credentials.
    pub fn without_keys(mut self) -> Self {
        self.keys = Some(KeySource::set(KeySet::default()));
        self.signs = false;
        self
    }

    /// States for whom its credentials must be. There is no default.
    pub fn with_audience(mut self, audience: Audience) -> Self {
        self.audience = Some(audience);
        self
    }

    /// Replaces how the tenant is found. Default: the claim that the vendor has for it, if any.
    ///
    /// An issuer that serves everybody under one name, which is one with a template and Google, needs
    /// a list or a map of the claim in its template (of Google: `hd`, `email` or `sub`), or
    /// [memberships](Self::with_memberships).
    pub fn with_tenancy(mut self, tenancy: Tenancy) -> Self {
        self.tenancy = Some(tenancy);
        self
    }

    /// Accepts only these kinds of credential. Default: those of people, machines and workloads;
    /// that somebody impersonates a user, or that agents act, is said and not assumed. It is said
    /// too by [`IssuerBuilder::with_actor`].
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = CredentialKind>) -> Self {
        self.kinds = Some(kinds.into_iter().collect());
        self
    }

    /// States what an actor of this issuer is, where no standard says it: an agent or a person.
    /// Default: a credential with an `act` that the profile cannot read is refused.
    pub fn with_actor(mut self, kind: ActorKind) -> Self {
        self.actor = Some(kind);
        self
    }

    /// Replaces the difference of clocks that is forgiven, at most [`Issuer::MAX_SKEW`].
    /// Default: 30 s.
    pub fn with_skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// Replaces the longest lifetime of a credential, `exp − iat`. Default: that of the profile.
    pub fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// Reads attribute `name` from `claim`. It counts where the trust map says that this issuer owns
    /// it. Default: none.
    pub fn add_attribute(mut self, name: &str, claim: &str) -> Self {
        self.attributes.push((name.into(), claim.into()));
        self
    }

    /// Has each principal's membership in its tenant confirmed. Default: the issuer's word is
    /// enough.
    pub fn with_memberships(mut self, memberships: Memberships) -> Self {
        self.memberships = Some(memberships);
        self
    }

    /// Takes whoever an issuer of everybody vouches for, one with a template for its name or Google.
    /// Everybody who can open an account with the issuer then becomes a tenant here, or belongs to
    /// the one that is fixed.
    pub fn danger_open_to_every_tenant(mut self) -> Self {
        self.open = true;
        self
    }

    /// Builds the issuer.
    ///
    /// # Errors
    ///
    /// Everything that is missing or contradicts itself.
    pub fn build(self) -> Result<Issuer, IssuerError> {
        let mut problems = Vec::new();
        let alias = &self.alias;
        let any_tenant = Tenant::new("any").ok();
        if any_tenant.is_none_or(|tenant| Principal::new(alias, tenant, "any").is_err()) {
            problems.push(
                "its alias is unusable, expected 1 to 64 bytes of `[A-Za-z0-9._~-]`".to_owned(),
            );
        }
        let mut names = Vec::new();
        for name in &self.names {
            match IssuerName::parse(name) {
                Ok(name) => names.push(name),
                Err(problem) => problems.push(problem),
            }
        }
        if self.names.is_empty() {
            problems.push("it has no name: state the exact `iss` of its credentials".to_owned());
        }
        let is_domain = |name: &IssuerName| match name {
            IssuerName::Exact(name) => name
                .strip_prefix("spiffe://")
                .is_some_and(|domain| !domain.is_empty() && !domain.contains('/')),
            IssuerName::Template { .. } => false,
        };
        if !self.profile.0.names_issuer && !names.iter().any(is_domain) {
            problems.push(
                "it has no trust domain among its names, expected one as in `spiffe://prod.example`"
                    .to_owned(),
            );
        }
        if self.skew > Issuer::MAX_SKEW {
            problems.push(format!(
                "its clock may differ by {} s, expected at most {}",
                self.skew.as_secs(),
                Issuer::MAX_SKEW.as_secs()
            ));
        }
        if self.audience.is_none() {
            problems.push(
                "it has no audience: state whose credentials count, or that they have none"
                    .to_owned(),
            );
        }
        if self.audience.as_ref().is_some_and(Audience::is_impossible) {
            problems.push("its audience is empty, so nobody can pass".to_owned());
        }
        let facts = self.profile.0;
        if self.audience.as_ref().is_some_and(Audience::is_absent)
            && facts.required.contains(&facts.audience_claim)
        {
            problems.push(format!(
                "its credentials always have `{}`, so with no audience nobody can pass",
                facts.audience_claim
            ));
        }
        if self.max_lifetime.is_zero() {
            problems.push("its credentials may live for 0 s, so nobody can pass".to_owned());
        }
        let tenancy = self
            .tenancy
            .or_else(|| self.profile.tenant_claim().map(Tenancy::claim));
        if tenancy.is_none() {
            problems.push("it has no tenancy: state which claim, or which tenant".to_owned());
        }
        problems.extend(tenancy.as_ref().and_then(Tenancy::problem));
        // What a tenancy that is missing would have to list is not told twice.
        let lets_in = tenancy
            .as_ref()
            .filter(|_| !self.open && self.memberships.is_none());
        let unlisted = lets_in.and_then(|tenancy| unlisted(&names, facts, tenancy));
        if let Some(claim) = unlisted {
            problems.push(format!(
                "it serves everybody, and no list of its claim `{claim}` says who counts, so anybody \
                 who opens an account there is let in: list the tenants by that claim, map them, or \
                 have memberships confirmed"
            ));
        }
        let unlisted = unlisted.map(Box::from);
        let own: BTreeSet<_> = self.profile.kinds().collect();
        let kinds = self.kinds.unwrap_or_else(|| {
            let by_default = |kind: &CredentialKind| match kind {
                CredentialKind::Session | CredentialKind::Machine | CredentialKind::Workload => {
                    true
                }
                // Whoever says what an actor is wants it.
                CredentialKind::ImpersonatedSession => self.actor == Some(ActorKind::Person),
                CredentialKind::DelegatedAgent => self.actor == Some(ActorKind::Agent),
                CredentialKind::AutonomousAgent => false,
            };
            own.iter().copied().filter(by_default).collect()
        });
        if self.actor == Some(ActorKind::Service) {
            problems.push(
                "its actor is a service, which no kind of credential has: expected an agent or a \
                 person"
                    .to_owned(),
            );
        } else if self.actor.is_some() && !self.profile.0.asks_for_actor {
            problems.push(format!(
                "profile `{}` knows by itself what an actor is",
                self.profile.name()
            ));
        }
        for kind in kinds.difference(&own) {
            problems.push(format!(
                "profile `{}` has no kind `{kind}`",
                self.profile.name()
            ));
        }
        if kinds.is_empty() {
            problems.push("it may issue no kind, so nobody can pass".to_owned());
        }
        let mut seen = BTreeSet::new();
        for (name, claim) in &self.attributes {
            if name.is_empty() || claim.is_empty() || !seen.insert(name) {
                problems.push(format!(
                    "attribute `{name}` is named twice, or has no claim"
                ));
            }
        }
        if self.keys.is_none() {
            problems.push("it has no keys".to_owned());
        }
        if let ([], Some(keys), Some(audience), Some(tenancy)) =
            (&*problems, self.keys, self.audience, tenancy)
        {
            let facts = self.profile.0;
            let mut policy = AdmissionPolicy::new().with_algorithms(facts.algorithms.to_vec());
            if let Some(uses) = facts.key_uses {
                policy = policy.with_uses(uses.iter().copied());
            }
            return Ok(Issuer(Arc::new(Unit {
                alias: (*self.alias).into(),
                profile: self.profile,
                names,
                keys: keys.with_policy(policy).into_keys(),
                signs: self.signs,
                audience,
                tenancy,
                kinds,
                actor: self.actor,
                skew: self.skew,
                max_lifetime: self.max_lifetime,
                attributes: self.attributes,
                memberships: self.memberships,
                dropped: AtomicU64::new(0),
            })));
        }
        Err(IssuerError {
            alias: self.alias,
            problems,
            unlisted,
        })
    }
}

/// The claim that would have to be listed and is not, where an issuer serves everybody: by a
/// template, or as its profile says.
fn unlisted<'n>(names: &'n [IssuerName], facts: &Facts, tenancy: &Tenancy) -> Option<&'n str> {
    let of_templates = names.iter().filter_map(|name| match name {
        IssuerName::Exact(_) => None,
        IssuerName::Template { claim, .. } => Some(&**claim),
    });
    let of_profile = facts.everybodys.first().copied();
    let of_profile = of_profile.filter(|_| !tenancy.lists_values_of(facts.everybodys));
    of_templates
        .filter(|claim| !tenancy.lists_values_of(&[claim]))
        .chain(of_profile)
        .next()
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder")
            .field("alias", &self.alias)
            .field("profile", &self.profile)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
