//! The claims of a transaction token (draft-ietf-oauth-transaction-tokens-10 "JWT Body Claims"),
//! read in the frozen order of step 5 and written.

mod wire;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use self::wire::{Act, Audience, Claims, Date, Rctx, Text, WireAttribute, WireTask, WireValue};
pub(super) use self::write::write;
use super::draft::{check_shape, fits_name, is_trace_id};
use super::{Context, Issuers, Lifetime, RequestFacts};
use crate::attribute::{Attribute, AttributeValue, Attributes};
use crate::authentication::Authentication;
use crate::grant::{Constraint, DataGrant, DataScope, Grant, Scope, Task, is_name};
use crate::hop::{TokenPolicy, TokenTimes};
use crate::json;
use crate::principal::{Actor, ActorChain, ActorKind, Kind, Principal};
use crate::projection::Projection;
use crate::reason::Reason;
use crate::refusal::{Place, Refusal, shown};
use crate::tenant::Tenant;
use crate::time::Timestamp;

/// Step 5, from bytes to a context, against `policy` at `now`.
pub(crate) fn read(
    payload: &[u8],
    policy: &TokenPolicy,
    issuers: &Issuers,
    now: Timestamp,
) -> Result<Context, Refusal> {
    let claims = parse(payload)?;
    policy.check_issuer(claims.iss.as_deref(), issuers)?;
    let audience = claims.aud.as_ref().ok_or_else(|| missing("aud"))?;
    policy.check_audience(audience.single())?;
    policy.check_times(claims.times()?, now)?;
    claims.into_context()
}

/// Reads a context without checking anything that depends on the reader.
pub(super) fn read_unchecked(payload: &[u8]) -> Result<Context, Refusal> {
    let claims = parse(payload)?;
    claims.times()?;
    claims.into_context()
}

fn parse(payload: &[u8]) -> Result<Claims<'_>, Refusal> {
    json::parse(payload).map_err(|error| {
        let refusal = Refusal::new(Reason::ClaimInvalid);
        // Which claim has another type says a second reading, which only a bad token gets.
        match serde_json::from_slice::<Claims<'_>>(payload) {
            Err(shape) if error.is_shape() => refusal.because(shown(shape.to_string().as_bytes())),
            Err(_) | Ok(_) => refusal.because(error.to_string()),
        }
    })
}

fn missing(claim: &'static str) -> Refusal {
    Refusal::new(Reason::ClaimMissing).at(Place::claim(claim))
}

fn invalid(claim: &'static str, rule: impl fmt::Display) -> Refusal {
    Refusal::new(Reason::ClaimInvalid)
        .at(Place::claim(claim))
        .because(rule.to_string())
}

impl<'a> Claims<'a> {
    fn times(&self) -> Result<TokenTimes, Refusal> {
        let date = |date: &Option<Date>, claim| match date {
            Some(date) => date.read(claim),
            None => Err(missing(claim)),
        };
        let rctx = self.rctx.as_ref().ok_or_else(|| missing("rctx"))?;
        Ok(TokenTimes {
            issued_at: date(&self.iat, "iat")?,
            not_before: self.nbf.as_ref().map(|nbf| nbf.read("nbf")).transpose()?,
            expires_at: date(&self.exp, "exp")?,
            as_of: date(&rctx.as_of, "rctx.as_of")?,
        })
    }

