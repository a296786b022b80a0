//! Witnesses: whatever else at a hop names a tenant, a subject or an actor.
//!
//! A witness is never a source of identity. It is compared with the verified context, and where it
//! disagrees the call is refused; no witness outranks another, so the order in which they are
//! declared changes nothing but the place that is named first.

use std::borrow::Cow;
use std::sync::Arc;

use crate::context::Context;
use crate::reason::Reason;
use crate::refusal::{Place, Refusal, shown};
use crate::tenant::Tenant;

/// What a witness names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum About {
    /// The nearest actor's subject.
    Actor,
    /// The principal's subject.
    Subject,
    /// The tenant.
    Tenant,
}

impl About {
    fn mismatch(self) -> Reason {
        match self {
            Self::Actor => Reason::ActorMismatch,
            Self::Subject => Reason::SubjectMismatch,
            Self::Tenant => Reason::TenantMismatch,
        }
    }

    fn of(self, context: &Context) -> Option<&str> {
        match self {
            Self::Actor => context
                .actors()
                .nearest()
                .map(|actor| actor.principal().subject()),
            Self::Subject => Some(context.principal().subject()),
            Self::Tenant => context.tenant().map(Tenant::as_str),
        }
    }

    fn claim(self) -> &'static str {
        match self {
            Self::Actor => "act.sub",
            Self::Subject => "tctx.sub",
            Self::Tenant => "tctx.tenant",
        }
    }
}

/// What was seen at the place of a witness. Absent, undecodable and ambiguous are three answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting<'r> {
    /// Nothing is there.
    Absent,
    /// More than one value is there, equal or not: a parser behind us may choose differently.
    Ambiguous,
    /// The place is larger than its cap; it was not parsed.
    Oversized,
    /// Something is there that is not text.
    Undecodable,
    /// One value.
    Value(Cow<'r, str>),
}

impl<'r> Sighting<'r> {
    /// The sighting of an iterator's values: none, one or too many.
    pub fn of_values(mut values: impl Iterator<Item = &'r [u8]>) -> Self {
        let Some(first) = values.next() else {
            return Self::Absent;
        };
        if values.next().is_some() {
            return Self::Ambiguous;
        }
        Self::of_bytes(first)
    }

    /// The sighting of a value: visible ASCII, or undecodable.
    #[must_use]
    pub fn of_bytes(value: &'r [u8]) -> Self {
        match str::from_utf8(value) {
            Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => {
                Self::Value(Cow::Borrowed(text))
            }
            _ => Self::Undecodable,
        }
    }
}

/// Knows which tenant a name stands for: the path says `acme`, the token says `org_01…`.
///
/// Closures implement it. It answers at once, from memory; an unknown name is a refusal.
pub trait ResolveAlias: Send + Sync + 'static {
    /// The tenant that `name` stands for.
    fn resolve(&self, name: &str) -> Option<Tenant>;
}

impl<F> ResolveAlias for F
where
    F: Fn(&str) -> Option<Tenant> + Send + Sync + 'static,
{
    fn resolve(&self, name: &str) -> Option<Tenant> {
        self(name)
    }
}

/// The rule for one witness: what it names, where it is, and whether it may be absent.
#[derive(Clone)]
#[must_use]
pub struct WitnessRule {
    about: About,
    place: Place,
    optional: bool,
    alias: Option<Arc<dyn ResolveAlias>>,
}

impl WitnessRule {
    /// A required witness of a tenant. Declared means required, unless it is marked optional.
    pub fn tenant(place: Place) -> Self {
        Self::new(About::Tenant, place)
    }

    /// A required witness.
    pub fn new(about: About, place: Place) -> Self {
        Self {
            about,
            place,
            optional: false,
            alias: None,
        }
    }

    /// Allows absence. A value that is there must agree all the same.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Names what it names.
    pub fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    /// Reads the value as a name that `alias` resolves to a tenant.
    pub fn with_alias(mut self, alias: impl ResolveAlias) -> Self {
        self.alias = Some(Arc::new(alias));
        self
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether an alias is to resolve what is no tenant: such a rule can never agree.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        self.alias.is_some() && self.about != About::Tenant
    }

    /// Whether it may be absent.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Step 7 for one witness: whether what was seen agrees with `context`.
    ///
    /// # Errors
    ///
    /// [`Reason::ContextAmbiguous`], [`Reason::ContextOversized`] or [`Reason::ContextMalformed`]
    /// for a place that cannot be read as one value; [`Reason::WitnessMissing`] for an absent one
    /// that is not optional; [`Reason::ClaimMissing`] where the context says nothing to compare
    /// with, as an absent side of a comparison is never equal; else the mismatch.
    pub fn compare(&self, seen: &Sighting<'_>, context: &Context) -> Result<(), Refusal> {
        let refuse = |reason| Err(Refusal::new(reason).at(self.place.clone()));
        let value = match seen {
            Sighting::Value(value) => value,
            Sighting::Absent if self.optional => return Ok(()),
            Sighting::Absent => return refuse(Reason::WitnessMissing),
            Sighting::Ambiguous => return refuse(Reason::ContextAmbiguous),
            Sighting::Oversized => return refuse(Reason::ContextOversized),
            Sighting::Undecodable => return refuse(Reason::ContextMalformed),
        };
        let Some(said) = self.about.of(context) else {
            return Err(Refusal::new(Reason::ClaimMissing)
                .at(Place::claim(self.about.claim()))
                .because(format!("is absent, while {} names one", self.place)));
        };
        match &self.alias {
            None if **value == *said => Ok(()),
            None => self.mismatch(value, said),
            Some(alias) => match alias.resolve(value) {
                Some(tenant) if tenant.as_str() == said => Ok(()),
                // A name nobody knows and a name of somebody else look the same from outside.
                Some(_) | None => self.mismatch(value, said),
            },
        }
    }

    fn mismatch(&self, value: &str, said: &str) -> Result<(), Refusal> {
        Err(Refusal::new(self.about.mismatch())
            .at(self.place.clone())
            .because_differs(value, shown(said.as_bytes())))
    }
}

impl std::fmt::Debug for WitnessRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WitnessRule")
            .field("about", &self.about)
            .field("place", &self.place)
            .field("optional", &self.optional)
            .field("alias", &self.alias.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests;
