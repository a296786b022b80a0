//! From a signed credential to an identity.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use throughline_core::attribute::{Attribute, AttributeValue, Attributes};
use throughline_core::authentication::Authentication;
use throughline_core::grant::Scope;
use throughline_core::refusal::shown;
use throughline_core::time::Timestamp;
use throughline_core::{Actor, Place, Principal, Reason, Refusal, Tenant};
use throughline_jose::VerifyingKey;
use throughline_jose::source::CurrentKeys;
use throughline_jose::verify::Envelope;

use super::name::IssuerName;
use super::unit::{Issuer, Unit};
use crate::claims::{Claim, Claims, invalid, missing};
use crate::identity::Identity;
use crate::kind::CredentialKind;
use crate::profile::{ActorFrom, Mapping, unknown_kind};
use crate::trust::TrustMap;

/// How many actors a credential may name (RFC 8693 §4.1 sets no limit; a context has one too).
const MAX_ACTORS: usize = 8;

impl Issuer {
    /// What an answer of this issuer about an opaque credential is worth. There is no signature: who
    /// answered vouches.
    pub(crate) fn judge_answer(
        &self,
        claims: &Claims,
        trust: &TrustMap,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        self.0.judge(claims, None, trust, now)
    }

    /// A name that can stand in where an answer has none: the first that is no template.
    pub(crate) fn exact_name(&self) -> Option<&str> {
        self.0.names.iter().find_map(|name| match name {
            IssuerName::Exact(name) => Some(&**name),
            IssuerName::Template { .. } => None,
        })
    }
}

