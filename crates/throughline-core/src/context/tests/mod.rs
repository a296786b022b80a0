//! What a payload must say to become a context, and what a context says when it is written.

mod claims;
mod data;
mod descent;
mod drafts;
mod properties;

use serde_json::{Value, json};

use super::*;
use crate::fixture::{
    AS_OF, IAT, ISSUER, NOW, claims, cut, policy, put, read, read_bytes, with, without,
};
use crate::principal::{Actor, ActorKind};

/// The verdict, without what only the log may know.
fn verdict(claims: &Value) -> Result<(), (Reason, Option<String>)> {
    named(read(claims).map(|_| ()))
}

fn named(result: Result<(), Refusal>) -> Result<(), (Reason, Option<String>)> {
    result.map_err(|refusal| {
        let place = refusal.place().map(|place| place.name().to_owned());
        (refusal.reason(), place)
    })
}

fn refused(reason: Reason, claim: &str) -> Result<(), (Reason, Option<String>)> {
    Err((reason, Some(claim.to_owned())))
}

fn reason(claims: &Value) -> Result<(), Reason> {
    verdict(claims).map_err(|(reason, _)| reason)
}

/// Every JSON pointer into `value`, containers included.
fn pointers(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        let members: Vec<(String, &Value)> = match value {
            Value::Object(object) => object.iter().map(|(k, v)| (k.clone(), v)).collect(),
            Value::Array(array) => array
                .iter()
                .enumerate()
                .map(|(n, v)| (n.to_string(), v))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        for (name, member) in members {
            let at = format!("{at}/{name}");
            found.push(at.clone());
            walk(member, &at, found);
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// How the name of a member is written.
type Spell<'a> = &'a dyn Fn(&str) -> String;

/// JSON text of `value`; `order` sorts the members of each object, `twice` is the object whose
/// first member is written a second time, its name spelt by `spell`.
fn render(
    value: &Value,
    at: &str,
    order: &dyn Fn(&str, &str) -> u64,
    twice: Option<(&str, Spell<'_>)>,
) -> String {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(&String, &Value)> = object.iter().collect();
            members.sort_by_key(|(name, _)| order(at, name));
            let mut texts: Vec<String> = members
                .iter()
                .map(|(name, member)| {
                    let at = format!("{at}/{name}");
                    format!("{}:{}", json!(name), render(member, &at, order, twice))
                })
                .collect();
            if let (Some((path, spell)), Some((name, member))) = (twice, members.first())
                && path == at
            {
                let name = spell(name);
                texts.push(format!("\"{name}\":{member}"));
            }
            format!("{{{}}}", texts.join(","))
        }
        Value::Array(array) => {
            let texts: Vec<String> = array
                .iter()
                .enumerate()
                .map(|(n, member)| render(member, &format!("{at}/{n}"), order, twice))
                .collect();
            format!("[{}]", texts.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn as_it_is(_: &str, _: &str) -> u64 {
    0
}

fn ada() -> Principal {
    Principal::from_composed("okta/acme/ada").unwrap()
}

fn actor(kind: ActorKind, name: &str) -> Actor {
    Actor::new(
        kind,
        Principal::from_composed(&format!("agents/acme/{name}")).unwrap(),
    )
}

fn lifetime() -> Lifetime {
    Lifetime {
        audience: "prod.example".into(),
        issuer: None,
        issued_at: Timestamp::from_unix(IAT),
        not_before: None,
        expires_at: Timestamp::from_unix(IAT + 300),
    }
}
