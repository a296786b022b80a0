//! Writing the claims of a context.

use std::collections::BTreeMap;

use serde_json::Value;

use super::read_constraint;
use super::wire::{
    Act, Audience, Claims, Date, Rctx, Tctx, Text, WireAttribute, WireTask, WireValue,
};
use crate::attribute::{Attribute, AttributeValue};
use crate::context::Context;
use crate::grant::{Constraint, DataGrant, DataScope};

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

pub(in crate::context) fn write(context: &Context) -> Vec<u8> {
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
            // No member of this name is known, so whatever it says is read back as unknown.
            Some(member) => {
                let unknown = if let Constraint::Unknown(text) = constraint {
                    serde_json::from_str(text).ok()
                } else {
                    None
                };
                let value = unknown.unwrap_or_else(|| write_constraint(constraint));
                detail.insert(member.into(), value);
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