    fn into_context(self) -> Result<Context, Refusal> {
        let times = self.times()?;
        let audience = self
            .aud
            .as_ref()
            .and_then(Audience::single)
            .ok_or_else(|| missing("aud"))?;
        let transaction = required(self.txn.as_ref(), "txn")?;
        let sub = required(self.sub.as_ref(), "sub")?;
        let scope = required(self.scope.as_ref(), "scope")?;
        let requester = required(self.req_wl.as_ref(), "req_wl")?;
        let tctx = self.tctx.as_ref().ok_or_else(|| missing("tctx"))?;
        let rctx = self.rctx.as_ref().ok_or_else(|| missing("rctx"))?;

        let kind = required(tctx.kind.as_ref(), "tctx.kind")?;
        let kind = Kind::from_wire(kind).ok_or_else(|| invalid("tctx.kind", "is unknown"))?;
        let provider = required(tctx.idp.as_ref(), "tctx.idp")?;
        let subject = required(tctx.sub.as_ref(), "tctx.sub")?;
        let tenant = match (&tctx.tenant, kind) {
            (Some(tenant), _) => Some(tenant_of(tenant)?),
            (None, Kind::Platform) => None,
            (None, _) => return Err(missing("tctx.tenant")),
        };
        let principal = match tenant {
            Some(tenant) => Principal::new(provider, tenant, subject),
            None => Principal::platform(provider, subject),
        }
        .map_err(|error| invalid("tctx", error))?;
        if !principal.is_composed_as(sub) {
            return Err(invalid("sub", "differs from its parts in `tctx`"));
        }

        for (name, claim) in [(transaction, "txn"), (requester, "req_wl")] {
            if !fits_name(name) {
                return Err(invalid(
                    claim,
                    "is unusable, expected 1 to 255 bytes of visible ascii",
                ));
            }
        }
        let actors = self.act.map_or(Ok(ActorChain::none()), chain)?;
        check_shape(kind, &principal, &actors).map_err(|shape| match shape {
            super::draft::Shape::AgentMissing => missing("act"),
            super::draft::Shape::AgentUndeclared => invalid("act", shape.as_str()),
            super::draft::Shape::PlatformWithTenant => invalid("tctx.tenant", shape.as_str()),
            super::draft::Shape::TenantMissing => missing("tctx.tenant"),
        })?;

        let authentication = rctx.authentication()?;
        if authentication
            .time
            .is_some_and(|time| time > times.issued_at)
        {
            return Err(invalid("rctx.auth_time", "lies after `iat`"));
        }
        let mut grant = Grant::new(Scope::new(scope).map_err(|error| invalid("scope", error))?);
        if let Some(task) = &tctx.task {
            grant = grant.for_task(task.read().map_err(|rule| invalid("tctx.task", rule))?);
        }
        if let Some(details) = &tctx.data {
            grant = grant.with_data(data_scope(details)?);
        }
        let attributes = tctx
            .attr
            .as_ref()
            .map_or(Ok(Attributes::new()), attributes)?;
        if attributes
            .values()
            .any(|attribute| attribute.at() > times.issued_at)
        {
            return Err(invalid("tctx.attr", "was true only after `iat`"));
        }

        Ok(Context {
            transaction: transaction.into(),
            principal,
            kind,
            actors,
            grant,
            attributes,
            authentication,
            request: rctx.request_facts()?,
            requester: requester.into(),
            projections: tctx
                .proj
                .as_ref()
                .map_or(Ok(Vec::new()), |list| projections(list))?,
            as_of: times.as_of,
            epoch: rctx.epoch,
            lifetime: Lifetime {
                audience: audience.into(),
                issuer: self.iss.as_deref().map(Into::into),
                issued_at: times.issued_at,
                not_before: times.not_before,
                expires_at: times.expires_at,
            },
        })
    }
}

fn required<'t>(text: Option<&'t Text<'_>>, claim: &'static str) -> Result<&'t str, Refusal> {
    text.map(|text| &**text).ok_or_else(|| missing(claim))
}

fn tenant_of(text: &str) -> Result<Tenant, Refusal> {
    Tenant::new(text).map_err(|_| {
        Refusal::new(Reason::TenantInvalid)
            .at(Place::claim("tctx.tenant"))
            .because(format!("is `{}`", shown(text.as_bytes())))
    })
}

fn chain(nearest: Act<'_>) -> Result<ActorChain, Refusal> {
    let mut actors = Vec::new();
    let mut next = Some(Box::new(nearest));
    while let Some(act) = next {
        let sub = required(act.sub.as_ref(), "act.sub")?;
        let kind = required(act.kind.as_ref(), "act.kind")?;
        let kind = ActorKind::from_wire(kind).ok_or_else(|| invalid("act.kind", "is unknown"))?;
        let principal = Principal::from_composed(sub).map_err(|error| invalid("act.sub", error))?;
        let mut actor = Actor::new(kind, principal);
        if let Some(session) = &act.sid {
            fits_session("act.sid", session)?;
            actor = actor.in_session(session);
        }
        actors.push(actor);
        next = act.act;
    }
    ActorChain::from_nearest_first(actors)
        .map_err(|reason| Refusal::new(reason).at(Place::claim("act")))
}

/// An empty session would be every lost session.
fn fits_session(claim: &'static str, session: &str) -> Result<(), Refusal> {
    match fits_name(session) {
        true => Ok(()),
        false => Err(invalid(
            claim,
            "is unusable, expected 1 to 255 bytes of visible ascii",
        )),
    }
}

fn attributes(wire: &BTreeMap<Text<'_>, WireAttribute<'_>>) -> Result<Attributes, Refusal> {
    wire.iter()
        .map(|(name, attribute)| {
            let (Some(value), Some(source), Some(at)) =
                (&attribute.value, &attribute.source, &attribute.at)
            else {
                return Err(missing("tctx.attr"));
            };
            let value = match value {
                WireValue::Flag(flag) => AttributeValue::Flag(*flag),
                WireValue::Number(number) => AttributeValue::Number(*number),
                WireValue::Text(text) => AttributeValue::Text((**text).into()),
                WireValue::List(list) => {
                    AttributeValue::List(list.iter().map(|text| (**text).into()).collect())
                }
            };
            Ok((
                (**name).into(),
                Attribute::new(value, source, at.read("tctx.attr")?),
            ))
        })
        .collect()
}

