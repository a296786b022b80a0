//! Trust domains: whose tokens count here.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use throughline_core::context::{Issuers, Vouch, Vouched};
use throughline_core::freshness::Freshness;
use throughline_core::hop::{self, TokenPolicy};
use throughline_core::refusal::shown;
use throughline_core::time::{Clock, Timestamp};
use throughline_core::{Reason, Refusal, TrustDomainName, Verified};

use super::cache::{CacheMetrics, TokenCache};
use super::envelope::{Envelope, TokenType};
use super::header::KnownHeaders;
use crate::clock::SystemClock;
use crate::keys::VerifyingKey;
use crate::mint::OwnToken;
use crate::source::{KeySource, KeyWait, Keys, KeysError, KeysStatus};

/// A trust domain: its name, the keys that sign in it, what its tokens must look like, and how it
/// learns what has been revoked.
///
/// Keys and freshness have no default, so a domain that lacks one does not compile:
///
/// ```
/// use std::time::Duration;
/// use throughline_core::freshness::Freshness;
/// use throughline_core::{Draft, Principal, Reason, Tenant, TrustDomainName};
/// use throughline_core::time::Timestamp;
/// use throughline_jose::mint::{SigningKey, TokenIssuer};
/// use throughline_jose::TrustDomain;
///
/// let name = TrustDomainName::new("prod.acme.internal")?;
/// let issuer = TokenIssuer::new(name, SigningKey::generate()?);
///
/// let domain = TrustDomain::new("prod.acme.internal")?
///     .with_keys(issuer.key_source())
///     .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(domain.load())?;
///
/// let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
/// let token = issuer.mint(Draft::user(ada, domain.now())?)?;
/// assert_eq!(domain.verify(token.as_bytes())?.principal().subject(), "ada");
///
/// // One character less, and it is refused as cut.
/// let cut = &token.as_bytes()[..token.len() - 1];
/// assert_eq!(domain.verify(cut).unwrap_err().reason(), Reason::ContextTruncated);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail
/// // No freshness: nothing says how a revocation would be noticed.
/// fn serve(domain: throughline_jose::TrustDomain) {}
/// let keys = throughline_jose::KeySource::file("jwks.json");
/// serve(throughline_jose::TrustDomain::new("prod.acme.internal").unwrap().with_keys(keys));
/// ```
///
/// Cloning shares keys and cache. Changing a clone's policy gives it a cache of its own, so that a
/// token accepted under one policy is verified again under the other.
#[derive(Clone)]
pub struct TrustDomain {
    policy: TokenPolicy,
    keys: Arc<[Keys]>,
    freshness: Freshness,
    clock: Arc<dyn Clock>,
    cache_capacity: usize,
    cache: Arc<TokenCache>,
    /// Of its own for each type of token that is demanded.
    headers: Arc<KnownHeaders>,
}

/// A trust domain that still needs keys.
#[derive(Clone, Debug)]
#[must_use = "a trust domain needs keys and a freshness"]
pub struct TrustDomainWithoutKeys(TrustDomainName);

impl TrustDomainWithoutKeys {
    /// States whose signatures count.
    pub fn with_keys(self, source: KeySource) -> TrustDomainWithKeys {
        TrustDomainWithKeys {
            name: self.0,
            keys: vec![source.into_keys()],
        }
    }
}

/// A trust domain that still needs a freshness.
#[derive(Clone)]
#[must_use = "a trust domain needs a freshness"]
pub struct TrustDomainWithKeys {
    name: TrustDomainName,
    keys: Vec<Keys>,
}

impl TrustDomainWithKeys {
    /// Adds another source of keys, such as a second token service with its own issuer. What
    /// a source pins with [`KeySource::for_issuer`] is vouched for by the keys of such sources alone,
    /// never by those of a source that is pinned to another issuer or to none.
    pub fn add_keys(mut self, source: KeySource) -> Self {
        self.keys.push(source.into_keys());
        self
    }

    /// States how the domain learns what has been revoked. Where there is no feed yet, that is said
    /// in code: [`Freshness::lifetime_only`].
    #[must_use]
    pub fn with_freshness(self, freshness: Freshness) -> TrustDomain {
        TrustDomain {
            policy: TokenPolicy::new(self.name),
            keys: self.keys.into(),
            freshness,
            clock: Arc::new(SystemClock),
            cache_capacity: TrustDomain::DEFAULT_CACHE_CAPACITY,
            cache: Arc::new(TokenCache::new(TrustDomain::DEFAULT_CACHE_CAPACITY)),
            headers: Arc::new(KnownHeaders::new(TokenType::Transaction)),
        }
    }
}