impl Unit {
    /// Step 4: the key is this issuer's and of an allowed algorithm, the signature is good.
    /// `current` are the issuer's keys as they are now.
    pub(super) fn vouch<'k>(
        &self,
        current: &'k CurrentKeys,
        envelope: &Envelope<'_>,
    ) -> Result<&'k VerifyingKey, Refusal> {
        if !current.status().is_ready() {
            return Err(Refusal::new(Reason::KeysUnavailable).because(format!(
                "keys of issuer `{}`: {}",
                self.alias,
                current.status()
            )));
        }
        let Some(key) = current.set().find(envelope.kid()) else {
            let kid = envelope.kid().map(|kid| shown(kid.as_bytes()));
            return Err(Refusal::new(Reason::KeyUnknown).because(format!(
                "kid is `{}`, at issuer `{}`",
                kid.as_deref().unwrap_or("absent"),
                self.alias
            )));
        };
        // The set may have been admitted elsewhere, under other rules.
        if !self.profile.0.algorithms.contains(&key.algorithm()) {
            return Err(Refusal::new(Reason::AlgorithmRefused).because(format!(
                "`{}` is not for issuer `{}`",
                key.algorithm(),
                self.alias
            )));
        }
        envelope.check_signature(key)?;
        Ok(key)
    }

    /// Step 5 and what is particular to the edge: issuer, audience, times, kind, tenant, mapping.
    pub(super) fn judge(
        &self,
        claims: &Claims,
        key: Option<&VerifyingKey>,
        trust: &TrustMap,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        let facts = self.profile.0;
        self.check_issuer(claims, key)?;
        self.audience.check(claims, facts.audience_claim)?;
        let (issued_at, expires_at) = self.check_times(claims, now)?;
        are_there(claims, facts.required)?;
        // RFC 9449 §7.2, RFC 8705 §3: it counts for nothing beside a proof, and nobody has seen one.
        if claims.contains("cnf") {
            return Err(invalid("cnf", "binds the credential to a proof"));
        }

        let kind = (facts.decide)(claims, self.actor)?;
        if !self.kinds.contains(&kind) {
            return Err(unknown_kind(&format!(
                "`{kind}` is not accepted from this issuer"
            )));
        }
        let mapping = self
            .profile
            .mapping(kind)
            .ok_or_else(|| unknown_kind("the profile does not map it"))?;

        are_there(claims, mapping.required)?;

        let tenant = self.tenancy.resolve(claims, facts.nobodys)?;
        let subject = claims.required_text(mapping.subject)?;
        let principal = Principal::new(&self.alias, tenant.clone(), subject)
            .map_err(|error| invalid(mapping.subject, &error.to_string()))?;
        let actors = match &mapping.actor {
            Some(from) => self.actors(claims, from, &tenant)?,
            None => Vec::new(),
        };
        // Without `iat` nothing says when it was true; not before the longest lifetime began.
        let as_of = issued_at.unwrap_or_else(|| expires_at.minus(self.max_lifetime));
        let (attributes, dropped) = self.attributes(claims, trust, as_of)?;
        Ok(Identity {
            issuer: self.alias.clone(),
            kind,
            tenant,
            principal,
            actors,
            scope: scope(claims, mapping)?,
            attributes,
            dropped,
            authentication: authentication(claims, mapping, now.plus(self.skew))?,
            as_of,
            expires_at,
            accepted_until: expires_at.plus(self.skew),
        })
    }

    /// `iss` is one of the names. Where the profile promises none, the trust domain in `sub` is one,
    /// and so is an `iss` that is there all the same: neither stands in for the other.
    fn check_issuer(&self, claims: &Claims, key: Option<&VerifyingKey>) -> Result<(), Refusal> {
        let named = claims.text("iss")?;
        if self.profile.0.names_issuer {
            let issuer = named.ok_or_else(|| missing("iss"))?;
            return self.check_name("iss", issuer, claims, key);
        }
        if let Some(issuer) = named {
            self.check_name("iss", issuer, claims, key)?;
        }
        let domain = trust_domain(claims.required_text("sub")?);
        let domain = domain.ok_or_else(|| invalid("sub", "is no SPIFFE id"))?;
        self.check_name("sub", domain, claims, key)
    }

    /// A name is compared byte for byte; a template is filled by its claim; and a key that is
    /// published for one issuer (Microsoft Entra) vouches for that one.
    fn check_name(
        &self,
        place: &'static str,
        issuer: &str,
        claims: &Claims,
        key: Option<&VerifyingKey>,
    ) -> Result<(), Refusal> {
        let untrusted = |detail: String| {
            Refusal::new(Reason::IssuerUntrusted)
                .at(Place::claim(place))
                .because(detail)
        };
        let fit = self
            .names
            .iter()
            .find_map(|name| name.fits(issuer).map(|middle| (name, middle)));
        let Some((name, middle)) = fit else {
            return Err(untrusted(format!(
                "is `{}`, which issuer `{}` is not",
                shown(issuer.as_bytes()),
                self.alias
            )));
        };
        if let (IssuerName::Template { claim, .. }, Some(middle)) = (name, middle)
            && claims.required_text(claim)? != middle
        {
            return Err(untrusted(format!(
                "and the claim `{claim}` name different tenants"
            )));
        }
        if let Some(published_for) = key.and_then(VerifyingKey::issuer) {
            let tid = claims.text("tid")?.unwrap_or_default();
            if published_for.replace("{tenantid}", tid) != issuer {
                return Err(untrusted(format!(
                    "is `{}`, its key is published for `{}`",
                    shown(issuer.as_bytes()),
                    shown(published_for.as_bytes())
                )));
            }
        }
        Ok(())
    }

    /// RFC 7519 §4.1.4 to §4.1.6, with the caps of this issuer.
    fn check_times(
        &self,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Timestamp), Refusal> {
        let expires_at = claims.time("exp")?.ok_or_else(|| missing("exp"))?;
        let issued_at = claims.time("iat")?;
        let latest = now.plus(self.skew);
        for (claim, from) in [("iat", issued_at), ("nbf", claims.time("nbf")?)] {
            if let Some(from) = from.filter(|from| *from > latest) {
                return Err(Refusal::new(Reason::ContextNotYetValid)
                    .at(Place::claim(claim))
                    .because(format!("is {from}, now is {now}")));
            }
        }
        if expires_at <= now.minus(self.skew) {
            return Err(Refusal::new(Reason::ContextExpired)
                .at(Place::claim("exp"))
                .because(format!("is {expires_at}, now is {now}")));
        }
        // Both by the issuer's clock; without `iat` one of them is ours, and forgiven a difference.
        let (begins_at, forgiven) = match issued_at {
            Some(issued_at) => (issued_at, Duration::ZERO),
            None => (now.minus(self.skew), self.skew.saturating_mul(2)),
        };
        if expires_at <= begins_at {
            return Err(invalid("exp", "is not after `iat`"));
        }
        if expires_at.since(begins_at) > self.max_lifetime.saturating_add(forgiven) {
            return Err(Refusal::new(Reason::LifetimeExcessive)
                .at(Place::claim("exp"))
                .because(format!(
                    "is {} s after `iat`, expected at most {} s",
                    expires_at.since(begins_at).as_secs(),
                    self.max_lifetime.as_secs()
                )));
        }
        Ok((issued_at, expires_at))
    }

    /// Nearest last.
    fn actors(
        &self,
        claims: &Claims,
        from: &ActorFrom,
        tenant: &Tenant,
    ) -> Result<Vec<Actor>, Refusal> {
        if !from.nested {
            return Ok(vec![self.actor(claims, from.claim, from, tenant)?]);
        }
        // A claim of that name would be read in the place of a member, and add an actor to those
        // that the issuer named.
        let below = format!("{}/", from.claim);
        if let Some(flat) = claims.names().find(|name| name.starts_with(&below)) {
            return Err(invalid(flat, "has the name of a member of another claim"));
        }
        let mut actors = Vec::new();
        let mut act = from.claim.to_owned();
        while let Some(value) = claims.at(&act) {
            if !value.is_object() {
                return Err(invalid(&act, "is no object"));
            }
            if actors.len() == MAX_ACTORS {
                return Err(Refusal::new(Reason::DepthExceeded).at(Place::claim(act)));
            }
            actors.push(self.actor(claims, &format!("{act}/sub"), from, tenant)?);
            act.push_str("/act");
        }
        actors.reverse();
        Ok(actors)
    }

    fn actor(
        &self,
        claims: &Claims,
        claim: &str,
        from: &ActorFrom,
        tenant: &Tenant,
    ) -> Result<Actor, Refusal> {
        let subject = claims.required_text(claim)?;
        let principal = if from.of_tenant {
            Principal::new(&self.alias, tenant.clone(), subject)
        } else {
            Principal::platform(&self.alias, subject)
        };
        let principal = principal.map_err(|error| invalid(claim, &error.to_string()))?;
        let actor = Actor::new(from.kind, principal);
        let session = from.session.map(|session| claims.text(session));
        Ok(match session.transpose()?.flatten() {
            Some(session) => actor.in_session(session),
            None => actor,
        })
    }

    /// What the issuer asserts and owns; and the names of what it asserts and does not own.
    fn attributes(
        &self,
        claims: &Claims,
        trust: &TrustMap,
        as_of: Timestamp,
    ) -> Result<(Attributes, Vec<Box<str>>), Refusal> {
        let mut attributes = BTreeMap::new();
        let mut dropped = Vec::new();
        for (name, claim) in &self.attributes {
            let Some(value) = claims.only(claim)? else {
                continue;
            };
            if !trust.counts(name, &self.alias) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                if trust.refuses() {
                    return Err(invalid(
                        claim,
                        "is asserted by an issuer that does not own it",
                    ));
                }
                dropped.push(name.clone());
                continue;
            }
            let value = attribute_value(claim, value)?;
            attributes.insert(name.clone(), Attribute::new(value, &self.alias, as_of));
        }
        Ok((attributes, dropped))
    }
}

