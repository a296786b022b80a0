//! Reading and checking a file of attacks.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use throughline_core::Reason;

use super::error::{AttackError, Problem};
use super::fill::Slot;
use super::step::{Act, Credential, Forge, Hmac, Sign, Step, TextEdit, Who};
use super::text::Text;
use super::{Attack, Expect, Many, Need, Source, Variant, Wire};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    title: String,
    why: String,
    imitates: Source,
    #[serde(default)]
    over: Option<Vec<Wire>>,
    #[serde(default)]
    needs: Vec<Need>,
    #[serde(default)]
    each: Option<Vec<Value>>,
    #[serde(default)]
    before: Value,
    attack: Value,
    twin: Vec<Step>,
    #[serde(default)]
    many: Option<Many>,
    expect: WrittenExpect,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenExpect {
    Alike(Vec<String>),
    Elsewhere(Vec<String>),
    Harmless(Vec<String>),
    Refused(Vec<String>),
    Silent(Vec<String>),
}

pub(super) fn all(json: &str) -> Result<Vec<Attack>, AttackError> {
    // Attack by attack, so that an error can say which.
    let written: Vec<Value> =
        serde_json::from_str(json).map_err(|error| AttackError::new(Problem::Json(error)))?;
    let mut ids = BTreeSet::new();
    let mut attacks = Vec::with_capacity(written.len());
    for value in written {
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let id = id.unwrap_or_default();
        let written = serde_json::from_value(value)
            .map_err(|error| AttackError::of(&id, Problem::Json(error)))?;
        let attack = one(written).map_err(|problem| AttackError::of(&id, problem))?;
        if !ids.insert(id.clone()) {
            return Err(AttackError::of(&id, Problem::Twice));
        }
        attacks.push(attack);
    }
    Ok(attacks)
}

fn one(written: Written) -> Result<Attack, Problem> {
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !written
        .id
        .split_once('/')
        .is_some_and(|(group, what)| word(group) && word(what))
    {
        return Err(Problem::BadId);
    }
    if written.title.trim().is_empty() || written.why.trim().is_empty() {
        return Err(Problem::Untitled);
    }
    if written.imitates.what.trim().is_empty() || written.imitates.link.trim().is_empty() {
        return Err(Problem::Unsourced);
    }
    let mut variants = Vec::new();
    match &written.each {
        None => variants.push(variant(written.before, written.attack)?),
        Some(each) => {
            for value in each {
                let before = put(&written.before, value);
                let attack = put(&written.attack, value);
                if before == written.before && attack == written.attack {
                    return Err(Problem::UnusedEach);
                }
                variants.push(variant(before, attack)?);
            }
            if each.is_empty() {
                return Err(Problem::UnusedEach);
            }
        }
    }
    let needs = needs(written.needs, &variants, &written.twin, written.many);
    Ok(Attack {
        id: written.id,
        title: written.title,
        why: written.why,
        imitates: written.imitates,
        over: written.over.unwrap_or_else(|| vec![Wire::Http, Wire::Grpc]),
        needs,
        variants,
        twin: written.twin,
        many: written.many,
        expect: expect(written.expect)?,
    })
}

fn variant(before: Value, attack: Value) -> Result<Variant, Problem> {
    let before = match before.is_null() {
        true => Vec::new(),
        false => serde_json::from_value(before).map_err(Problem::Json)?,
    };
    let steps = serde_json::from_value(attack).map_err(Problem::Json)?;
    Ok(Variant { before, steps })
}

fn expect(written: WrittenExpect) -> Result<Expect, Problem> {
    let reasons = |codes: Vec<String>| -> Result<Vec<Reason>, Problem> {
        let reason = |code: String| Reason::from_code(&code).ok_or(Problem::UnknownReason(code));
        codes.into_iter().map(reason).collect()
    };
    Ok(match written {
        WrittenExpect::Alike(codes) => Expect::Alike(reasons(codes)?),
        WrittenExpect::Elsewhere(codes) => Expect::Elsewhere(reasons(codes)?),
        WrittenExpect::Harmless(codes) => Expect::Harmless(reasons(codes)?),
        WrittenExpect::Refused(codes) => Expect::Refused(reasons(codes)?),
        WrittenExpect::Silent(codes) => Expect::Silent(reasons(codes)?),
    })
}

