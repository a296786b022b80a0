//! The embedded issuer: drafts in, signed transaction tokens out.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use throughline_core::carrier::OwnedFields;
use throughline_core::context::{Context, Draft, DraftError, Lifetime};
use throughline_core::grant::Grant;
use throughline_core::time::{Clock, Timestamp};
use throughline_core::{Actor, Admitted, Reason, TrustDomainName};

use super::signing::SigningKey;
use crate::base64url;
use crate::clock::SystemClock;
use crate::keys::VerifyingKey;
use crate::source::{FetchError, FetchLimits, Fetched, KeySource};

/// Mints transaction tokens for one trust domain. Cloning shares the keys.
///
/// ```
/// use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
/// use throughline_core::time::Timestamp;
/// use throughline_jose::mint::{SigningKey, TokenIssuer};
///
/// let domain = TrustDomainName::new("prod.acme.internal")?;
/// let issuer = TokenIssuer::new(domain, SigningKey::generate()?);
///
/// let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
/// let token = issuer.mint(Draft::user(ada.clone(), Timestamp::from_unix(1_700_000_000))?)?;
/// assert_eq!(token.matches('.').count(), 2);
///
/// // A context that would not fit through common proxies is refused here, not cut there.
/// let facts = throughline_core::context::RequestFacts {
///     facts: [("note".into(), "x".repeat(8_000).into())].into(),
///     ..Default::default()
/// };
/// let draft = Draft::user(ada, Timestamp::from_unix(1_700_000_000))?.with_request(facts);
/// assert!(issuer.mint(draft).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenIssuer {
    audience: TrustDomainName,
    issuer: Option<Box<str>>,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
    ring: Arc<ArcSwap<Ring>>,
    /// Serialises rotations; minting never waits for it.
    rotating: Arc<Mutex<()>>,
}

/// The keys in use: one signs, all are published.
#[derive(Clone)]
struct Ring {
    signing: Arc<SigningKey>,
    /// The encoded header and its dot.
    header: Arc<str>,
    published: Vec<Arc<SigningKey>>,
}

impl Ring {
    fn new(signing: Arc<SigningKey>, published: Vec<Arc<SigningKey>>) -> Self {
        let kid = serde_json::Value::from(signing.kid());
        let header = format!(r#"{{"typ":"txntoken+jwt","alg":"EdDSA","kid":{kid}}}"#);
        let header = base64url::encode(header.as_bytes()) + ".";
        Self {
            signing,
            header: header.into(),
            published,
        }
    }
}

impl TokenIssuer {
    /// Mints for `audience`, signing with `key`.
    #[must_use]
    pub fn new(audience: TrustDomainName, key: SigningKey) -> Self {
        let key = Arc::new(key);
        let ring = Ring::new(Arc::clone(&key), vec![key]);
        Self {
            audience,
            issuer: None,
            lifetime: Duration::from_secs(5 * 60),
            clock: Arc::new(SystemClock),
            ring: Arc::new(ArcSwap::from_pointee(ring)),
            rotating: Arc::default(),
        }
    }

    /// Writes an `iss`. Default: none, as the keys of the domain say who signs.
    #[must_use]
    pub fn with_issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Replaces the lifetime of a token. Default: 5 minutes.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Replaces the clock. Default: the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The time by this issuer's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The trust domain it mints for.
    #[must_use]
    pub fn audience(&self) -> &TrustDomainName {
        &self.audience
    }

    /// Mints a token for `draft`, which ends by [`Draft::latest_end`] at the latest.
    ///
    /// # Errors
    ///
    /// `draft` is known to be true only as of the future, its latest end has passed, the token
    /// would be too large, or the system gave no randomness for its transaction id.
    pub fn mint(&self, draft: Draft) -> Result<String, MintError> {
        self.issue(draft).map(|(minted, _)| minted.token)
    }

    /// As [`TokenIssuer::mint`], with the proof that this process signed the token: a verifier in
    /// it need not check the signature again ([`TrustDomain::prime`](crate::TrustDomain::prime)).
    ///
    /// # Errors
    ///
    /// As for [`TokenIssuer::mint`].
    pub fn mint_own(&self, draft: Draft) -> Result<OwnToken, MintError> {
        let (minted, key) = self.issue(draft)?;
        Ok(OwnToken {
            token: minted.token.into(),
            key,
        })
    }

    /// Renews the token of admitted work: the same context, with a new lifetime. `as_of` stays, so
    /// renewing makes nothing fresher.
    ///
    /// # Errors
    ///
    /// The parent has expired, or as for [`TokenIssuer::mint`].
    pub fn renew(&self, parent: &Admitted) -> Result<Minted, MintError> {
        self.check_alive(parent)?;
        self.issue(Draft::continuing(parent))
            .map(|(minted, _)| minted)
    }