fn are_there(claims: &Claims, required: &[&str]) -> Result<(), Refusal> {
    for claim in required {
        match claims.at(claim) {
            None => return Err(missing(claim)),
            Some(Claim::Other(Value::Null)) => return Err(invalid(claim, "is null")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// What stands in for `iss` in a JWT-SVID: the trust domain of the SPIFFE id.
pub(super) fn trust_domain(subject: &str) -> Option<&str> {
    let id = subject.strip_prefix("spiffe://")?;
    let end = id.find('/')?;
    subject.get(.."spiffe://".len() + end)
}

fn scope(claims: &Claims, mapping: &Mapping) -> Result<Scope, Refusal> {
    let mut words = Vec::new();
    for claim in mapping.scope {
        let more = claims.words(claim)?.unwrap_or_default();
        match words.is_empty() {
            true => words = more,
            false => words.extend(more),
        }
    }
    let claim = mapping.scope.first().copied().unwrap_or("scope");
    Scope::from_tokens(words).map_err(|error| invalid(claim, &error.to_string()))
}

fn authentication(
    claims: &Claims,
    mapping: &Mapping,
    latest: Timestamp,
) -> Result<Authentication, Refusal> {
    let mut authentication = match claims.time("auth_time")? {
        // It would stay recent for as long as it lies ahead.
        Some(time) if time > latest => return Err(invalid("auth_time", "is in the future")),
        Some(time) => Authentication::at(time),
        None => Authentication::unknown(),
    };
    if let Some(class) = claims.text("acr")? {
        authentication = authentication.with_class(class);
    }
    if let Some(methods) = claims.list("amr")? {
        authentication = authentication.with_methods(methods);
    }
    // A machine has none; of an actor, it is the actor's.
    let has_session = !matches!(mapping.kind, CredentialKind::DelegatedAgent);
    if let Some(session) = mapping.session.filter(|_| has_session)
        && let Some(session) = claims.text(session)?
    {
        authentication = authentication.in_session(session);
    }
    Ok(authentication)
}

fn attribute_value(claim: &str, value: Claim<'_>) -> Result<AttributeValue, Refusal> {
    let value = match value {
        Claim::Text(text) => return Ok(text.into()),
        Claim::Other(value) => value,
    };
    match value {
        Value::Bool(flag) => Ok((*flag).into()),
        Value::Number(number) => number
            .as_i64()
            .map(Into::into)
            .ok_or_else(|| invalid(claim, "is no whole number")),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(Box::from))
            .collect::<Option<Vec<Box<str>>>>()
            .map(AttributeValue::List)
            .ok_or_else(|| invalid(claim, "holds something else than texts")),
        Value::Null | Value::Object(_) | Value::String(_) => {
            Err(invalid(claim, "is no value of an attribute"))
        }
    }
}
