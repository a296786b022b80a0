//! Several issuers, never pooled.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use throughline_core::refusal::shown;
use throughline_core::time::Timestamp;
use throughline_core::{Place, Reason, Refusal, Tenant};
use throughline_jose::TokenType;
use throughline_jose::source::{KeyWait, KeysStatus};
use throughline_jose::verify::{CacheMetrics, Cached, Envelope, KnownHeaders, TokenCache};

use super::unit::Issuer;
use super::verify::trust_domain;
use crate::claims::{Claim, Claims, invalid, missing};
use crate::identity::Identity;
use crate::trust::TrustMap;

/// The issuers of an edge, and the map of trust between them. Cloning shares keys and caches.
///
/// Verifying does these steps in this order:
///
/// 1. The envelope is read: a compact JWS with a harmless header; and the claims: strict JSON.
/// 2. The issuer that the credential names selects whose keys must vouch. Nobody is believed yet,
///    and no other claim is looked at.
/// 3. Its `typ` is one of that issuer's profile.
/// 4. The key is this issuer's, of an allowed algorithm, and the signature is good.
/// 5. Issuer, audience, times, required claims.
/// 6. The kind, the tenant, then the mapping.
///
/// A credential that was accepted is kept, by issuer, so that its second sight skips 1 to 4.
#[derive(Clone)]
pub struct Issuers {
    members: Arc<[Member]>,
    trust: Arc<TrustMap>,
    /// Of any type: which one is demanded is known once the issuer is.
    headers: Arc<KnownHeaders>,
}

struct Member {
    issuer: Issuer,
    /// Of its own, so that a flood on one issuer takes nothing from another.
    cache: TokenCache<Accepted>,
}

/// A credential that was accepted, and what it is worth.
struct Accepted {
    token: Box<[u8]>,
    generation: u64,
    identity: Arc<Identity>,
}

impl Cached for Accepted {
    fn token(&self) -> &[u8] {
        &self.token
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn expires_at(&self) -> Timestamp {
        self.identity.expires_at
    }

    fn tenant(&self) -> Option<&Tenant> {
        Some(&self.identity.tenant)
    }
}

/// The claims of a credential that nobody vouched for yet. They say who must, and nothing else is
/// read of them until somebody did.
struct Unverified(Claims);

impl Unverified {
    fn read(envelope: &Envelope<'_>) -> Result<Self, Refusal> {
        Claims::read(envelope.danger_unverified_payload()).map(Self)
    }

    /// The issuer that must vouch: `iss`, or what stands in for one that is absent.
    fn issuer(&self) -> Result<&str, Refusal> {
        match self.0.at("iss") {
            Some(Claim::Text(issuer)) => return Ok(issuer),
            Some(_) => return Err(invalid("iss", "is no text")),
            None => {}
        }
        let stands_in = self.0.text("sub")?.and_then(trust_domain);
        stands_in.ok_or_else(|| missing("iss"))
    }
}

impl Issuers {
    /// How many accepted credentials are kept for each issuer.
    pub const CACHE_CAPACITY: usize = 10_000;

    /// Takes `issuers`, with `trust` between them.
    ///
    /// # Errors
    ///
    /// None are there, two share an alias or could be meant by the same `iss`, or the map of trust
    /// is contradictory.
    pub fn new(
        issuers: impl IntoIterator<Item = Issuer>,
        trust: TrustMap,
    ) -> Result<Self, IssuersError> {
        let issuers: Vec<Issuer> = issuers.into_iter().collect();
        let mut problems = Vec::new();
        if issuers.is_empty() {
            problems.push("there is no issuer, so nobody can pass".to_owned());
        }
        let mut aliases = BTreeSet::new();
        for issuer in &issuers {
            if !aliases.insert(issuer.alias()) {
                problems.push(format!("two issuers have the alias `{}`", issuer.alias()));
            }
        }
        for (n, one) in issuers.iter().enumerate() {
            for other in issuers.iter().skip(n + 1) {
                for name in &one.0.names {
                    if other.0.names.iter().any(|theirs| name.overlaps(theirs)) {
                        problems.push(format!(
                            "`{name}` could mean issuer `{}` and issuer `{}`",
                            one.alias(),
                            other.alias()
                        ));
                    }
                }
            }
        }
        if let Err(error) = trust.check() {
            problems.extend(error.problems().iter().cloned());
        }
        if !problems.is_empty() {
            return Err(IssuersError(problems));
        }
        let members = issuers.into_iter().map(|issuer| Member {
            issuer,
            cache: TokenCache::new(Self::CACHE_CAPACITY),
        });
        Ok(Self {
            members: members.collect(),
            trust: Arc::new(trust),
            headers: Arc::new(KnownHeaders::new(TokenType::DangerAny)),
        })
    }