impl fmt::Debug for TrustDomainWithKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustDomainWithKeys")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl TrustDomain {
    /// How many accepted tokens are kept by default.
    pub const DEFAULT_CACHE_CAPACITY: usize = 10_000;

    /// Names a trust domain: the `aud` of its contexts.
    ///
    /// # Errors
    ///
    /// `name` is not 1 to 255 bytes of `[a-z0-9._-]` starting with a letter or digit.
    #[expect(
        clippy::new_ret_no_self,
        reason = "a domain without keys and freshness is no domain"
    )]
    pub fn new(name: &str) -> Result<TrustDomainWithoutKeys, TrustDomainError> {
        match TrustDomainName::new(name) {
            Ok(name) => Ok(TrustDomainWithoutKeys(name)),
            Err(error) => Err(TrustDomainError(error.to_string())),
        }
    }

    /// Changes what is demanded of a token. The default is
    /// [`TokenPolicy::new`](TokenPolicy::new)`(name)`.
    #[must_use]
    pub fn with_policy(self, change: impl FnOnce(TokenPolicy) -> TokenPolicy) -> Self {
        let policy = change(self.policy);
        Self {
            policy,
            cache: Arc::new(TokenCache::new(self.cache_capacity)),
            ..self
        }
    }

    /// Replaces the `typ` that is demanded. Default: [`TokenType::Transaction`].
    #[must_use]
    pub fn with_token_type(self, types: TokenType) -> Self {
        Self {
            cache: Arc::new(TokenCache::new(self.cache_capacity)),
            // A header that was read for another type of token proves nothing about this one.
            headers: Arc::new(KnownHeaders::new(types)),
            ..self
        }
    }

    /// Replaces the clock. Default: the system's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            cache: Arc::new(TokenCache::new(self.cache_capacity)),
            ..self
        }
    }

    /// Replaces the number of accepted tokens that are kept; 0 verifies each token each time.
    /// Default: [`TrustDomain::DEFAULT_CACHE_CAPACITY`]. An entry takes about 1.9 KiB for a token
    /// of 700 bytes.
    #[must_use]
    pub fn with_cache_capacity(self, tokens: usize) -> Self {
        Self {
            cache_capacity: tokens,
            cache: Arc::new(TokenCache::new(tokens)),
            ..self
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &TrustDomainName {
        self.policy.audience()
    }

    /// How the domain learns what has been revoked.
    #[must_use]
    pub fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// The time by this domain's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Loads the keys of every source. For start-up: without it the first requests wait for them.
    ///
    /// # Errors
    ///
    /// The first source that could not be loaded; the others were tried all the same. The domain
    /// stays usable and tries again by itself.
    pub async fn load(&self) -> Result<(), KeysError> {
        let mut outcome = Ok(());
        for keys in &*self.keys {
            let loaded = keys.load().await;
            outcome = outcome.and(loaded);
        }
        outcome
    }

    /// Whether every source has usable keys; for a readiness probe.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.keys.iter().all(|keys| keys.status().is_ready())
    }

    /// Steps 3 to 6 of the hop for `token`, with the keys at hand, now.
    ///
    /// # Errors
    ///
    /// The refusals of steps 3 to 6, and [`Reason::KeysUnavailable`] when no usable key set is at
    /// hand. Whether waiting could help says [`TrustDomain::keys_wait`].
    pub fn verify(&self, token: &[u8]) -> Result<Verified, Refusal> {
        self.verify_at(token, self.clock.now())
    }

    /// As [`TrustDomain::verify`], at a time that was read already.
    ///
    /// # Errors
    ///
    /// As [`TrustDomain::verify`].
    pub fn verify_at(&self, token: &[u8], now: Timestamp) -> Result<Verified, Refusal> {
        let generation = self.generation();
        if let Some(genuine) = generation.and_then(|live| self.cache.get(token, live, now)) {
            return hop::verify(genuine, &self.policy, &self.freshness, now);
        }
        let genuine = hop::authenticate(token, &Signatures(self), &self.policy, now)?;
        let verified = hop::verify(Arc::clone(&genuine), &self.policy, &self.freshness, now)?;
        self.cache.insert(genuine, now);
        Ok(verified)
    }

    /// Takes a token that this process has just signed itself, so that its first sight costs no
    /// more than its second. For an edge, where each request gets a token of its own.
    ///
    /// Only the signature is not checked again. A token that this domain would not accept, such as
    /// one whose key it does not publish, is not taken; what is refused then, and why, says
    /// [`TrustDomain::verify`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use throughline_core::freshness::Freshness;
    /// use throughline_core::{Draft, Principal, Reason, Tenant, TrustDomainName};
    /// use throughline_jose::mint::{SigningKey, TokenIssuer};
    /// use throughline_jose::TrustDomain;
    ///
    /// let name = || TrustDomainName::new("prod.acme.internal");
    /// let issuer = TokenIssuer::new(name()?, SigningKey::generate()?);
    /// let stranger = TokenIssuer::new(name()?, SigningKey::generate()?);
    /// let domain = TrustDomain::new("prod.acme.internal")?
    ///     .with_keys(issuer.key_source())
    ///     .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(domain.load())?;
    /// let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
    ///
    /// let own = issuer.mint_own(Draft::user(ada.clone(), domain.now())?)?;
    /// domain.prime(&own);
    /// assert!(domain.verify(own.token()).is_ok());
    /// assert_eq!(domain.cache_metrics().hits, 1);
    ///
    /// // A key of this process is not therefore one of the domain.
    /// let own = stranger.mint_own(Draft::user(ada, domain.now())?)?;
    /// domain.prime(&own);
    /// assert_eq!(domain.verify(own.token()).unwrap_err().reason(), Reason::KeyUnknown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prime(&self, own: &OwnToken) {
        let now = self.clock.now();
        let signed = Signed { domain: self, own };
        if let Ok(genuine) = hop::authenticate(own.token(), &signed, &self.policy, now) {
            self.cache.insert(genuine, now);
        }
    }

    /// A wait that could turn `refusal` into an acceptance: for a key that was added since the last
    /// fetch, or for the first key set. It is over at once where the key has come since the refusal.
    /// None where it could not, or where the cool-down of a source forbids to ask.
    #[must_use]
    pub fn keys_wait(&self, refusal: &Refusal) -> Option<DomainKeysWait> {
        let waits: Vec<KeyWait> = if refusal.reason() == Reason::KeyUnknown {
            if self.knows_now(refusal) {
                // It came between the refusal and this question.
                return Some(DomainKeysWait(Vec::new()));
            }
            self.keys
                .iter()
                .filter_map(Keys::refresh_for_unknown)
                .collect()
        } else if refusal.reason() == Reason::KeysUnavailable {
            let hope = |keys: &Keys| match keys.status() {
                KeysStatus::NotLoaded | KeysStatus::TooOld => Some(keys.ready()),
                // Whoever published a set without a usable key may have mended it since.
                KeysStatus::NoUsableKey => keys.refresh_for_unknown(),
                KeysStatus::Ready => None,
            };
            let waits: Vec<KeyWait> = self.keys.iter().filter_map(hope).collect();
            if waits.is_empty() && self.is_ready() {
                // They came between the refusal and this question.
                return Some(DomainKeysWait(self.keys.iter().map(Keys::ready).collect()));
            }
            waits
        } else {
            Vec::new()
        };
        (!waits.is_empty()).then_some(DomainKeysWait(waits))
    }

    /// Whether a set at hand holds the key that was unknown at the time of `refusal`.
    fn knows_now(&self, refusal: &Refusal) -> bool {
        let kid = said_unknown(refusal);
        kid.is_some_and(|kid| {
            self.keys.iter().any(|keys| {
                let current = keys.current();
                current.status().is_ready() && current.set().find(Some(kid)).is_some()
            })
        })
    }

    /// What the cache of verified tokens has counted.
    #[must_use]
    pub fn cache_metrics(&self) -> CacheMetrics {
        self.cache.metrics()
    }

    /// One number for the state of all key sets; none when some set is not usable. It rises when
    /// any set changes, so an entry of the cache dies with the set that vouched for it.
    fn generation(&self) -> Option<u64> {
        self.keys.iter().try_fold(0_u64, |sum, keys| {
            let current = keys.current();
            current
                .status()
                .is_ready()
                .then(|| sum.wrapping_add(current.generation()))
        })
    }

    /// The same for an entry that is made, whatever the sets are worth. Read before their keys: if
    /// a set changes meanwhile, the entry is born dead, never stale.
    fn generation_before(&self) -> u64 {
        let generations = self.keys.iter().map(|keys| keys.current().generation());
        generations.fold(0, u64::wrapping_add)
    }

    /// Whose tokens `key` may vouch for, once it has vouched for `envelope` as one of `source`.
    /// Several sources may publish one key, and each speaks for its own issuer: while an issuer
    /// changes its name, one key is there under both. What is pinned by no source is left to those
    /// that pin nothing.
    fn issuers_of(&self, source: &Keys, key: &VerifyingKey, envelope: &Envelope<'_>) -> Issuers {
        let vouches = |keys: &Keys| {
            let current = keys.current();
            let published = current.set().find(envelope.kid());
            let same = published.filter(|other| other.thumbprint() == key.thumbprint());
            // Its set may have changed since, and the key was good then.
            std::ptr::eq(keys, source)
                || (current.status().is_ready()
                    && same.is_some_and(|same| envelope.check_signature(same).is_ok()))
        };
        let pins = |held: bool| {
            let kept = self.keys.iter().filter(move |keys| vouches(keys) == held);
            kept.filter_map(Keys::issuer).map(Into::into)
        };
        let pinned: Vec<Box<str>> = pins(true).collect();
        let unpinned = |keys: &Keys| keys.issuer().is_none() && vouches(keys);
        if self.keys.iter().any(unpinned) {
            Issuers::AllBut(pins(false).filter(|pin| !pinned.contains(pin)).collect())
        } else {
            Issuers::OneOf(pinned.into())
        }
    }
}

