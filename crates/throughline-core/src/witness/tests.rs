//! One rule at a time, then many at once.

use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::json;

use super::*;
use crate::fixture::{claims, platform_claims, read, verified, without};
use crate::hop::agree;

fn acme() -> Context {
    read(&claims()).unwrap()
}

fn path() -> Place {
    Place::new("path segment", "tenant")
}

fn value(text: &str) -> Sighting<'_> {
    Sighting::Value(text.into())
}

/// The reason for which `rule` refuses, which must name `place`.
fn refused(rule: &WitnessRule, seen: &Sighting<'_>, context: &Context, place: &Place) -> Reason {
    let refusal = rule.compare(seen, context).unwrap_err();
    assert_eq!(refusal.place(), Some(place), "{refusal}");
    refusal.reason()
}

/// Six places of a tenant, as a service might declare them.
fn six() -> Vec<WitnessRule> {
    [
        path(),
        Place::new("host", "host"),
        Place::header("x-tenant"),
        Place::new("query parameter", "tenant"),
        Place::new("body field", "tenant_id"),
        Place::new("baggage member", "tenant.id"),
    ]
    .into_iter()
    .map(WitnessRule::tenant)
    .collect()
}

#[test]
fn a_rule_says_whether_it_may_be_absent_and_whether_it_can_ever_agree() {
    let tenant = WitnessRule::tenant(path());
    assert!(!tenant.is_optional() && !tenant.is_contradictory());
    assert!(tenant.optional().is_optional());
    // An alias names a tenant, which no subject and no actor is.
    let known = |_: &str| Some(Tenant::new("acme").unwrap());
    assert!(
        !WitnessRule::tenant(path())
            .with_alias(known)
            .is_contradictory()
    );
    for about in [About::Subject, About::Actor] {
        assert!(!WitnessRule::new(about, path()).is_contradictory());
        assert!(
            WitnessRule::new(about, path())
                .with_alias(known)
                .is_contradictory()
        );
    }
}

// failure: H1
// failure: T1
#[test]
fn the_own_tenant_passes_and_another_one_is_named_with_its_place() {
    let header = Place::header("x-tenant");
    let rule = WitnessRule::tenant(header.clone());
    assert_eq!(rule.compare(&value("acme"), &acme()), Ok(()));
    for other in ["globex", "Acme", "acme.", "acm", "acmeacme", "acm\u{435}"] {
        assert_eq!(
            refused(&rule, &value(other), &acme(), &header),
            Reason::TenantMismatch
        );
    }
    let refusal = rule.compare(&value("globex"), &acme()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "tenant_mismatch: the tenants differ: header `x-tenant` is `globex`, context says `acme`"
    );
    assert!(!refusal.client_text().contains("acme"));
}

#[test]
fn subject_and_actor_have_reasons_of_their_own() {
    for (about, own, reason) in [
        (About::Subject, "ada", Reason::SubjectMismatch),
        (About::Actor, "bot", Reason::ActorMismatch),
    ] {
        let rule = WitnessRule::tenant(path()).about(about);
        assert_eq!(rule.compare(&value(own), &acme()), Ok(()));
        for other in ["eve", "broker", "okta/acme/ada", "agents/acme/bot"] {
            assert_eq!(refused(&rule, &value(other), &acme(), &path()), reason);
        }
    }
}

// failure: X5
#[test]
fn two_values_are_ambiguous_also_when_they_are_equal() {
    let rule = WitnessRule::tenant(Place::new("query parameter", "tenant"));
    for values in [["acme", "globex"], ["globex", "acme"], ["acme", "acme"]] {
        let seen = Sighting::of_values(values.iter().map(|value| value.as_bytes()));
        assert_eq!(
            refused(&rule, &seen, &acme(), rule.place()),
            Reason::ContextAmbiguous
        );
        let optional = rule.clone().optional();
        assert_eq!(
            refused(&optional, &seen, &acme(), rule.place()),
            Reason::ContextAmbiguous
        );
    }
    let one = Sighting::of_values([&b"acme"[..]].into_iter());
    assert_eq!(rule.compare(&one, &acme()), Ok(()));
}

