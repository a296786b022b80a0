//! A trust domain of the test: real keys, any time.
//!
//! A [`TestDomain`] holds all that stands behind a service: the keys and the server that publishes
//! them, the issuer that signs, the feed that says what was revoked, the clock, and the token
//! service. The service under test gets [`TestDomain::trust_domain`] and nothing else.
//!
//! Rules:
//!
//! 1. **Nothing is faked that decides.** Tokens are signed with real Ed25519 keys and verified by the
//!    ordinary [`TrustDomain`]: what is refused here is refused in production.
//! 2. **Each domain is a world of its own.** Two tests that run at once share nothing.
//! 3. **What is shared is shared by cloning**: every [`TestDomain::trust_domain`] has the same keys at
//!    hand and the same cache, as the layers of one service have.
//!    [`TestDomain::another_trust_domain`] is another service of the domain.
//! 4. **The limits are those of production**: a key that was published a moment ago may be unknown
//!    until the cool-down of the last fetch is over. [`TestDomain::load`] is the operator who does not
//!    wait.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use throughline_core::Reason;
//! use throughline_testing::TestDomain;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = TestDomain::new();
//! domain.load().await?;
//! let token = domain.token("acme");
//! let verify = || {
//!     let verified = domain.trust_domain().verify(token.as_bytes());
//!     verified.map(|context| context.tenant().map(ToString::to_string))
//! };
//! assert_eq!(verify()?, Some("acme".to_owned()));
//!
//! // The tenant is suspended …
//! domain.suspend("acme");
//! assert_eq!(verify().unwrap_err().reason(), Reason::TenantSuspended);
//! domain.restore();
//! assert!(verify().is_ok());
//!
//! // … and an hour later the token has expired.
//! domain.clock().advance(Duration::from_secs(3_600));
//! assert_eq!(verify().unwrap_err().reason(), Reason::ContextExpired);
//! # Ok(())
//! # }
//! ```
//!
//! A handler that wants a [`TenantContext`] can be tested without a request:
//!
//! ```
//! # use throughline::TenantContext;
//! # use throughline_testing::TestDomain;
//! async fn greet(cx: TenantContext) -> String {
//!     format!("hello {} of {}", cx.principal().subject(), cx.tenant())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = TestDomain::new();
//! let cx = domain.admit(&domain.token("acme")).await?;
//! assert_eq!(greet(cx).await, "hello ada of acme");
//!
//! // It is the ordinary way in: what the layer refuses gives no context.
//! assert!(domain.admit("not.a.token").await.is_err());
//! # Ok(())
//! # }
//! ```

mod admit;
mod freshness;
mod rotation;
mod tokens;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use throughline::{Freshness, Refused, TenantContext, TrustDomain};
use throughline_core::time::{Clock as _, Timestamp};
use throughline_core::{Tenant, TenantError, TrustDomainName};
use throughline_jose::source::{KeysError, RefreshPolicy};
use throughline_jose::{KeySource, TokenIssuer};

use self::admit::admit;
use self::freshness::Feed;
use crate::clock::HandClock;
use crate::issuer::TestIssuer;
use crate::key::TestKey;
use crate::key_server::KeyServer;

/// All that stands behind a service, in the hands of a test. Cloning shares it. See the
/// [module](self).
#[derive(Clone)]
pub struct TestDomain {
    parts: Arc<Parts>,
}

struct Parts {
    own: Tenant,
    other: Tenant,
    clock: HandClock,
    start: Timestamp,
    first: TestKey,
    /// Every key that was published here, so that one may sign again.
    known: Mutex<Vec<TestKey>>,
    signing: Signing,
    keys: KeyServer,
    issuer: TokenIssuer,
    tokens: TestIssuer,
    feed: Feed,
    domain: TrustDomain,
}

/// The key that signs now, shared with the token service.
#[derive(Clone, Debug)]
pub(crate) struct Signing(Arc<Mutex<TestKey>>);

impl Signing {
    pub(crate) fn key(&self) -> TestKey {
        let key = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        key.clone()
    }