impl fmt::Debug for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustDomain")
            .field("policy", &self.policy)
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}

/// What a refusal says of a `kid` that no set knows.
fn says_unknown(kid: Option<&str>) -> String {
    let kid = kid.map_or("absent".into(), |kid| shown(kid.as_bytes()));
    format!("kid is `{kid}`")
}

/// The `kid` of such a refusal, for one more look. One that is shown in part only is not found by
/// it, and stays unknown for as long as a fetch may not start.
fn said_unknown(refusal: &Refusal) -> Option<&str> {
    refusal
        .detail()?
        .strip_prefix("kid is `")?
        .strip_suffix('`')
}

/// Steps 3 and 4, as the seam of the core wants them.
struct Signatures<'d>(&'d TrustDomain);

impl Vouch for Signatures<'_> {
    fn vouch(&self, token: &[u8]) -> Result<(Vec<u8>, Vouched), Refusal> {
        let domain = self.0;
        let envelope = domain.headers.read(token)?;
        let generation = domain.generation_before();

        let mut refused = None;
        let mut unavailable = None;
        for keys in &*domain.keys {
            let current = keys.current();
            if !current.status().is_ready() {
                unavailable = Some(current.status());
                continue;
            }
            let Some(key) = current.set().find(envelope.kid()) else {
                continue;
            };
            match envelope.check_signature(key) {
                Ok(()) => {
                    domain.headers.keep(&envelope);
                    let vouched = Vouched {
                        key: *key.thumbprint().as_bytes(),
                        generation,
                        issuers: domain.issuers_of(keys, key, &envelope),
                    };
                    return Ok((envelope.into_danger_unverified_payload(), vouched));
                }
                // Two sources may use one `kid`; only the signature tells which one is meant.
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        // A set that is not at hand may hold the key that is meant, under the same `kid` too.
        if let Some(status) = unavailable {
            return Err(Refusal::new(Reason::KeysUnavailable).because(status.to_string()));
        }
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        Err(Refusal::new(Reason::KeyUnknown).because(says_unknown(envelope.kid())))
    }
}

/// The same for a token that this process signed: its key has to be one of the domain's, under the
/// name that the token says.
struct Signed<'d> {
    domain: &'d TrustDomain,
    own: &'d OwnToken,
}

impl Vouch for Signed<'_> {
    fn vouch(&self, token: &[u8]) -> Result<(Vec<u8>, Vouched), Refusal> {
        let Self { domain, own } = self;
        let envelope = domain.headers.read(token)?;
        let generation = domain.generation_before();
        for keys in &*domain.keys {
            let current = keys.current();
            let published = current.set().find(envelope.kid());
            if current.status().is_ready()
                && published.is_some_and(|key| key.thumbprint() == own.key().thumbprint())
            {
                domain.headers.keep(&envelope);
                let vouched = Vouched {
                    key: *own.key().thumbprint().as_bytes(),
                    generation,
                    issuers: domain.issuers_of(keys, own.key(), &envelope),
                };
                return Ok((envelope.into_danger_unverified_payload(), vouched));
            }
        }
        Err(Refusal::new(Reason::KeyUnknown))
    }
}

/// Waits, for a bounded time, for the key sets of a domain. After it, verify again.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct DomainKeysWait(Vec<KeyWait>);

impl Future for DomainKeysWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        self.0
            .retain_mut(|wait| Pin::new(wait).poll(cx).is_pending());
        if self.0.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// The name of a trust domain is unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomainError(String);

impl fmt::Display for TrustDomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for TrustDomainError {}
