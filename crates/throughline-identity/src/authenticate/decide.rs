//! The decisions of steps 2 to 6, without waiting; and what has to be waited for in between.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use throughline::RequestView;
use throughline_core::context::Lifetime;
use throughline_core::time::Timestamp;
use throughline_core::{Context, Draft, Reason, Refusal};
use throughline_jose::source::KeyWait;

use super::layer::Config;
use super::mint::{MintFuture, Minting};
use crate::credential::{self, Token};
use crate::identity::Identity;
use crate::membership::{Membership, stranger};

/// How far a request has come.
pub(super) struct Progress {
    token: Token,
    identity: Option<Arc<Identity>>,
    agrees: bool,
    is_member: bool,
    asked_for_keys: bool,
}

/// What comes next.
pub(super) enum Step {
    /// Its context, as a token.
    Minted(Bytes),
    /// Something has to be waited for first.
    Wait(Wait),
}

/// A wait. Nothing of it is on the way of a credential that was seen before.
pub(super) enum Wait {
    Identity(Pin<Box<dyn Future<Output = Result<Arc<Identity>, Refusal>> + Send>>),
    Keys(KeyWait),
    // Boxed, as the one above: it waits for a network, and each source has another type.
    Member(Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>),
    Mint(MintFuture),
}

/// What a wait brought.
pub(super) enum Brought {
    Identity(Arc<Identity>),
    /// Keys, perhaps.
    Keys,
    Member,
    Minted(Bytes),
}

impl Progress {
    /// Step 2: the one credential of the request. None where it has none.
    pub(super) fn begin(
        config: &Config,
        request: &RequestView<'_>,
    ) -> Result<Option<Self>, Refusal> {
        let token = credential::find(&config.credentials, request)?;
        Ok(token.map(|token| Self {
            token,
            identity: None,
            agrees: false,
            is_member: false,
            asked_for_keys: false,
        }))
    }

    /// Takes in what a wait brought. The token, once it was minted.
    pub(super) fn bring(&mut self, brought: Brought) -> Option<Bytes> {
        match brought {
            Brought::Identity(identity) => {
                self.identity = Some(identity);
                None
            }
            Brought::Keys => None,
            Brought::Member => {
                self.is_member = true;
                None
            }
            Brought::Minted(token) => Some(token),
        }
    }

    /// Steps 3 to 6, as far as they go without waiting.
    pub(super) fn advance(
        &mut self,
        config: &Config,
        request: &RequestView<'_>,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        let identity = match &self.identity {
            Some(identity) => Arc::clone(identity),
            None => match self.verify(config, now)? {
                Ok(identity) => Arc::clone(self.identity.insert(identity)),
                Err(wait) => return Ok(Step::Wait(wait)),
            },
        };
        check_age(config, &identity, now)?;
        let draft = draft(config, &identity, now)?;
        if !self.agrees {
            // Nothing is looked up or minted for a request that contradicts itself.
            compare(config, request, draft.clone(), now)?;
            self.agrees = true;
        }

        let issuer = config.issuer(identity.issuer());
        if !self.is_member
            && let Some(memberships) = issuer.and_then(|issuer| issuer.memberships())
        {
            match memberships.known(identity.principal(), now) {
                Some(Membership::Member) => {}
                Some(Membership::Stranger) => return Err(stranger()),
                None => {
                    let memberships = memberships.clone();
                    let confirm =
                        async move { memberships.confirm(identity.principal(), now).await };
                    return Ok(Step::Wait(Wait::Member(Box::pin(confirm))));
                }
            }
        }
        match config.mint.mint(draft) {
            Minting::Ready(minted) => minted.map(Step::Minted),
            Minting::Own(own) => {
                // The layer behind verifies it as any other, and finds it.
                config.domain.prime(&own);
                Ok(Step::Minted(own.token().clone()))
            }
            Minting::Later(wait) => Ok(Step::Wait(Wait::Mint(wait))),
        }
    }

    /// Step 3: by the keys of its issuer, or by whoever knows what stands behind it.
    fn verify(
        &mut self,
        config: &Config,
        now: Timestamp,
    ) -> Result<Result<Arc<Identity>, Wait>, Refusal> {
        let token = self.token.bytes();
        if let Some(source) = config.opaque.iter().find(|source| source.is_for(token)) {
            if let Some(known) = source.known(token, now) {
                return known.map(Ok);
            }
            let (source, token) = (source.clone(), token.clone());
            let ask = async move { source.verify(&token, now).await };
            return Ok(Err(Wait::Identity(Box::pin(ask))));
        }
        config
            .issuers
            .verify(token, now)
            .map(Ok)
            .or_else(|refusal| {
                // Whatever comes out after one wait is final.
                let wait = (!self.asked_for_keys)
                    .then(|| config.issuers.keys_wait(token, &refusal))
                    .flatten();
                self.asked_for_keys = true;
                wait.map(Wait::Keys).map(Err).ok_or(refusal)
            })
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

/// Without a feed, nobody behind would believe a context that is as old as this credential. Unlike
/// them, its client can do something about it: 401, and a new one.
fn check_age(config: &Config, identity: &Identity, now: Timestamp) -> Result<(), Refusal> {
    let age = now.since(identity.as_of());
    match config.domain.freshness().lifetime() {
        Some(at_most) if age > at_most => {
            Err(Refusal::new(Reason::ContextExpired).because(format!(
                "the credential was last known to be true {} s ago, and without a feed {} s are \
             allowed",
                age.as_secs(),
                at_most.as_secs()
            )))
        }
        Some(_) | None => Ok(()),
    }
}

fn draft(config: &Config, identity: &Identity, now: Timestamp) -> Result<Draft, Refusal> {
    let mut draft = identity.draft(&config.requester, now)?;
    for copy in &config.projections {
        draft = draft.add_projection(copy.clone());
    }
    Ok(draft)
}

/// Step 4, before the accept layer behind compares what was minted.
fn compare(
    config: &Config,
    request: &RequestView<'_>,
    draft: Draft,
    now: Timestamp,
) -> Result<(), Refusal> {
    let context = provisional(config, draft, now)?;
    config.accept.compare(request, &context)
}

/// What the context would say. It is compared, and never signed or handed on.
fn provisional(config: &Config, draft: Draft, now: Timestamp) -> Result<Context, Refusal> {
    let lifetime = Lifetime {
        audience: config.domain.name().as_str().into(),
        issuer: None,
        issued_at: now,
        not_before: None,
        expires_at: now,
    };
    draft
        .issue("provisional", lifetime)
        .map_err(|error| Refusal::new(Reason::ClaimInvalid).because(error.to_string()))
}
