//! The world behind the service: who has tokens, and what the test can turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use throughline_core::Principal;
use throughline_core::freshness::Target as Revoked;

use crate::attack::{Act, KeysFault, Need, Who};
use crate::domain::TestDomain;
use crate::forge;
use crate::key::TestKey;
use crate::key_server::KeyFault;
use crate::target::Target;

/// Where tokens come from, and what can be changed behind the service.
///
/// An attacker of a running service is a [stranger](World::stranger) with the tokens of two tenants.
/// A test that owns the service's [`TestDomain`] can do more: sign, move the clock, revoke, break the
/// key server.
#[derive(Clone)]
pub struct World {
    tokens: Tokens,
    public_keys: Option<Arc<str>>,
}

#[derive(Clone)]
enum Tokens {
    Asked(Arc<dyn Fn(Who) -> Option<String> + Send + Sync>),
    Domain(TestDomain),
}

impl World {
    /// A stranger with a token of the own tenant.
    #[must_use]
    pub fn stranger(own: impl Into<String>) -> Self {
        Self::strangers(own, None::<String>)
    }

    /// A stranger with a token of the own tenant, and maybe one of the other.
    #[must_use]
    pub fn strangers(own: impl Into<String>, other: Option<impl Into<String>>) -> Self {
        let (own, other) = (own.into(), other.map(Into::into));
        Self::asking(move |who| match who {
            Who::Other => other.clone(),
            Who::Own => Some(own.clone()),
        })
    }

