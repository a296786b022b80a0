//! The claims of a transaction token (draft-ietf-oauth-transaction-tokens-10 "JWT Body Claims"),
//! read in the frozen order of step 5 and written.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

use super::draft::{check_shape, fits_name, is_trace_id};
use super::{Context, Lifetime, RequestFacts};
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
    pinned_issuer: Option<&str>,
    now: Timestamp,
) -> Result<Context, Refusal> {
    let claims = parse(payload)?;
    policy.check_issuer(claims.iss.as_deref(), pinned_issuer)?;
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

/// A text, borrowed unless it was escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;

        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrowing)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

/// Reads a member that may be absent but, where present, is not `null`: a `null` is an answer of
/// the wrong type, not the absence of one.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

macro_rules! wire {
    ($(#[$doc:meta])* struct $name:ident<$l:lifetime> { $( $(#[$attr:meta])* $field:ident: $type:ty, )* }) => {
        $(#[$doc])*
        #[derive(Default, Deserialize, Serialize)]
        #[serde(bound(deserialize = "'de: 'a"), remote = "Self")]
        struct $name<$l> {
            $(
                $(#[$attr])*
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                $field: Option<$type>,
            )*
        }

        // What serde derives would take an array for an object, member by member in our order. No
        // other reader of the token does, so an array is a claim of the wrong type.
        impl<'de: $l, $l> Deserialize<'de> for $name<$l> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Object<$l>(PhantomData<&$l ()>);

                impl<'de: $l, $l> Visitor<'de> for Object<$l> {
                    type Value = $name<$l>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                        <$name<$l>>::deserialize(MapAccessDeserializer::new(members))
                    }
                }

                deserializer.deserialize_map(Object(PhantomData))
            }
        }

        impl Serialize for $name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$name<'_>>::serialize(self, serializer)
            }
        }
    };
}

/// RFC 7519 §2 `NumericDate`.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
struct Date(Number);

impl Date {
    fn of(time: Timestamp) -> Self {
        Self(time.as_unix().into())
    }

    fn read(&self, claim: &'static str) -> Result<Timestamp, Refusal> {
        Timestamp::from_number(&self.0).ok_or_else(|| {
            invalid(
                claim,
                "is out of range, expected seconds since 1970 before the year 10000",
            )
        })
    }
}

/// RFC 7519 §4.1.3 allows one text or an array of texts.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    #[serde(borrow)]
    One(Text<'a>),
    #[serde(borrow)]
    Several(Vec<Text<'a>>),
}

impl Audience<'_> {
    /// The audience, if it is one: a context for several trust domains is for none.
    fn single(&self) -> Option<&str> {
        match self {
            Self::One(one) => Some(one),
            Self::Several(several) => match several.as_slice() {
                [one] => Some(one),
                _ => None,
            },
        }
    }
}

wire! {
    struct Claims<'a> {
        iss: Text<'a>,
        aud: Audience<'a>,
        iat: Date,
        nbf: Date,
        exp: Date,
        txn: Text<'a>,
        sub: Text<'a>,
        scope: Text<'a>,
        req_wl: Text<'a>,
        act: Act<'a>,
        tctx: Tctx<'a>,
        rctx: Rctx<'a>,
    }
}

wire! {
    /// RFC 8693 §4.1: the outermost is the current actor.
    struct Act<'a> {
        sub: Text<'a>,
        kind: Text<'a>,
        sid: Text<'a>,
        act: Box<Act<'a>>,
    }
}

wire! {
    /// What is fixed for the whole chain of work.
    struct Tctx<'a> {
        kind: Text<'a>,
        tenant: Text<'a>,
        idp: Text<'a>,
        sub: Text<'a>,
        task: WireTask<'a>,
        data: Vec<BTreeMap<Text<'a>, Value>>,
        attr: BTreeMap<Text<'a>, WireAttribute<'a>>,
        proj: Vec<Text<'a>>,
    }
}

wire! {
    struct WireTask<'a> {
        id: Text<'a>,
        purpose: Text<'a>,
        deadline: Date,
    }
}

wire! {
    struct WireAttribute<'a> {
        value: WireValue<'a>,
        source: Text<'a>,
        at: Date,
    }
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum WireValue<'a> {
    Flag(bool),
    Number(i64),
    #[serde(borrow)]
    Text(Text<'a>),
    #[serde(borrow)]
    List(Vec<Text<'a>>),
}

wire! {
    /// The circumstances of the request.
    struct Rctx<'a> {
        as_of: Date,
        epoch: u64,
        auth_time: Date,
        acr: Text<'a>,
        amr: Vec<Text<'a>>,
        sid: Text<'a>,
        trace: Text<'a>,
        req: BTreeMap<Text<'a>, Text<'a>>,
    }
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
            actor = actor.in_session(session);
        }
        actors.push(actor);
        next = act.act;
    }
    ActorChain::from_nearest_first(actors)
        .map_err(|reason| Refusal::new(reason).at(Place::claim("act")))
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

