//! Who acts: principals, the actors that act for them, and the kind of a context.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::reason::Reason;
use crate::tenant::Tenant;

/// The triple (identity provider, tenant, subject). `sub` alone is never an identity.
///
/// Two principals are equal when all three parts are; an e-mail address plays no part. Platform
/// work is the one kind without a tenant, and its [`Kind`] says so.
///
/// ```
/// use throughline_core::{Principal, Tenant};
///
/// let acme = Tenant::new("acme")?;
/// let ada = Principal::new("okta", acme.clone(), "ada@example.com")?;
/// assert_eq!(ada.to_string(), "okta/acme/ada%40example.com");
///
/// // The same subject of another tenant is somebody else.
/// let other = Principal::new("okta", Tenant::new("globex")?, "ada@example.com")?;
/// assert_ne!(ada, other);
///
/// // A subject that nobody named is not a principal.
/// assert!(Principal::new("okta", acme, "").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    provider: Arc<str>,
    tenant: Option<Tenant>,
    subject: Arc<str>,
}

impl Principal {
    /// The longest alias of an identity provider, in bytes.
    pub const MAX_PROVIDER_LEN: usize = 64;
    /// The longest subject, in bytes (OpenID Connect Core §2 allows 255 ASCII characters).
    pub const MAX_SUBJECT_LEN: usize = 255;

    /// The principal that `provider` knows as `subject` in `tenant`.
    ///
    /// # Errors
    ///
    /// `provider` is not 1 to 64 bytes of `[A-Za-z0-9._~-]` starting with a letter or digit, or
    /// `subject` is not 1 to 255 bytes without control characters.
    pub fn new(provider: &str, tenant: Tenant, subject: &str) -> Result<Self, PrincipalError> {
        Self::with_tenant(provider, Some(tenant), subject)
    }

    /// A principal of the platform itself, which belongs to no tenant.
    ///
    /// # Errors
    ///
    /// As for [`Principal::new`].
    pub fn platform(provider: &str, subject: &str) -> Result<Self, PrincipalError> {
        Self::with_tenant(provider, None, subject)
    }

    fn with_tenant(
        provider: &str,
        tenant: Option<Tenant>,
        subject: &str,
    ) -> Result<Self, PrincipalError> {
        let provider_fits = provider.len() <= Self::MAX_PROVIDER_LEN
            && provider.starts_with(|c: char| c.is_ascii_alphanumeric())
            && provider.bytes().all(unreserved);
        let subject_fits = (1..=Self::MAX_SUBJECT_LEN).contains(&subject.len())
            && !subject.contains(char::is_control);
        if !provider_fits {
            return Err(PrincipalError(Part::Provider));
        }
        if !subject_fits {
            return Err(PrincipalError(Part::Subject));
        }
        Ok(Self {
            provider: provider.into(),
            tenant,
            subject: subject.into(),
        })
    }

    /// Reads a composition as [`Display`](fmt::Display) writes it.
    ///
    /// # Errors
    ///
    /// `text` is not what `Display` would write for some principal: composition is injective, so
    /// anything else is refused instead of normalised.
    pub fn from_composed(text: &str) -> Result<Self, PrincipalError> {
        let mut parts = text.splitn(3, '/').map(decode);
        let (Some(Some(provider)), Some(Some(tenant)), Some(Some(subject))) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(PrincipalError(Part::Composition));
        };
        let tenant = match &*tenant {
            "" => None,
            tenant => Some(Tenant::new(tenant).map_err(|_| PrincipalError(Part::Composition))?),
        };
        let principal = Self::with_tenant(&provider, tenant, &subject)?;
        if principal.is_composed_as(text) {
            Ok(principal)
        } else {
            Err(PrincipalError(Part::Composition))
        }
    }

    /// The identity provider, by the alias this trust domain gave it.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The tenant; none for platform work only.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// The subject as the identity provider names it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether `text` is this principal's composition, without building it.
    #[must_use]
    pub fn is_composed_as(&self, text: &str) -> bool {
        let mut rest = text.as_bytes();
        let tenant = self.tenant.as_ref().map_or("", Tenant::as_str);
        for (n, part) in [&*self.provider, tenant, &*self.subject]
            .into_iter()
            .enumerate()
        {
            if n > 0 {
                match rest.split_first() {
                    Some((b'/', behind)) => rest = behind,
                    _ => return false,
                }
            }
            for byte in part.bytes() {
                let behind = if unreserved(byte) {
                    rest.strip_prefix(&[byte])
                } else {
                    rest.strip_prefix(&escape(byte))
                };
                match behind {
                    Some(behind) => rest = behind,
                    None => return false,
                }
            }
        }
        rest.is_empty()
    }
}