    /// Narrows admitted work: `grant` in the place of the parent's, acted by `actor`, who is
    /// whoever asks for it as the transport authenticated it.
    ///
    /// # Errors
    ///
    /// The grant is wider than the parent's, the chain would be too long or run in a circle, the
    /// parent has expired, or as for [`TokenIssuer::mint`].
    pub fn narrow(
        &self,
        parent: &Admitted,
        grant: Grant,
        actor: Actor,
    ) -> Result<Minted, MintError> {
        self.check_alive(parent)?;
        let grant = parent.grant().narrow(grant).map_err(MintErrorKind::Wider)?;
        let workload = actor.principal().to_string();
        let draft = Draft::continuing(parent)
            .with_grant(grant)
            .delegated_to(actor)
            .and_then(|draft| draft.requested_by(&workload))
            .map_err(MintErrorKind::Draft)?;
        self.issue(draft).map(|(minted, _)| minted)
    }

    /// An expired token is not replaced (draft-ietf-oauth-transaction-tokens-10, "Txn-Token as a
    /// subject_token"), and one of another domain is nothing to us.
    fn check_alive(&self, parent: &Admitted) -> Result<(), MintError> {
        let lifetime = parent.lifetime();
        if *lifetime.audience != *self.audience.as_str() {
            return Err(MintErrorKind::AnotherDomain.into());
        }
        if lifetime.expires_at <= self.clock.now() {
            return Err(MintErrorKind::ParentExpired.into());
        }
        Ok(())
    }

    fn issue(&self, draft: Draft) -> Result<(Minted, VerifyingKey), MintError> {
        let now = self.clock.now();
        let mut transaction = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut transaction).map_err(|_| MintErrorKind::Randomness)?;
        let transaction = base64url::encode(&transaction);
        let latest = draft.latest_end().unwrap_or(Timestamp::MAX);
        let expires_at = now.plus(self.lifetime).min(latest);
        if expires_at <= now {
            return Err(MintErrorKind::Ended.into());
        }
        if draft.as_of() > now {
            return Err(MintErrorKind::AsOfFuture.into());
        }
        let lifetime = Lifetime {
            audience: self.audience.as_str().into(),
            issuer: self.issuer.clone(),
            issued_at: now,
            not_before: None,
            expires_at,
        };
        let context = draft
            .issue(&transaction, lifetime)
            .map_err(MintErrorKind::Draft)?;
        let (token, key) = self.sign(&context.to_claims())?;
        Ok((Minted { token, context }, key))
    }

    /// Signs claims as a transaction token. Yields the public half of the key, too.
    fn sign(&self, claims: &[u8]) -> Result<(String, VerifyingKey), MintError> {
        let ring = self.ring.load();
        let mut token =
            String::with_capacity(ring.header.len() + claims.len().div_ceil(3) * 4 + 88);
        token.push_str(&ring.header);
        base64url::encode_onto(&mut token, claims);
        let signature = ring.signing.sign(token.as_bytes());
        token.push('.');
        base64url::encode_onto(&mut token, signature.as_ref());
        if token.len() > OwnedFields::DEFAULT_SENDER_MAX_BYTES {
            return Err(MintErrorKind::Oversized(token.len()).into());
        }
        Ok((token, ring.signing.public().clone()))
    }

    /// Publishes `key` beside those in use: the first step of a rotation. Wait until every verifier
    /// has fetched the set before [`TokenIssuer::sign_with`].
    ///
    /// # Errors
    ///
    /// A published key has the same `kid`.
    pub fn publish(&self, key: SigningKey) -> Result<(), RotationError> {
        self.rotate(|ring| {
            if ring.published.iter().any(|known| known.kid() == key.kid()) {
                return Err(RotationError(RotationRule::KidInUse));
            }
            ring.published.push(Arc::new(key));
            Ok(())
        })
    }

    /// Signs with the published key `kid` from now on: the second step of a rotation. The key
    /// before it stays published, as its tokens are still under way.
    ///
    /// # Errors
    ///
    /// No published key has that `kid`.
    pub fn sign_with(&self, kid: &str) -> Result<(), RotationError> {
        self.rotate(|ring| {
            let key = ring.published.iter().find(|key| key.kid() == kid);
            let key = key.ok_or(RotationError(RotationRule::KidUnknown))?;
            *ring = Ring::new(Arc::clone(key), ring.published.clone());
            Ok(())
        })
    }

    /// Publishes the key `kid` no more: the last step of a rotation, a token's lifetime after it
    /// stopped signing, or at once when it leaked. Its tokens die at each verifier's next fetch.
    ///
    /// # Errors
    ///
    /// No published key has that `kid`, or it is the one that signs.
    pub fn retire(&self, kid: &str) -> Result<(), RotationError> {
        self.rotate(|ring| {
            if ring.signing.kid() == kid {
                return Err(RotationError(RotationRule::Signing));
            }
            let before = ring.published.len();
            ring.published.retain(|key| key.kid() != kid);
            if ring.published.len() == before {
                return Err(RotationError(RotationRule::KidUnknown));
            }
            Ok(())
        })
    }