// failure: H9
#[test]
fn what_cannot_be_decoded_is_not_absent() {
    let rule = WitnessRule::tenant(path()).optional();
    for bytes in [
        &b"acm\xe9"[..],
        b"",
        b" acme",
        b"acme ",
        b"acme\0",
        b"\xff",
        "acmé".as_bytes(),
    ] {
        let seen = Sighting::of_values([bytes].into_iter());
        assert_eq!(seen, Sighting::Undecodable, "{bytes:?}");
        assert_eq!(
            refused(&rule, &seen, &acme(), &path()),
            Reason::ContextMalformed
        );
    }
    assert_eq!(Sighting::of_values(std::iter::empty()), Sighting::Absent);
    assert_eq!(
        refused(&rule, &Sighting::Oversized, &acme(), &path()),
        Reason::ContextOversized
    );
}

#[test]
fn declared_means_required_unless_it_is_optional() {
    let required = WitnessRule::tenant(path());
    assert_eq!(
        refused(&required, &Sighting::Absent, &acme(), &path()),
        Reason::WitnessMissing
    );
    let optional = required.optional();
    assert_eq!(optional.compare(&Sighting::Absent, &acme()), Ok(()));
    assert_eq!(
        refused(&optional, &value("globex"), &acme(), &path()),
        Reason::TenantMismatch
    );
}

// failure: X10
#[test]
fn an_absent_side_of_a_comparison_is_never_equal() {
    let alone = without(claims(), "/act");
    let alone = crate::fixture::with(alone, "/tctx/kind", json!("user"));
    for (about, claims, claim) in [
        (About::Tenant, platform_claims(), "tctx.tenant"),
        (About::Actor, alone, "act.sub"),
    ] {
        let context = read(&claims).unwrap();
        for rule in [
            WitnessRule::new(about, path()),
            WitnessRule::new(about, path()).optional(),
            WitnessRule::new(about, path()).with_alias(|name: &str| Tenant::new(name).ok()),
        ] {
            for text in ["acme", "", "null", "undefined"] {
                assert_eq!(
                    refused(&rule, &value(text), &context, &Place::claim(claim)),
                    Reason::ClaimMissing
                );
            }
        }
        let required = WitnessRule::new(about, path());
        assert_eq!(
            refused(&required, &Sighting::Absent, &context, &path()),
            Reason::WitnessMissing
        );
    }
}

#[test]
fn an_alias_nobody_knows_is_somebody_else() {
    let resolve = |name: &str| match name {
        "www.acme.example" => Tenant::new("acme").ok(),
        "www.globex.example" => Tenant::new("globex").ok(),
        _ => None,
    };
    let rule = WitnessRule::tenant(path()).with_alias(resolve);
    assert_eq!(rule.compare(&value("www.acme.example"), &acme()), Ok(()));
    // `acme` is the tenant and no name of it: a name is not tried as a tenant when it is unknown.
    for name in ["www.globex.example", "www.nobody.example", "acme", ""] {
        assert_eq!(
            refused(&rule, &value(name), &acme(), &path()),
            Reason::TenantMismatch
        );
    }
    let client = |name: &str| {
        let refusal = rule.compare(&value(name), &acme()).unwrap_err();
        (refusal.reason(), refusal.client_text())
    };
    assert_eq!(client("www.globex.example"), client("www.nobody.example"));
}

// failure: H7
#[test]
fn a_constant_host_names_nobody() {
    let host = Place::new("host", "host");
    let rule = WitnessRule::tenant(host.clone()).with_alias(|name: &str| {
        name.strip_suffix(".app.example")
            .and_then(|tenant| Tenant::new(tenant).ok())
    });
    assert_eq!(rule.compare(&value("acme.app.example"), &acme()), Ok(()));
    assert_eq!(
        refused(&rule, &value("gateway.app.example"), &acme(), &host),
        Reason::TenantMismatch
    );
}