/// `provider/tenant/subject`, each part percent-encoded beyond `[A-Za-z0-9._~-]` with upper-case
/// digits: the `sub` of a transaction token.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_encoded(f, &self.provider)?;
        f.write_str("/")?;
        write_encoded(f, self.tenant.as_ref().map_or("", Tenant::as_str))?;
        f.write_str("/")?;
        write_encoded(f, &self.subject)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({self})")
    }
}

/// RFC 3986 §2.3.
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~-".contains(&byte)
}

fn escape(byte: u8) -> [u8; 3] {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'A' + nibble - 10
        }
    };
    [b'%', digit(byte >> 4), digit(byte & 15)]
}

fn write_encoded(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    let mut rest = part;
    while let Some(plain) = rest.find(|c: char| !c.is_ascii() || !unreserved(c as u8)) {
        let (before, behind) = rest.split_at(plain);
        f.write_str(before)?;
        let Some(c) = behind.chars().next() else {
            break;
        };
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            write!(f, "%{byte:02X}")?;
        }
        rest = behind.split_at(c.len_utf8()).1;
    }
    f.write_str(rest)
}

fn decode(part: &str) -> Option<Cow<'_, str>> {
    if !part.contains('%') {
        return Some(Cow::Borrowed(part));
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        if byte == b'%' {
            let (digits, behind) = behind.split_first_chunk::<2>()?;
            bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(byte);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// A part of a principal is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrincipalError(Part);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Composition,
    Provider,
    Subject,
}

impl fmt::Display for PrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Part::Composition => {
                "text is not a composed principal, expected `provider/tenant/subject`"
            }
            Part::Provider => {
                "alias of the identity provider is unusable, expected 1 to 64 bytes of \
                 `[A-Za-z0-9._~-]` starting with a letter or digit"
            }
            Part::Subject => {
                "subject is unusable, expected 1 to 255 bytes without control characters"
            }
        })
    }
}

impl Error for PrincipalError {}

/// What kind of work a context stands for. Signed, never inferred from what is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A person, directly or through services that act on the person's behalf.
    User,
    /// An agent that acts for a user: the chain names the agent.
    DelegatedAgent,
    /// An agent that acts for itself, on behalf of a tenant.
    AutonomousAgent,
    /// A service or job that acts for a tenant.
    Workload,
    /// Work of the platform itself. It has no tenant.
    Platform,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::DelegatedAgent,
        Self::AutonomousAgent,
        Self::Workload,
        Self::Platform,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::DelegatedAgent => "delegated_agent",
            Self::AutonomousAgent => "autonomous_agent",
            Self::Workload => "workload",
            Self::Platform => "platform",
        }
    }

    pub(crate) fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ActorKind {
    /// Software that decides by itself.
    Agent,
    /// A person who acts as somebody else: support or administration.
    Person,
    /// A workload that does what it is told.
    Service,
}

impl ActorKind {
    const ALL: [Self; 3] = [Self::Agent, Self::Person, Self::Service];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Person => "person",
            Self::Service => "service",
        }
    }

    pub(crate) fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who acts for the principal: one link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    pub(crate) kind: ActorKind,
    pub(crate) principal: Principal,
    pub(crate) session: Option<Arc<str>>,
}

impl Actor {
    /// An actor of some `kind`.
    #[must_use]
    pub fn new(kind: ActorKind, principal: Principal) -> Self {
        Self {
            kind,
            principal,
            session: None,
        }
    }

    /// Names the session the actor acts in, so that the session can be revoked on its own.
    #[must_use]
    pub fn in_session(mut self, session: &str) -> Self {
        self.session = Some(session.into());
        self
    }

    /// What the actor is.
    #[must_use]
    pub fn kind(&self) -> ActorKind {
        self.kind
    }

    /// Who the actor is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The session the actor acts in.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }
}

/// Everybody who acts for the principal, nearest first (RFC 8693 §4.1).
///
/// Access decisions look at the nearest actor only; those behind it are history, but each of them
/// can be revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ActorChain(Vec<Actor>);

impl ActorChain {
    /// The longest chain.
    pub const MAX_DEPTH: usize = 8;

    /// Nobody: the principal acts itself.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The actor at this end of the chain.
    #[must_use]
    pub fn nearest(&self) -> Option<&Actor> {
        self.0.first()
    }