    fn rotate(
        &self,
        change: impl FnOnce(&mut Ring) -> Result<(), RotationError>,
    ) -> Result<(), RotationError> {
        let _turn = self.rotating.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ring = Ring::clone(&self.ring.load());
        change(&mut ring)?;
        self.ring.store(Arc::new(ring));
        Ok(())
    }

    /// The published keys as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> String {
        let ring = self.ring.load();
        let keys: Vec<_> = ring.published.iter().map(|key| key.public_jwk()).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    /// The published keys as a source for a verifier in this process. It follows rotations the way
    /// a fetched set does.
    pub fn key_source(&self) -> KeySource {
        let issuer = self.clone();
        let source = KeySource::fetch(move |_: FetchLimits| {
            let document = issuer.jwks();
            async move { Ok::<_, FetchError>(Fetched::new(document)) }
        });
        match &self.issuer {
            Some(issuer) => source.for_issuer(issuer.clone()),
            None => source,
        }
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// A token, and what it says.
#[derive(Clone)]
pub struct Minted {
    /// The token.
    pub token: String,
    /// What it says.
    pub context: Context,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// A token that this process has signed itself. Only a [`TokenIssuer`] makes one.
#[derive(Clone)]
pub struct OwnToken {
    token: Bytes,
    key: VerifyingKey,
}

impl OwnToken {
    /// The token.
    #[must_use]
    pub fn token(&self) -> &Bytes {
        &self.token
    }

    /// The public half of the key that signed it.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

impl fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnToken")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A token could not be minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintError(MintErrorKind);

/// Why a token could not be minted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MintErrorKind {
    /// The parent belongs to another trust domain.
    AnotherDomain,
    /// The draft is known to be true only as of the future.
    AsOfFuture,
    /// The latest end of the draft has passed.
    Ended,
    /// The draft is unusable.
    Draft(DraftError),
    /// The token would have this many bytes.
    Oversized(usize),
    /// The parent has expired.
    ParentExpired,
    /// The system gave no randomness.
    Randomness,
    /// The grant asked for is wider than the parent's.
    Wider(Reason),
}

impl MintError {
    /// Why.
    #[must_use]
    pub fn kind(&self) -> &MintErrorKind {
        &self.0
    }

    /// The reason a hop gives that needed the token.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self.0 {
            MintErrorKind::AsOfFuture | MintErrorKind::Draft(_) => Reason::ClaimInvalid,
            MintErrorKind::AnotherDomain => Reason::AudienceMismatch,
            MintErrorKind::Ended | MintErrorKind::ParentExpired => Reason::ContextExpired,
            MintErrorKind::Wider(reason) => reason,
            MintErrorKind::Oversized(_) => Reason::ContextOversized,
            MintErrorKind::Randomness => Reason::ExchangeUnavailable,
        }
    }
}

impl From<MintErrorKind> for MintError {
    fn from(kind: MintErrorKind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            MintErrorKind::AnotherDomain => f.write_str("parent is of another trust domain"),
            MintErrorKind::AsOfFuture => f.write_str("draft is as of the future"),
            MintErrorKind::ParentExpired => f.write_str("parent has expired"),
            MintErrorKind::Wider(reason) => f.write_str(reason.log_text()),
            MintErrorKind::Ended => {
                f.write_str("task of the draft, or what it is made from, has ended")
            }
            MintErrorKind::Draft(_) => f.write_str("draft is unusable"),
            MintErrorKind::Oversized(bytes) => write!(
                f,
                "token would have {bytes} bytes, expected at most {}",
                OwnedFields::DEFAULT_SENDER_MAX_BYTES
            ),
            MintErrorKind::Randomness => f.write_str("the system gave no randomness"),
        }
    }
}

impl Error for MintError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            MintErrorKind::Draft(error) => Some(error),
            MintErrorKind::AnotherDomain
            | MintErrorKind::AsOfFuture
            | MintErrorKind::Ended
            | MintErrorKind::ParentExpired
            | MintErrorKind::Wider(_)
            | MintErrorKind::Oversized(_)
            | MintErrorKind::Randomness => None,
        }
    }
}

/// A step of a key rotation is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationError(RotationRule);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RotationRule {
    KidInUse,
    KidUnknown,
    Signing,
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            RotationRule::KidInUse => "a published key has this kid already",
            RotationRule::KidUnknown => "no published key has this kid",
            RotationRule::Signing => "the key signs, let another one sign before it is retired",
        })
    }
}

impl Error for RotationError {}
