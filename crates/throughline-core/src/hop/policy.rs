//! What a trust domain demands of every token: step 5 of the hop.

use std::sync::Arc;
use std::time::Duration;

use crate::context::Issuers;
use crate::reason::Reason;
use crate::refusal::{Place, Refusal, shown};
use crate::time::Timestamp;
use crate::trust_domain::TrustDomainName;

/// What a trust domain demands of every token it accepts.
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenPolicy {
    audience: TrustDomainName,
    issuer: Option<Arc<str>>,
    skew: Duration,
    max_lifetime: Duration,
    max_chain_age: Duration,
}

impl TokenPolicy {
    /// The widest clock skew that can be configured.
    pub const MAX_SKEW: Duration = Duration::from_secs(300);

    /// The defaults: 30 seconds of skew, 15 minutes of lifetime, 24 hours of chain age, any
    /// issuer whose key is known.
    pub const fn new(audience: TrustDomainName) -> Self {
        Self {
            audience,
            issuer: None,
            skew: Duration::from_secs(30),
            max_lifetime: Duration::from_secs(15 * 60),
            max_chain_age: Duration::from_secs(24 * 60 * 60),
        }
    }

    /// Demands an `iss`, equal byte for byte. Default: none demanded.
    pub fn with_issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Replaces the clock skew that is forgiven, at most [`TokenPolicy::MAX_SKEW`]. Default: 30 s.
    pub fn with_skew(mut self, skew: Duration) -> Self {
        self.skew = skew.min(Self::MAX_SKEW);
        self
    }

    /// Replaces the longest lifetime of a token, `exp − iat`. Default: 15 minutes.
    pub const fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// Replaces the greatest age of the whole chain, now − `as_of`. Default: 24 hours.
    pub const fn with_max_chain_age(mut self, age: Duration) -> Self {
        self.max_chain_age = age;
        self
    }

    /// The trust domain.
    pub fn audience(&self) -> &TrustDomainName {
        &self.audience
    }

    pub(crate) fn check_issuer(
        &self,
        issuer: Option<&str>,
        vouched: &Issuers,
    ) -> Result<(), Refusal> {
        let missing = || Refusal::new(Reason::ClaimMissing).at(Place::claim("iss"));
        let untrusted = |issuer: &str, expected: String| {
            Refusal::new(Reason::IssuerUntrusted)
                .at(Place::claim("iss"))
                .because(format!(
                    "is `{}`, expected {expected}",
                    shown(issuer.as_bytes())
                ))
        };
        let among = |list: &[Box<str>], issuer: &str| list.iter().any(|one| **one == *issuer);
        match (vouched, issuer) {
            (Issuers::AllBut(others), Some(issuer)) if among(others, issuer) => {
                return Err(untrusted(
                    issuer,
                    "one that no other key is pinned to".into(),
                ));
            }
            (Issuers::OneOf(_), None) => return Err(missing()),
            (Issuers::OneOf(own), Some(issuer)) if !among(own, issuer) => {
                return Err(untrusted(issuer, format!("`{}`", own.join("` or `"))));
            }
            (Issuers::AllBut(_) | Issuers::OneOf(_), _) => {}
        }
        match (self.issuer.as_deref(), issuer) {
            (Some(_), None) => Err(missing()),
            (Some(demanded), Some(issuer)) if issuer != demanded => {
                Err(untrusted(issuer, format!("`{demanded}`")))
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    pub(crate) fn check_audience(&self, audience: Option<&str>) -> Result<(), Refusal> {
        if audience == Some(self.audience.as_str()) {
            return Ok(());
        }
        let found = audience.map_or("several or none".into(), |one| shown(one.as_bytes()));
        Err(Refusal::new(Reason::AudienceMismatch)
            .at(Place::claim("aud"))
            .because(format!("is `{found}`, expected `{}`", self.audience)))
    }

    /// RFC 7519 §4.1.4 to §4.1.6, with the caps of this policy.
    pub(crate) fn check_times(&self, times: TokenTimes, now: Timestamp) -> Result<(), Refusal> {
        let TokenTimes {
            issued_at,
            not_before,
            expires_at,
            as_of,
        } = times;
        let refuse = |reason, claim, detail: String| {
            Err(Refusal::new(reason).at(Place::claim(claim)).because(detail))
        };
        let latest = now.plus(self.skew);
        if issued_at > latest {
            return refuse(
                Reason::ContextNotYetValid,
                "iat",
                format!("is {issued_at}, now is {now}"),
            );
        }
        if let Some(not_before) = not_before.filter(|not_before| *not_before > latest) {
            return refuse(
                Reason::ContextNotYetValid,
                "nbf",
                format!("is {not_before}, now is {now}"),
            );
        }
        if expires_at <= now.minus(self.skew) {
            return refuse(
                Reason::ContextExpired,
                "exp",
                format!("is {expires_at}, now is {now}"),
            );
        }
        if expires_at <= issued_at {
            return refuse(
                Reason::ClaimInvalid,
                "exp",
                format!("is {expires_at}, expected more than `iat` {issued_at}"),
            );
        }
        if expires_at.since(issued_at) > self.max_lifetime {
            return refuse(
                Reason::LifetimeExcessive,
                "exp",
                format!(
                    "is {} s after `iat`, expected at most {} s",
                    expires_at.since(issued_at).as_secs(),
                    self.max_lifetime.as_secs()
                ),
            );
        }
        // A younger `as_of` than the token would launder what it was derived from.
        if as_of > issued_at {
            return refuse(
                Reason::ClaimInvalid,
                "rctx.as_of",
                format!("is {as_of}, expected at most `iat` {issued_at}"),
            );
        }
        if now.since(as_of) > self.max_chain_age.saturating_add(self.skew) {
            return refuse(
                Reason::LifetimeExcessive,
                "rctx.as_of",
                format!(
                    "is {} s ago, expected at most {} s",
                    now.since(as_of).as_secs(),
                    self.max_chain_age.as_secs()
                ),
            );
        }
        Ok(())
    }
}

/// The points in time a token states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenTimes {
    pub(crate) issued_at: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    pub(crate) as_of: Timestamp,
}
