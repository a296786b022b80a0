//! Strings that broke other people's software, in every place where a stranger can put one.

use std::collections::BTreeSet;

use throughline_core::attribute::{Attribute, AttributeValue};
use throughline_core::context::{Claimed, Lifetime};
use throughline_core::time::Timestamp;
use throughline_core::{Context, Draft, Principal, Tenant};

const STRINGS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/naughty-strings/blns.json"
));

fn strings() -> Vec<String> {
    let strings: Vec<String> = serde_json::from_str(STRINGS).unwrap();
    assert_eq!(strings.len(), 515);
    strings
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix(second)
}

fn issue(draft: Draft) -> Context {
    let lifetime = Lifetime {
        audience: "prod.example".into(),
        issuer: None,
        issued_at: at(1_000),
        not_before: None,
        expires_at: at(1_300),
    };
    draft.issue("t-1", lifetime).unwrap()
}

/// What arrives when `context` is written and read again.
fn over_the_wire(context: &Context) -> Context {
    let claimed = Claimed::read(&context.to_claims()).unwrap();
    claimed.unverified().clone()
}

#[test]
fn only_what_fits_the_grammar_is_a_tenant() {
    let strings = strings();
    let fits = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"._~:-".contains(&b))
            && text.len() <= 128
    };
    let tenants: Vec<_> = strings
        .iter()
        .filter_map(|text| Tenant::new(text).ok())
        .collect();
    assert!(tenants.iter().all(|tenant| fits(tenant.as_str())));
    let fitting = strings.iter().filter(|text| fits(text)).count();
    assert_eq!((tenants.len(), fitting), (55, 55));
    for tenant in tenants {
        let ada = Principal::new("okta", tenant, "ada").unwrap();
        let context = issue(Draft::user(ada, at(1_000)).unwrap());
        assert_eq!(over_the_wire(&context), context);
    }
}

#[test]
fn a_subject_survives_composition_or_is_none() {
    let acme = Tenant::new("acme").unwrap();
    let (mut composed, mut subjects) = (Vec::new(), Vec::new());
    for text in strings() {
        let Ok(principal) = Principal::new("okta", acme.clone(), &text) else {
            let refusable = text.is_empty()
                || text.len() > Principal::MAX_SUBJECT_LEN
                || text.contains(char::is_control);
            assert!(refusable, "{text:?}");
            continue;
        };
        let sub = principal.to_string();
        assert!(sub.is_ascii() && sub.matches('/').count() == 2, "{sub}");
        assert!(principal.is_composed_as(&sub));
        assert_eq!(Principal::from_composed(&sub).as_ref(), Ok(&principal));
        let context = issue(Draft::user(principal, at(1_000)).unwrap());
        assert_eq!(over_the_wire(&context), context);
        composed.push(sub);
        subjects.push(text);
    }
    assert_eq!(composed.len(), 501);
    // Two subjects are composed alike only if they are one.
    let distinct: BTreeSet<_> = composed.iter().collect();
    let subjects: BTreeSet<_> = subjects.iter().collect();
    assert_eq!(distinct.len(), subjects.len());
}

#[test]
fn a_string_is_not_read_as_the_composition_of_something_else() {
    for text in strings() {
        if let Ok(principal) = Principal::from_composed(&text) {
            assert_eq!(principal.to_string(), text);
        }
        let forged = format!("okta/acme/{text}");
        if let Ok(principal) = Principal::from_composed(&forged) {
            assert_eq!(principal.to_string(), forged);
            assert_eq!(principal.tenant().map(Tenant::as_str), Some("acme"));
        }
    }
}

#[test]
fn an_attribute_arrives_as_it_was_sent() {
    let acme = Tenant::new("acme").unwrap();
    let ada = Principal::new("okta", acme, "ada").unwrap();
    let mut all = Draft::user(ada.clone(), at(1_000)).unwrap();
    for text in strings() {
        let list =
            AttributeValue::List(vec![text.as_str().into(), "".into(), text.as_str().into()]);
        let one = Draft::user(ada.clone(), at(1_000))
            .unwrap()
            .add_attribute(&text, Attribute::new(text.as_str(), &text, at(900)))
            .add_attribute("list", Attribute::new(list, "directory", at(900)));
        let context = issue(one);
        assert_eq!(over_the_wire(&context), context, "{text:?}");
        all = all.add_attribute(&text, Attribute::new(text.as_str(), &text, at(900)));
    }
    let context = issue(all);
    assert_eq!(over_the_wire(&context), context);
    let texts: BTreeSet<_> = strings().into_iter().collect();
    assert_eq!(context.attributes().len(), texts.len());
}
