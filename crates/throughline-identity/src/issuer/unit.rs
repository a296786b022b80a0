//! An issuer: one unit, made once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use throughline_core::ActorKind;
use throughline_jose::source::Keys;

use super::builder::IssuerBuilder;
use super::name::IssuerName;
use crate::audience::Audience;
use crate::kind::CredentialKind;
use crate::membership::Memberships;
use crate::profile::Profile;
use crate::tenancy::Tenancy;

/// One issuer, and everything by which its credentials are judged. See the [module](super).
///
/// ```
/// use throughline_core::Tenant;
/// use throughline_identity::{Audience, Issuer, Profile, Tenancy};
/// use throughline_jose::KeySource;
///
/// let issuer = Issuer::builder("workforce", Profile::RFC9068)
///     .named("https://id.example")
///     .with_keys(KeySource::file("jwks.json"))
///     .with_audience(Audience::one_of(["api://orders"]))
///     .with_tenancy(Tenancy::claim("org"))
///     .build()?;
/// assert_eq!(issuer.alias(), "workforce");
///
/// // An audience has no default: none is a decision, and is said.
/// let silent = Issuer::builder("workforce", Profile::RFC9068)
///     .named("https://id.example")
///     .with_keys(KeySource::file("jwks.json"))
///     .with_tenancy(Tenancy::claim("org"))
///     .build();
/// assert!(silent.unwrap_err().to_string().contains("audience"));
/// # Ok::<(), throughline_identity::IssuerError>(())
/// ```
#[derive(Clone)]
pub struct Issuer(pub(super) Arc<Unit>);

/// What an issuer is judged by. Made once, never changed.
pub(super) struct Unit {
    pub(super) alias: Arc<str>,
    pub(super) profile: Profile,
    pub(super) names: Vec<IssuerName>,
    pub(super) keys: Keys,
    /// Whether `keys` are to be had.
    pub(super) signs: bool,
    pub(super) audience: Audience,
    pub(super) tenancy: Tenancy,
    pub(super) kinds: BTreeSet<CredentialKind>,
    pub(super) actor: Option<ActorKind>,
    pub(super) skew: Duration,
    pub(super) max_lifetime: Duration,
    /// Attribute and claim.
    pub(super) attributes: Vec<(Box<str>, Box<str>)>,
    pub(super) memberships: Option<Memberships>,
    /// Attributes that were asserted and not owned.
    pub(super) dropped: AtomicU64,
}

impl Issuer {
    /// The greatest difference of clocks that can be forgiven.
    pub const MAX_SKEW: Duration = Duration::from_secs(300);

    /// Starts an issuer. `alias` is what principals name it by, in every context made from its
    /// credentials: it never changes, whatever happens to the issuer's address.
    pub fn builder(alias: &str, profile: Profile) -> IssuerBuilder {
        IssuerBuilder::new(alias, profile)
    }

    /// The alias.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.0.alias
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.0.profile
    }

    /// Its live keys, for loading them at start-up and for a readiness probe.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Whether it signs its credentials. One of opaque credentials does not, and has no keys.
    #[must_use]
    pub fn signs(&self) -> bool {
        self.0.signs
    }

    /// Whether both are one issuer, and not two that look alike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its names, as they were configured.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.names.iter().map(ToString::to_string)
    }

    /// The kinds of credential that are accepted from it.
    pub fn kinds(&self) -> impl Iterator<Item = CredentialKind> {
        self.0.kinds.iter().copied()
    }

    /// The attributes it asserts, and the claim of each.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .attributes
            .iter()
            .map(|(name, claim)| (&**name, &**claim))
    }

    /// How many attributes of its credentials did not count, as it does not own them.
    #[must_use]
    pub fn dropped_attributes(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Its tenants, for people to read.
    #[must_use]
    pub fn tenants(&self) -> String {
        self.0.tenancy.to_words()
    }

    /// Who confirms that its principals belong to their tenants.
    #[must_use]
    pub fn memberships(&self) -> Option<&Memberships> {
        self.0.memberships.as_ref()
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("alias", &self.0.alias)
            .field("profile", &self.0.profile)
            .field("names", &self.0.names)
            .finish_non_exhaustive()
    }
}