    /// Replaces how many accepted credentials are kept for each issuer; 0 verifies each one each
    /// time. Default: [`Issuers::CACHE_CAPACITY`].
    #[must_use]
    pub fn with_cache_capacity(self, credentials: usize) -> Self {
        let members = self.members.iter().map(|member| Member {
            issuer: member.issuer.clone(),
            cache: TokenCache::new(credentials),
        });
        Self {
            members: members.collect(),
            ..self
        }
    }

    /// Verifies a signed credential.
    ///
    /// # Errors
    ///
    /// The refusals of the steps above; [`Reason::KeysUnavailable`] when the keys of its issuer are
    /// not at hand. Whether waiting could help says [`Issuers::keys_wait`].
    pub fn verify(&self, token: &[u8], now: Timestamp) -> Result<Arc<Identity>, Refusal> {
        for member in &*self.members {
            let current = member.issuer.keys().current();
            if current.status().is_ready()
                && let Some(accepted) = member.cache.get(token, current.generation(), now)
            {
                return Ok(Arc::clone(&accepted.identity));
            }
        }
        let envelope = self.headers.read(token)?;
        let unverified = Unverified::read(&envelope)?;
        let member = self.select(&unverified)?;
        let unit = &member.issuer.0;
        envelope.check_type(unit.profile.0.types)?;
        let current = unit.keys.current();
        let key = unit.vouch(&current, &envelope)?;
        self.headers.keep(&envelope);
        let Unverified(claims) = unverified;
        let identity = Arc::new(unit.judge(&claims, Some(key), &self.trust, now)?);
        let accepted = Accepted {
            token: token.into(),
            generation: current.generation(),
            identity: Arc::clone(&identity),
        };
        member.cache.insert(Arc::new(accepted), now);
        Ok(identity)
    }

    /// A wait that could turn `refusal` of `token` into an acceptance: for a key that its issuer
    /// added, or for that issuer's first key set. Other issuers are not asked.
    #[must_use]
    pub fn keys_wait(&self, token: &[u8], refusal: &Refusal) -> Option<KeyWait> {
        let unknown = refusal.reason() == Reason::KeyUnknown;
        if !unknown && refusal.reason() != Reason::KeysUnavailable {
            return None;
        }
        let envelope = self.headers.read(token).ok()?;
        let unverified = Unverified::read(&envelope).ok()?;
        let keys = self.select(&unverified).ok()?.issuer.keys();
        let status = keys.status();
        if status == KeysStatus::NotLoaded || status == KeysStatus::TooOld {
            return Some(keys.ready());
        }
        // They came between the refusal and this question.
        let came = !unknown || keys.current().set().find(envelope.kid()).is_some();
        if came && status == KeysStatus::Ready {
            return Some(keys.ready());
        }
        // Whoever published a set without a usable key may have mended it since.
        (unknown || status == KeysStatus::NoUsableKey)
            .then(|| keys.refresh_for_unknown())
            .flatten()
    }

    /// The issuer that a credential names. The name is not believed: it selects whose keys must
    /// have signed it.
    fn select(&self, unverified: &Unverified) -> Result<&Member, Refusal> {
        let issuer = unverified.issuer()?;
        let means = |member: &&Member| {
            let names = &member.issuer.0.names;
            names.iter().any(|name| name.fits(issuer).is_some())
        };
        self.members.iter().find(means).ok_or_else(|| {
            Refusal::new(Reason::IssuerUntrusted)
                .at(Place::claim("iss"))
                .because(format!(
                    "is `{}`, which is no issuer here",
                    shown(issuer.as_bytes())
                ))
        })
    }

    /// The issuers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Issuer> {
        self.members.iter().map(|member| &member.issuer)
    }

    /// The issuer of that alias.
    #[must_use]
    pub fn by_alias(&self, alias: &str) -> Option<&Issuer> {
        self.iter().find(|issuer| issuer.alias() == alias)
    }

    /// The map of trust.
    pub fn trust(&self) -> &TrustMap {
        &self.trust
    }

    /// Whether every issuer that signs has usable keys; for a readiness probe.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let mut signing = self.iter().filter(|issuer| issuer.signs());
        signing.all(|issuer| issuer.keys().status().is_ready())
    }

    /// What the caches of accepted credentials have counted, by alias.
    pub fn cache_metrics(&self) -> impl Iterator<Item = (&str, CacheMetrics)> {
        self.members
            .iter()
            .map(|member| (member.issuer.alias(), member.cache.metrics()))
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers")
            .field("issuers", &self.iter().collect::<Vec<_>>())
            .field("trust", &self.trust)
            .finish()
    }
}

/// What is wrong with a set of issuers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuersError(Vec<String>);

impl IssuersError {
    /// Each thing that is wrong, as a sentence.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for IssuersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Error for IssuersError {}