    /// A stranger who asks for a token before every attack, as tokens may be short-lived.
    #[must_use]
    pub fn asking(ask: impl Fn(Who) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            tokens: Tokens::Asked(Arc::new(ask)),
            public_keys: None,
        }
    }

    /// The world of a test domain, all of it in the test's hands.
    #[must_use]
    pub fn of(domain: &TestDomain) -> Self {
        Self {
            tokens: Tokens::Domain(domain.clone()),
            public_keys: None,
        }
    }

    /// Says the key set that the tokens' issuer publishes, as it is published. Default: that of the
    /// test domain, or none.
    #[must_use]
    pub fn with_public_keys(mut self, jwks: &str) -> Self {
        self.public_keys = Some(jwks.into());
        self
    }

    /// Whether it has what an attack takes, beyond what the target offers.
    #[must_use]
    pub fn offers(&self, need: Need) -> bool {
        let jws = |who| self.ask(who).is_some_and(|token| forge::is_jws(&token));
        match (need, &self.tokens) {
            (Need::Jws, _) => jws(Who::Own),
            (Need::OtherToken, Tokens::Asked(ask)) => ask(Who::Other).is_some(),
            (Need::PublicKeys, Tokens::Asked(_)) => self.public_keys.is_some(),
            (
                Need::Clock
                | Need::Freshness
                | Need::KeyServer
                | Need::OtherToken
                | Need::PublicKeys
                | Need::SigningKey,
                Tokens::Domain(_),
            ) => true,
            (
                Need::Clock | Need::Freshness | Need::KeyServer | Need::SigningKey,
                Tokens::Asked(_),
            )
            | (
                Need::BaggageTenant
                | Need::Bearer
                | Need::BodyTenant
                | Need::HostTenant
                | Need::PathTenant
                | Need::Projection
                | Need::QueryTenant
                | Need::TenantHeader
                // Seen when a token is forged from it.
                | Need::TokenPart
                | Need::TransactionToken,
                _,
            ) => false,
        }
    }

    /// Everything it has, asked once: to ask for a token may be dear.
    pub(super) fn offered(&self) -> Vec<Need> {
        let all = Need::ALL.into_iter();
        all.filter(|need| self.offers(*need)).collect()
    }

    /// What the tenants are called, where the world knows.
    pub(super) fn tenants(&self) -> Option<(&str, &str)> {
        match &self.tokens {
            Tokens::Asked(_) => None,
            Tokens::Domain(domain) => Some((domain.own().as_str(), domain.other().as_str())),
        }
    }

    fn ask(&self, who: Who) -> Option<String> {
        match &self.tokens {
            Tokens::Asked(ask) => ask(who),
            Tokens::Domain(domain) => Some(domain.token(match who {
                Who::Other => domain.other().as_str(),
                Who::Own => domain.own().as_str(),
            })),
        }
    }

    /// An honest token.
    pub(super) fn token(&self, who: Who, target: &Target) -> Option<String> {
        let (Tokens::Domain(domain), Some(copy)) = (&self.tokens, &target.copy) else {
            return self.ask(who);
        };
        // A token that promises its copy, as the service relies on it.
        let mut claims = domain.claims(match who {
            Who::Other => domain.other().as_str(),
            Who::Own => domain.own().as_str(),
        });
        if let Some(facts) = claims.get_mut("tctx").and_then(Value::as_object_mut) {
            facts.insert("proj".into(), json!([format!("tenant@header:{copy}")]));
        }
        let key = domain.key();
        Some(key.sign(&key.header(), &claims))
    }

    /// The key that the service trusts.
    pub(super) fn trusted(&self) -> Option<TestKey> {
        match &self.tokens {
            Tokens::Asked(_) => None,
            Tokens::Domain(domain) => Some(domain.key()),
        }
    }

    /// The key set that everybody can fetch.
    pub(super) fn public_keys(&self) -> Option<Arc<str>> {
        match (&self.public_keys, &self.tokens) {
            (Some(keys), _) => Some(Arc::clone(keys)),
            (None, Tokens::Asked(_)) => None,
            (None, Tokens::Domain(domain)) => {
                let keys = json!({"keys": [domain.key().public_jwk()]});
                Some(keys.to_string().into())
            }
        }
    }

    /// Changes the world; requests are none of it.
    pub(super) async fn turn(&self, act: &Act) -> Result<(), String> {
        let Tokens::Domain(domain) = &self.tokens else {
            return Err("the world cannot be changed from here".into());
        };
        match act {
            Act::Clock(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs());
                match seconds.is_negative() {
                    true => domain.clock().turn_back(by),
                    false => domain.clock().advance(by),
                }
            }
            Act::Keys(fault) => {
                break_keys(domain, *fault).map_err(|error| error.to_string())?;
                // As an operator would; a fetch that fails is what is being tested.
                let _ = domain.load().await;
            }
            Act::RevokeUser => {
                let user = user(domain).map_err(|error| error.to_string())?;
                domain.revoke(user);
            }
            Act::Send(_) | Act::SendAsOther(_) => {}
            Act::Suspend(who) => domain.suspend(match who {
                Who::Other => domain.other().as_str(),
                Who::Own => domain.own().as_str(),
            }),
        }
        Ok(())
    }

    /// Puts everything back.
    pub(super) async fn reset(&self) -> Result<(), String> {
        match &self.tokens {
            Tokens::Asked(_) => Ok(()),
            Tokens::Domain(domain) => {
                domain.reset();
                domain.load().await.map_err(|error| error.to_string())
            }
        }
    }
}

/// The user of the own tenant's honest token.
fn user(domain: &TestDomain) -> Result<Revoked, Box<dyn std::error::Error + Send + Sync>> {
    let tenant = domain.own().clone();
    let user = Principal::new(TestDomain::PROVIDER, tenant, TestDomain::SUBJECT)?;
    Ok(Revoked::Principal(user))
}

fn break_keys(domain: &TestDomain, fault: KeysFault) -> Result<(), crate::key::TestKeyError> {
    let keys = domain.keys();
    match fault {
        KeysFault::DuplicateKids => keys.fail(KeyFault::DuplicateKids),
        KeysFault::Empty => keys.fail(KeyFault::Empty),
        KeysFault::Gone => keys.fail(KeyFault::Gone),
        KeysFault::Half => keys.fail(KeyFault::Half),
        KeysFault::Html => keys.fail(KeyFault::Html),
        KeysFault::Removed => {
            let old = domain.key();
            let new = TestKey::generate();
            domain.publish_key(&new)?;
            domain.sign_with(new.kid())?;
            domain.retire_key(old.kid())?;
        }
    }
    Ok(())
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = match &self.tokens {
            Tokens::Asked(_) => "a stranger's",
            Tokens::Domain(_) => "a test domain's",
        };
        f.debug_struct("World")
            .field("tokens", &tokens)
            .finish_non_exhaustive()
    }
}