    fn set(&self, key: TestKey) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl TestDomain {
    /// The name of the domain, the `aud` of its tokens.
    pub const NAME: &'static str = "test.internal";
    /// Who signs its tokens, the `iss` that its keys vouch for.
    pub const ISSUER: &'static str = "https://tokens.test.internal";
    /// The identity provider of its users.
    pub const PROVIDER: &'static str = "idp";
    /// The subject of [`TestDomain::draft`].
    pub const SUBJECT: &'static str = "ada";
    /// How long its tokens live.
    pub const LIFETIME: Duration = Duration::from_secs(300);
    /// How far its freshness feed may be behind, before nothing is fresh.
    pub const FEED_BUDGET: Duration = Feed::BUDGET;

    /// A new world for the tenants `acme` (one's own) and `globex` (the other one).
    ///
    /// # Panics
    ///
    /// The system gives no randomness for a key.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "both names are constants that fit the grammar"
    )]
    pub fn new() -> Self {
        Self::for_tenants("acme", "globex").expect("acme and globex are tenants")
    }

    /// As [`TestDomain::new`], for tenants as the service under test names them.
    ///
    /// # Errors
    ///
    /// `own` or `other` is no tenant.
    pub fn for_tenants(own: &str, other: &str) -> Result<Self, TenantError> {
        let (own, other) = (Tenant::new(own)?, Tenant::new(other)?);
        Ok(Self::assemble(own, other))
    }

    #[expect(
        clippy::expect_used,
        reason = "the name is a constant that fits, and the key was made by the same library"
    )]
    fn assemble(own: Tenant, other: Tenant) -> Self {
        let clock = HandClock::new();
        let first = TestKey::generate();
        let name = TrustDomainName::new(Self::NAME).expect("the name fits its grammar");
        let key = first.to_signing_key().expect("a generated key is usable");
        let issuer = TokenIssuer::new(name, key)
            .with_issuer(Self::ISSUER)
            .with_lifetime(Self::LIFETIME)
            .with_clock(clock.clone());
        let keys = KeyServer::new(first.clone());
        let feed = Feed::new();
        let signing = Signing(Arc::new(Mutex::new(first.clone())));
        let tokens = TestIssuer::new(issuer.clone(), signing.clone(), clock.clone(), &other);
        let domain = service(&keys, &feed, &clock, RefreshPolicy::new());
        Self {
            parts: Arc::new(Parts {
                own,
                other,
                start: clock.now(),
                clock,
                known: Mutex::new(vec![first.clone()]),
                first,
                signing,
                keys,
                issuer,
                tokens,
                feed,
                domain,
            }),
        }
    }

    // ---- what a service gets

    /// The trust domain for the service under test: keys from [`TestDomain::keys`], time from
    /// [`TestDomain::clock`], freshness from this domain's feed, the issuer pinned.
    ///
    /// Keys are loaded at the first use, or by [`TestDomain::load`].
    #[must_use]
    pub fn trust_domain(&self) -> TrustDomain {
        self.parts.domain.clone()
    }

    /// The same domain as another service sees it: with keys and a cache of its own.
    #[must_use]
    pub fn another_trust_domain(&self, refresh: RefreshPolicy) -> TrustDomain {
        let Parts {
            keys, feed, clock, ..
        } = &*self.parts;
        service(keys, feed, clock, refresh)
    }

    /// Fetches the keys now, as an operator does, for everything that has
    /// [`TestDomain::trust_domain`].
    ///
    /// # Errors
    ///
    /// The key server fails, as the test told it.
    pub async fn load(&self) -> Result<(), KeysError> {
        self.parts.domain.load().await
    }

    /// What a handler gets for a request with `token`, by way of the ordinary layer.
    ///
    /// # Errors
    ///
    /// The token is refused.
    pub async fn admit(&self, token: &str) -> Result<TenantContext, Refused> {
        admit(self.trust_domain(), token).await
    }

    // ---- what stands behind it

    /// The clock of the domain, its issuer and its token service.
    #[must_use]
    pub fn clock(&self) -> &HandClock {
        &self.parts.clock
    }

    /// The server that publishes its keys.
    #[must_use]
    pub fn keys(&self) -> &KeyServer {
        &self.parts.keys
    }

    /// The issuer that signs its tokens. Rotate by [`TestDomain::publish_key`] and its kin: the key
    /// server does not hear of what the issuer is told.
    #[must_use]
    pub fn token_issuer(&self) -> &TokenIssuer {
        &self.parts.issuer
    }

    /// The token service, for [`CarryBuilder::with_renewal`](throughline::CarryBuilder::with_renewal)
    /// and [`Narrowing::request`](throughline::Narrowing::request).
    #[must_use]
    pub fn tokens(&self) -> &TestIssuer {
        &self.parts.tokens
    }

    /// One's own tenant.
    #[must_use]
    pub fn own(&self) -> &Tenant {
        &self.parts.own
    }

    /// The tenant of somebody else.
    #[must_use]
    pub fn other(&self) -> &Tenant {
        &self.parts.other
    }

    /// Everything as at the start: clock, keys, freshness, faults. What has been counted stays
    /// counted, and a service knows the keys that it has until its next fetch.
    pub fn reset(&self) {
        let Parts {
            clock,
            start,
            first,
            issuer,
            keys,
            tokens,
            ..
        } = &*self.parts;
        clock.set(*start);
        self.restore();
        keys.mend();
        tokens.mend();
        if let Ok(key) = first.to_signing_key() {
            // Refused where it is still published, which is as good.
            let _ = issuer.publish(key);
        }
        let _ = self.sign_with(first.kid());
        let mut known = self.known();
        for key in known.drain(..) {
            if key.kid() != first.kid() {
                // Refused where it was retired before.
                let _ = issuer.retire(key.kid());
            }
        }
        known.push(first.clone());
        keys.publish_only(first.clone());
    }

    fn known(&self) -> MutexGuard<'_, Vec<TestKey>> {
        let known = self.parts.known.lock();
        known.unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    clippy::expect_used,
    reason = "the name is a constant that fits its grammar"
)]
fn service(
    keys: &KeyServer,
    feed: &Feed,
    clock: &HandClock,
    refresh: RefreshPolicy,
) -> TrustDomain {
    let source = KeySource::fetch(keys.clone())
        .for_issuer(TestDomain::ISSUER)
        .with_refresh(refresh);
    TrustDomain::new(TestDomain::NAME)
        .expect("the name fits its grammar")
        .with_keys(source)
        .with_freshness(Freshness::feed(feed.clone()))
        .with_clock(clock.clone())
}

impl Default for TestDomain {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDomain")
            .field("own", &self.parts.own)
            .field("other", &self.parts.other)
            .field("clock", &self.parts.clock)
            .field("keys", &self.parts.keys)
            .finish_non_exhaustive()
    }
}
