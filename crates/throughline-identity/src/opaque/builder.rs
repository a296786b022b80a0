//! How opaque credentials are looked up and judged.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use throughline_core::time::Timestamp;
use throughline_core::{Reason, Refusal};
use tokio::time::timeout;

use super::answers::Answers;
use super::flight::Flights;
use super::look_up::{LookUpCredential, LookUpError, Standing, Why};
use super::{OpaqueCredentials, Shared};
use crate::claims::Claims;
use crate::config::Secret;
use crate::identity::Identity;
use crate::issuer::Issuer;
use crate::profile::Profile;
use crate::trust::TrustMap;

/// Builds [`OpaqueCredentials`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct OpaqueBuilder {
    settings: Settings,
    capacity: usize,
}

pub(super) struct Settings {
    pub(super) issuer: Issuer,
    trust: TrustMap,
    source: Arc<dyn LookUpCredential>,
    pub(super) prefixes: Vec<Box<str>>,
    one_issuer: bool,
    pub(super) max_age: Duration,
    pub(super) max_refusal_age: Duration,
    pub(super) max_questions: usize,
    time: Duration,
}

impl OpaqueCredentials {
    /// The most places that refusals take.
    pub const MAX_REFUSALS: usize = 1_000;

    /// Starts with the `issuer` that answers are judged as, the map of `trust`, and the `source`
    /// that is asked.
    pub fn builder(
        issuer: Issuer,
        trust: TrustMap,
        source: impl LookUpCredential,
    ) -> OpaqueBuilder {
        OpaqueBuilder {
            settings: Settings {
                // What answers for API keys is made for one issuer.
                one_issuer: issuer.profile() == Profile::API_KEYS,
                issuer,
                trust,
                source: Arc::new(source),
                prefixes: Vec::new(),
                max_age: Duration::from_secs(60),
                max_refusal_age: Duration::from_secs(5),
                max_questions: 64,
                time: Duration::from_secs(2),
            },
            capacity: 10_000,
        }
    }
}

impl OpaqueBuilder {
    /// Adds a beginning that tells these credentials from others, as in `sk_`. Default: none, and
    /// whatever is no compact JWS is one of them.
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.settings.prefixes.push(prefix.into());
        self
    }

    /// States that the source answers for this issuer and no other, so that an answer without `iss`
    /// counts. One with another `iss` is refused as ever. Default: an answer without `iss` is
    /// refused, but for [`Profile::API_KEYS`].
    pub fn answering_for_one_issuer(mut self) -> Self {
        self.settings.one_issuer = true;
        self
    }

    /// Replaces how long an answer counts, at most. It is how long something withdrawn may go on.
    /// Default: 60 s.
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = age;
        self
    }

    /// Replaces how long a refusal counts. Default: 5 s.
    pub fn with_max_refusal_age(mut self, age: Duration) -> Self {
        self.settings.max_refusal_age = age;
        self
    }

    /// Replaces how many answers are kept. No tenant takes the places of one that holds fewer.
    /// Default: 10,000.
    pub fn with_capacity(mut self, answers: usize) -> Self {
        self.capacity = answers;
        self
    }

    /// Replaces how many questions may be under way at a time. Default: 64.
    pub fn with_max_questions(mut self, questions: usize) -> Self {
        self.settings.max_questions = questions;
        self
    }

    /// Replaces the most time for a question. Default: 2 s.
    pub fn with_time(mut self, time: Duration) -> Self {
        self.settings.time = time;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    ///
    /// Everything that contradicts itself.
    pub fn build(self) -> Result<OpaqueCredentials, OpaqueError> {
        let settings = self.settings;
        let mut problems = Vec::new();
        if settings.prefixes.iter().any(|prefix| prefix.is_empty()) {
            problems.push("a prefix is empty, so every credential has it".to_owned());
        }
        if settings.one_issuer && settings.issuer.exact_name().is_none() {
            problems.push(
                "the source answers for one issuer, whose name is a template of many".to_owned(),
            );
        }
        if let Err(error) = settings.trust.check() {
            problems.extend(error.problems().iter().cloned());
        }
        if settings.max_questions == 0 || settings.time.is_zero() {
            problems.push("no question can be asked, so nobody can pass".to_owned());
        }
        if !problems.is_empty() {
            return Err(OpaqueError {
                alias: settings.issuer.alias().into(),
                problems,
            });
        }
        Ok(OpaqueCredentials(Arc::new(Shared {
            settings,
            answers: Answers::new(self.capacity, OpaqueCredentials::MAX_REFUSALS),
            flights: Flights::default(),
        })))
    }
}

impl Settings {
    /// Asks the source, and judges what it answers.
    pub(super) async fn ask(
        &self,
        credential: Secret,
        now: Timestamp,
    ) -> Result<Arc<Identity>, Refusal> {
        let asked = timeout(self.time, self.source.look_up(credential)).await;
        let standing = match asked {
            Ok(Ok(standing)) => standing,
            Ok(Err(LookUpError(Why::Refused(refusal)))) => return Err(refusal),
            Ok(Err(LookUpError(Why::Unavailable(why)))) => return Err(self.unavailable(&why)),
            Err(_) => return Err(self.unavailable("no answer in time")),
        };
        let refuse = |reason: Reason, why: &str| {
            let alias = self.issuer.alias();
            Err(Refusal::new(reason).because(format!("issuer `{alias}` {why}")))
        };
        match standing {
            Standing::Active(claims) => self.judge(claims, now).map(Arc::new),
            Standing::Inactive => refuse(
                Reason::ContextExpired,
                "does not stand behind it: it ended, was withdrawn, or never was",
            ),
            Standing::Revoked => refuse(Reason::Revoked, "has withdrawn it"),
            Standing::Unknown => refuse(Reason::KeyUnknown, "does not know it"),
        }
    }

    fn judge(&self, claims: Claims, now: Timestamp) -> Result<Identity, Refusal> {
        let good_for = self.max_age.max(Duration::from_secs(1));
        let mut claims = claims
            .or_insert("iat", now.as_unix())
            .or_insert("exp", now.plus(good_for).as_unix());
        if self.one_issuer
            && let Some(name) = self.issuer.exact_name()
        {
            claims = claims.or_insert("iss", name);
        }
        let mut identity = self.issuer.judge_answer(&claims, &self.trust, now)?;
        identity.as_of = now;
        Ok(identity)
    }

    pub(super) fn unavailable(&self, why: &str) -> Refusal {
        Refusal::new(Reason::KeysUnavailable).because(format!(
            "opaque credentials of issuer `{}`: {why}",
            self.issuer.alias()
        ))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("issuer", &self.issuer)
            .field("prefixes", &self.prefixes)
            .field("one_issuer", &self.one_issuer)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

/// What is wrong with opaque credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpaqueError {
    alias: Box<str>,
    problems: Vec<String>,
}

impl OpaqueError {
    /// Each thing that is wrong, as a sentence.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for OpaqueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "opaque credentials of issuer `{}`: {}",
            self.alias,
            self.problems.join("; ")
        )
    }
}

impl Error for OpaqueError {}