/// `template` with `value` where it says `{each}`: alone as it is, within a text as text.
fn put(template: &Value, value: &Value) -> Value {
    const EACH: &str = "{each}";
    match template {
        Value::String(text) if text == EACH => value.clone(),
        Value::String(text) if text.contains(EACH) => {
            let value = match value {
                Value::String(value) => value.clone(),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => value.to_string(),
            };
            Value::String(text.replace(EACH, &value))
        }
        Value::Array(items) => items.iter().map(|item| put(item, value)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), put(member, value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => template.clone(),
    }
}

/// What an attack takes: what its author says, and what its steps show.
fn needs(said: Vec<Need>, variants: &[Variant], twin: &[Step], many: Option<Many>) -> Vec<Need> {
    let mut needs: BTreeSet<Need> = said.into_iter().collect();
    if many.is_some() {
        needs.insert(Need::OtherToken);
    }
    for step in twin {
        of_step(step, &mut needs);
    }
    for variant in variants {
        for act in &variant.before {
            of_act(act, &mut needs);
        }
        for step in &variant.steps {
            of_step(step, &mut needs);
        }
    }
    needs.into_iter().collect()
}

fn of_act(act: &Act, needs: &mut BTreeSet<Need>) {
    match act {
        Act::Clock(_) => {
            needs.insert(Need::Clock);
        }
        Act::Keys(_) => {
            needs.insert(Need::KeyServer);
        }
        Act::RevokeUser | Act::Suspend(_) => {
            needs.insert(Need::Freshness);
        }
        Act::Send(steps) => steps.iter().for_each(|step| of_step(step, needs)),
        Act::SendAsOther(steps) => {
            needs.insert(Need::OtherToken);
            steps.iter().for_each(|step| of_step(step, needs));
        }
    }
}

fn of_step(step: &Step, needs: &mut BTreeSet<Need>) {
    match step {
        Step::Credential(credential) => of_credential(credential, needs),
        Step::HostTenant(text) => {
            needs.insert(Need::HostTenant);
            of_text(text, needs);
        }
        Step::PathTenant(text) => {
            needs.insert(Need::PathTenant);
            of_text(text, needs);
        }
        Step::QueryTenant(text) => {
            needs.insert(Need::QueryTenant);
            of_text(text, needs);
        }
        Step::HeaderAdd(name, value)
        | Step::HeaderRepeat(name, value, _)
        | Step::HeaderSet(name, value)
        | Step::Trailer(name, value) => {
            of_text(name, needs);
            of_text(value, needs);
        }
        Step::Body(text)
        | Step::HeaderRemove(text)
        | Step::Host(text)
        | Step::Method(text)
        | Step::Path(text)
        | Step::PathAppend(text)
        | Step::Query(text)
        | Step::QueryAppend(text) => of_text(text, needs),
    }
}

fn of_text(text: &Text, needs: &mut BTreeSet<Need>) {
    if text.slots().into_iter().any(Slot::is_of_other_token) {
        needs.insert(Need::OtherToken);
    }
}

fn of_credential(credential: &Credential, needs: &mut BTreeSet<Need>) {
    match credential {
        Credential::Forge(forge) => of_forge(forge, needs),
        Credential::None | Credential::Own => {}
        Credential::Other => {
            needs.insert(Need::OtherToken);
        }
        Credential::Raw(text) => of_text(text, needs),
    }
}

fn of_forge(forge: &Forge, needs: &mut BTreeSet<Need>) {
    if forge.from == Who::Other || forge.claims_of == Some(Who::Other) {
        needs.insert(Need::OtherToken);
    }
    let mut parted = !forge.header.is_empty()
        || !forge.claims.is_empty()
        || forge.claims_of.is_some()
        || forge.payload.is_some();
    match &forge.sign {
        Sign::Keep => {}
        Sign::Attacker(_) | Sign::Bytes(_) | Sign::Embedded(_) | Sign::None | Sign::Zeros(_) => {
            parted = true
        }
        Sign::Hmac(hmac) => {
            parted = true;
            match hmac {
                Hmac::Empty | Hmac::Secret => {}
                Hmac::Jwk | Hmac::Jwks | Hmac::Pem | Hmac::PemAfterBlank | Hmac::Raw => {
                    needs.insert(Need::PublicKeys);
                }
            }
        }
        Sign::Trusted => {
            needs.insert(Need::SigningKey);
        }
    }
    for edit in &forge.text {
        match edit {
            TextEdit::Append(text) | TextEdit::Prepend(text) => of_text(text, needs),
            TextEdit::AfterHeader(text) => {
                parted = true;
                of_text(text, needs);
            }
            TextEdit::FlipSignature(_) | TextEdit::SpareBits => parted = true,
            TextEdit::Cut(_) | TextEdit::Flip(_) | TextEdit::Keep(_) => {}
        }
    }
    if parted {
        needs.insert(Need::Jws);
    }
}

#[cfg(test)]
mod tests;