    /// All actors, nearest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Actor> {
        self.0.iter()
    }

    /// How many actors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the principal acts itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The chain with `actor` in front: it acts now, for everybody behind it.
    ///
    /// # Errors
    ///
    /// [`Reason::DepthExceeded`] beyond [`ActorChain::MAX_DEPTH`]; [`Reason::LoopDetected`] when
    /// the actor stands in the chain already.
    pub fn acted_by(&self, actor: Actor) -> Result<Self, Reason> {
        let mut chain = Vec::with_capacity(self.0.len() + 1);
        chain.push(actor);
        chain.extend(self.0.iter().cloned());
        Self::from_nearest_first(chain)
    }

    /// Whether this chain is `parent`'s with actors added in front, or the same.
    #[must_use]
    pub fn continues(&self, parent: &Self) -> bool {
        self.0.ends_with(&parent.0)
    }

    pub(crate) fn from_nearest_first(chain: Vec<Actor>) -> Result<Self, Reason> {
        if chain.len() > Self::MAX_DEPTH {
            return Err(Reason::DepthExceeded);
        }
        let repeats = |n: usize, actor: &Actor| {
            chain
                .iter()
                .skip(n + 1)
                .any(|behind| behind.principal == actor.principal)
        };
        if chain.iter().enumerate().any(|(n, actor)| repeats(n, actor)) {
            return Err(Reason::LoopDetected);
        }
        Ok(Self(chain))
    }
}

impl<'a> IntoIterator for &'a ActorChain {
    type Item = &'a Actor;
    type IntoIter = std::slice::Iter<'a, Actor>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agent(name: &str) -> Actor {
        let acme = Tenant::new("acme").unwrap();
        Actor::new(
            ActorKind::Agent,
            Principal::new("agents", acme, name).unwrap(),
        )
    }

    #[test]
    fn composition_keeps_the_parts_apart() {
        let acme = Tenant::new("acme").unwrap();
        let slash = Principal::new("okta", acme.clone(), "a/b").unwrap();
        assert_eq!(slash.to_string(), "okta/acme/a%2Fb");
        let colon = Principal::new("okta", Tenant::new("a:b").unwrap(), "ü").unwrap();
        assert_eq!(colon.to_string(), "okta/a%3Ab/%C3%BC");
        assert_eq!(
            Principal::platform("okta", "cron").unwrap().to_string(),
            "okta//cron"
        );
    }

    #[test]
    fn kinds_are_shown_as_on_the_wire() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_wire(&kind.to_string()), Some(kind));
        }
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::from_wire(&kind.to_string()), Some(kind));
        }
    }

    #[test]
    fn what_display_would_not_write_is_not_read() {
        for text in [
            "",
            "okta",
            "okta/acme",
            "okta/acme/",
            "/acme/a",
            "okta/acme/a/b",
            "okta/acme/%61",
            "okta/acme/%2f",
            "okta/acme/%F",
            "okta/acme/%FF",
            "okta/-acme/a",
        ] {
            assert!(Principal::from_composed(text).is_err(), "{text}");
        }
        assert!(Principal::from_composed("okta/acme/a%2Fb").is_ok());
    }

    #[test]
    fn messages() {
        let acme = Tenant::new("acme").unwrap();
        for (refused, message) in [
            (
                Principal::from_composed("okta"),
                "text is not a composed principal, expected `provider/tenant/subject`",
            ),
            (
                Principal::new("-", acme.clone(), "ada"),
                "alias of the identity provider is unusable, expected 1 to 64 bytes of \
                 `[A-Za-z0-9._~-]` starting with a letter or digit",
            ),
            (
                Principal::new("okta", acme, ""),
                "subject is unusable, expected 1 to 255 bytes without control characters",
            ),
        ] {
            assert_eq!(refused.unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn composition_is_injective_and_survives_the_wire(
            a in "[a-z~.-]{1,9}", b in "[a-zA-Z0-9._~:-]{1,12}", c in "\\PC{1,40}",
        ) {
            let (Ok(tenant), c) = (Tenant::new(&b), c) else { return Ok(()) };
            let Ok(principal) = Principal::new(&a, tenant, &c) else { return Ok(()) };
            let text = principal.to_string();
            prop_assert!(principal.is_composed_as(&text));
            prop_assert_eq!(Principal::from_composed(&text).unwrap(), principal);
        }

        #[test]
        fn reading_a_composition_is_total(text in "\\PC{0,60}") {
            if let Ok(principal) = Principal::from_composed(&text) {
                prop_assert_eq!(principal.to_string(), text);
            }
        }
    }

    #[test]
    fn chains_end_and_do_not_run_in_circles() {
        let mut chain = ActorChain::none();
        for n in 0..ActorChain::MAX_DEPTH {
            let longer = chain.acted_by(agent(&format!("a{n}"))).unwrap();
            assert!(longer.continues(&chain) && !chain.continues(&longer));
            chain = longer;
        }
        assert_eq!(chain.nearest().unwrap().principal().subject(), "a7");
        assert!(chain.len() == ActorChain::MAX_DEPTH && !chain.is_empty());
        assert!(ActorChain::none().is_empty());
        assert_eq!(
            chain.acted_by(agent("one-more")),
            Err(Reason::DepthExceeded)
        );
        let two = ActorChain::none()
            .acted_by(agent("a"))
            .unwrap()
            .acted_by(agent("b"))
            .unwrap();
        assert_eq!(two.acted_by(agent("a")), Err(Reason::LoopDetected));
    }
}