fn projections(list: &[Text<'_>]) -> Result<Vec<Projection>, Refusal> {
    list.iter()
        .map(|text| Projection::from_wire(text).ok_or_else(|| invalid("tctx.proj", "is unknown")))
        .collect()
}

fn data_scope(details: &[BTreeMap<Text<'_>, Value>]) -> Result<DataScope, Refusal> {
    details
        .iter()
        .map(data_grant)
        .collect::<Result<Vec<_>, _>>()
        .map(DataScope::Limited)
}

fn data_grant(detail: &BTreeMap<Text<'_>, Value>) -> Result<DataGrant, Refusal> {
    let broken = |rule: &'static str| invalid("tctx.data", rule);
    let mut kind = None;
    let mut actions = None;
    let mut selectors = BTreeMap::new();
    for (member, value) in detail {
        match (&**member, value) {
            ("type", Value::String(text)) => kind = Some(text.as_str()),
            ("actions", Value::Array(list)) => {
                let texts = texts(list).ok_or_else(|| broken("has an action that is no text"))?;
                actions = Some(texts);
            }
            ("select", Value::Object(constraints)) => {
                for (selector, constraint) in constraints {
                    // Else `?name` in here could take the place of an unknown member `name`.
                    if !is_name(selector) {
                        return Err(broken("has a selector that is no name"));
                    }
                    selectors.insert(selector.as_str().into(), read_constraint(constraint));
                }
            }
            ("type" | "actions" | "select", _) => {
                return Err(broken("has a member of another type than expected"));
            }
            // RFC 9396 §2: a member we do not know may limit the detail, so it permits nothing.
            (other, value) => {
                selectors.insert(format!("?{other}").into(), unknown(value));
            }
        }
    }
    let kind = kind.ok_or_else(|| broken("has a detail without `type`"))?;
    let mut grant = DataGrant::of(kind).map_err(|error| invalid("tctx.data", error))?;
    grant.actions = actions;
    grant.selectors = selectors;
    Ok(grant)
}

fn texts(list: &[Value]) -> Option<BTreeSet<Box<str>>> {
    list.iter()
        .map(|value| value.as_str().map(Into::into))
        .collect()
}

fn read_constraint(value: &Value) -> Constraint {
    let known = || {
        let object = value.as_object()?;
        let (name, value) = object.iter().next().filter(|_| object.len() == 1)?;
        match name.as_str() {
            "max" => value.as_i64().map(Constraint::Max),
            "min" => value.as_i64().map(Constraint::Min),
            "one_of" => value
                .as_array()
                .and_then(|list| texts(list))
                .map(Constraint::OneOf),
            "prefix" => value.as_str().map(|text| Constraint::Prefix(text.into())),
            _ => None,
        }
    };
    known().unwrap_or_else(|| unknown(value))
}

fn unknown(value: &Value) -> Constraint {
    Constraint::Unknown(value.to_string().into())
}

impl WireTask<'_> {
    fn read(&self) -> Result<Task, &'static str> {
        let text = "has a text that is unusable, expected 1 to 128 bytes of visible ascii";
        let id = self.id.as_deref().ok_or("has no id")?;
        let mut task = Task::new(id).map_err(|_| text)?;
        if let Some(purpose) = &self.purpose {
            task = task.for_purpose(purpose).map_err(|_| text)?;
        }
        if let Some(deadline) = &self.deadline {
            let deadline =
                Timestamp::from_number(&deadline.0).ok_or("has a deadline out of range")?;
            task = task.until(deadline);
        }
        Ok(task)
    }
}

impl Rctx<'_> {
    fn authentication(&self) -> Result<Authentication, Refusal> {
        if let Some(session) = &self.sid {
            fits_session("rctx.sid", session)?;
        }
        let methods = self.amr.iter().flatten();
        Ok(Authentication {
            time: self
                .auth_time
                .as_ref()
                .map(|time| time.read("rctx.auth_time"))
                .transpose()?,
            class: self.acr.as_deref().map(Into::into),
            methods: methods.map(|method| (**method).into()).collect(),
            session: self.sid.as_deref().map(Into::into),
        })
    }

    fn request_facts(&self) -> Result<RequestFacts, Refusal> {
        if self.trace.as_deref().is_some_and(|text| !is_trace_id(text)) {
            return Err(invalid(
                "rctx.trace",
                "is no trace id, expected 32 lower-case hex digits",
            ));
        }
        let facts = self.req.iter().flatten();
        Ok(RequestFacts {
            trace_id: self.trace.as_deref().map(Into::into),
            facts: facts
                .map(|(name, fact)| ((**name).into(), (**fact).into()))
                .collect(),
        })
    }
}