fn write_constraint(constraint: &Constraint) -> Value {
    let member =
        |name: &str, value: Value| Value::Object([(name.to_owned(), value)].into_iter().collect());
    match constraint {
        Constraint::Max(most) => member("max", (*most).into()),
        Constraint::Min(least) => member("min", (*least).into()),
        Constraint::OneOf(values) => member(
            "one_of",
            values.iter().map(|value| Value::from(&**value)).collect(),
        ),
        Constraint::Prefix(prefix) => member("prefix", (&**prefix).into()),
        // What would be read back as a constraint we know is not written: it would permit.
        Constraint::Unknown(text) => serde_json::from_str(text)
            .ok()
            .filter(|value| matches!(read_constraint(value), Constraint::Unknown(_)))
            .unwrap_or(Value::Null),
    }
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
        // An empty session would be every lost session.
        if self.sid.as_deref().is_some_and(|sid| !fits_name(sid)) {
            return Err(invalid(
                "rctx.sid",
                "is unusable, expected 1 to 255 bytes of visible ascii",
            ));
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

pub(super) fn write(context: &Context) -> Vec<u8> {
    let sub = context.principal.to_string();
    let actors: Vec<_> = context
        .actors
        .iter()
        .map(|actor| (actor, actor.principal.to_string()))
        .collect();
    let act = actors.iter().rev().fold(None, |behind, (actor, sub)| {
        Some(Box::new(Act {
            sub: Some(sub.as_str().into()),
            kind: Some(actor.kind.as_str().into()),
            sid: actor.session().map(Into::into),
            act: behind,
        }))
    });
    let projections: Vec<_> = context
        .projections
        .iter()
        .map(ToString::to_string)
        .collect();
    let some = |present: bool| present.then_some(());

    let claims = Claims {
        iss: context.lifetime.issuer.as_deref().map(Into::into),
        aud: Some(Audience::One((&*context.lifetime.audience).into())),
        iat: Some(Date::of(context.lifetime.issued_at)),
        nbf: context.lifetime.not_before.map(Date::of),
        exp: Some(Date::of(context.lifetime.expires_at)),
        txn: Some((&*context.transaction).into()),
        sub: Some(sub.as_str().into()),
        scope: Some(context.grant.scope().as_str().into()),
        req_wl: Some((&*context.requester).into()),
        act: act.map(|act| *act),
        tctx: Some(Tctx {
            kind: Some(context.kind.as_str().into()),
            tenant: context.tenant().map(|tenant| tenant.as_str().into()),
            idp: Some(context.principal.provider().into()),
            sub: Some(context.principal.subject().into()),
            task: context.grant.task().map(|task| WireTask {
                id: Some(task.id().into()),
                purpose: task.purpose().map(Into::into),
                deadline: task.deadline().map(Date::of),
            }),
            data: match context.grant.data() {
                DataScope::Unrestricted => None,
                DataScope::Limited(grants) => Some(grants.iter().map(write_data_grant).collect()),
            },
            attr: some(!context.attributes.is_empty()).map(|()| {
                let attributes = context.attributes.iter();
                attributes
                    .map(|(name, a)| ((&**name).into(), write_attribute(a)))
                    .collect()
            }),
            proj: some(!projections.is_empty()).map(|()| {
                projections
                    .iter()
                    .map(|text| text.as_str().into())
                    .collect()
            }),
        }),
        rctx: Some(Rctx {
            as_of: Some(Date::of(context.as_of)),
            epoch: context.epoch,
            auth_time: context.authentication.time.map(Date::of),
            acr: context.authentication.class().map(Into::into),
            amr: some(!context.authentication.methods.is_empty())
                .map(|()| context.authentication.methods().map(Into::into).collect()),
            sid: context.authentication.session().map(Into::into),
            trace: context.request.trace_id.as_deref().map(Into::into),
            req: some(!context.request.facts.is_empty()).map(|()| {
                context
                    .request
                    .facts
                    .iter()
                    .map(|(k, v)| ((&**k).into(), (&**v).into()))
                    .collect()
            }),
        }),
    };
    // Writing to memory cannot fail, and no map here has keys that are not texts.
    serde_json::to_vec(&claims).unwrap_or_default()
}

fn write_attribute(attribute: &Attribute) -> WireAttribute<'_> {
    WireAttribute {
        value: Some(match attribute.value() {
            AttributeValue::Flag(flag) => WireValue::Flag(*flag),
            AttributeValue::Number(number) => WireValue::Number(*number),
            AttributeValue::Text(text) => WireValue::Text((&**text).into()),
            AttributeValue::List(list) => {
                WireValue::List(list.iter().map(|text| (&**text).into()).collect())
            }
        }),
        source: Some(attribute.source().into()),
        at: Some(Date::of(attribute.at())),
    }
}

fn write_data_grant(grant: &DataGrant) -> BTreeMap<Text<'_>, Value> {
    let mut detail = BTreeMap::new();
    detail.insert("type".into(), grant.kind().into());
    if let Some(actions) = &grant.actions {
        detail.insert(
            "actions".into(),
            actions.iter().map(|a| Value::from(&**a)).collect(),
        );
    }
    let mut select = serde_json::Map::new();
    for (selector, constraint) in &grant.selectors {
        match selector.strip_prefix('?') {
            Some(member) => {
                detail.insert(member.into(), write_constraint(constraint));
            }
            None => {
                select.insert(selector.to_string(), write_constraint(constraint));
            }
        }
    }
    if !select.is_empty() {
        detail.insert("select".into(), select.into());
    }
    detail
}