// failure: X18
#[test]
fn one_place_of_six_that_disagrees_is_found_wherever_it_stands() {
    let rules = six();
    let verified = verified(&claims());
    let see = |odd: Option<usize>| {
        let rules = rules.iter().enumerate();
        rules.map(move |(n, rule)| {
            let tenant = if odd == Some(n) { "globex" } else { "acme" };
            (rule, value(tenant))
        })
    };
    assert!(agree(&verified, see(None)).is_ok());
    for (odd, rule) in rules.iter().enumerate() {
        let expected = Err((Reason::TenantMismatch, Some(rule.place().clone())));
        let found = |seen: Vec<_>| {
            agree(&verified, seen)
                .map(drop)
                .map_err(|refusal| (refusal.reason(), refusal.place().cloned()))
        };
        let mut seen: Vec<_> = see(Some(odd)).collect();
        assert_eq!(found(seen.clone()), expected);
        seen.reverse();
        assert_eq!(found(seen), expected);
    }
}

// failure: X4
#[test]
fn an_optional_place_that_is_absent_does_not_end_the_comparison() {
    let verified = verified(&claims());
    let optional = WitnessRule::tenant(Place::header("x-org")).optional();
    let required = WitnessRule::tenant(path());
    let see = |tenant| [(&optional, Sighting::Absent), (&required, value(tenant))];
    assert!(agree(&verified, see("acme")).is_ok());
    let refusal = agree(&verified, see("globex")).unwrap_err();
    assert_eq!(refusal.reason(), Reason::TenantMismatch);
}

fn sighting() -> impl Strategy<Value = Sighting<'static>> {
    prop_oneof![
        4 => Just(Sighting::Value("acme".into())),
        1 => Just(Sighting::Value("globex".into())),
        1 => Just(Sighting::Absent),
        1 => Just(Sighting::Ambiguous),
        1 => Just(Sighting::Undecodable),
        1 => Just(Sighting::Oversized),
    ]
}

proptest! {
    #[test]
    fn the_order_of_declaration_does_not_change_the_verdict(
        seen in prop::collection::vec((any::<bool>(), sighting()), 0..6),
        swaps in prop::collection::vec((0..6_usize, 0..6_usize), 0..12),
    ) {
        let verified = verified(&claims());
        let mut declared: Vec<_> = seen
            .iter()
            .zip(six())
            .map(|((optional, seen), rule)| {
                (if *optional { rule.optional() } else { rule }, seen.clone())
            })
            .collect();
        let verdict = |declared: &[(WitnessRule, Sighting<'static>)]| {
            agree(&verified, declared.iter().map(|(rule, seen)| (rule, seen.clone()))).map(drop)
        };
        let before = verdict(&declared);
        for (one, two) in swaps {
            if one.max(two) < declared.len() {
                declared.swap(one, two);
            }
        }
        let after = verdict(&declared);
        prop_assert_eq!(before.is_ok(), after.is_ok());
        // What is named belongs to a place that disagrees by itself.
        let alone: Vec<_> = declared
            .iter()
            .filter_map(|(rule, seen)| rule.compare(seen, &verified).err())
            .collect();
        prop_assert_eq!(before.is_ok(), alone.is_empty());
        for refusal in [before, after].into_iter().filter_map(Result::err) {
            prop_assert!(alone.contains(&refusal));
        }
    }

    #[test]
    fn fewer_places_never_refuse_what_more_allow(places in subsequence(six(), 0..=6)) {
        let verified = verified(&claims());
        prop_assert!(agree(&verified, places.iter().map(|rule| (rule, value("acme")))).is_ok());
        let refused = agree(&verified, places.iter().map(|rule| (rule, value("globex"))));
        prop_assert_eq!(refused.is_err(), !places.is_empty());
    }
}
