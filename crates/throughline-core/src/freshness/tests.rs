//! Marks as a state, and every link of a context against it.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fixture::{AS_OF, NOW, claims, platform_claims, put, read};

const BUDGET: Duration = Duration::from_secs(60);

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

fn principal(composed: &str) -> Target {
    Target::Principal(Principal::from_composed(composed).unwrap())
}

fn session(of: &str, session: &str) -> Target {
    Target::Session {
        tenant: tenant(of),
        session: session.into(),
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix(second)
}

/// Marks of a feed that is complete for the tenants of the fixture.
fn complete() -> Marks {
    let mut marks = Marks::new(BUDGET);
    marks.confirm(&tenant("acme"), NOW);
    marks.confirm(&tenant("globex"), NOW);
    marks
}

fn context() -> Context {
    read(&claims()).unwrap()
}

/// The context of the fixture moved to another tenant, actors and all.
fn context_of_globex() -> Context {
    let text = claims().to_string().replace("acme", "globex");
    crate::fixture::read_bytes(text.as_bytes()).unwrap()
}

fn reason(marks: &Marks, context: &Context) -> Result<(), Reason> {
    marks
        .check(context, NOW)
        .map_err(|refusal| refusal.reason())
}

#[test]
fn only_a_freshness_without_a_feed_has_a_lifetime() {
    let ten = Duration::from_secs(10);
    assert_eq!(Freshness::lifetime_only(ten).lifetime(), Some(ten));
    assert_eq!(
        Freshness::feed(|_: &Context, _: Timestamp| Ok(())).lifetime(),
        None
    );
}

#[test]
fn each_link_can_be_revoked_and_its_twin_cannot_hurt() {
    let cases = [
        (
            Target::Tenant(tenant("acme")),
            Target::Tenant(tenant("acm")),
        ),
        (session("acme", "s-1"), session("globex", "s-1")),
        (principal("okta/acme/ada"), principal("okta/globex/ada")),
        (principal("agents/acme/bot"), principal("agents/acme/bot2")),
        (principal("ops/globex/broker"), principal("ops/acme/broker")),
        (session("acme", "a-1"), session("globex", "a-1")),
        (session("globex", "a-2"), session("acme", "a-2")),
        (
            Target::Tenant(tenant("globex")),
            Target::Tenant(tenant("initech")),
        ),
    ];
    for (link, twin) in cases {
        let mut marks = complete();
        marks.apply(Mark::not_before(twin.clone(), NOW));
        assert_eq!(reason(&marks, &context()), Ok(()), "{twin:?}");
        marks.apply(Mark::not_before(link.clone(), NOW));
        assert_eq!(reason(&marks, &context()), Err(Reason::Revoked), "{link:?}");
    }
}

#[test]
fn the_same_second_counts_as_revoked_and_the_next_one_does_not() {
    for (mark, expected) in [
        (AS_OF - 1, Ok(())),
        (AS_OF, Err(Reason::Revoked)),
        (AS_OF + 1, Err(Reason::Revoked)),
    ] {
        let mut marks = complete();
        marks.apply(Mark::not_before(principal("okta/acme/ada"), at(mark)));
        assert_eq!(reason(&marks, &context()), expected, "{mark}");
    }
}

#[test]
fn the_feed_of_a_tenant_is_known_up_to_its_last_confirmation() {
    let mut marks = Marks::new(BUDGET);
    assert_eq!(marks.feed_time(&tenant("acme")), None);
    marks.confirm(&tenant("acme"), at(100));
    marks.confirm(&tenant("acme"), at(90));
    assert_eq!(marks.feed_time(&tenant("acme")), Some(at(100)));
    assert_eq!(marks.feed_time(&tenant("globex")), None);
    marks.lose(&tenant("acme"));
    assert_eq!(marks.feed_time(&tenant("acme")), None);
}

#[test]
fn what_a_mark_is_measured_against_is_as_of_and_not_the_age_of_the_token() {
    // The token was issued after the revocation, from an older truth.
    let mut marks = complete();
    marks.apply(Mark::not_before(principal("okta/acme/ada"), at(AS_OF + 50)));
    assert!(context().lifetime().issued_at > at(AS_OF + 50));
    assert_eq!(reason(&marks, &context()), Err(Reason::Revoked));
}

#[test]
fn a_mark_of_one_tenant_leaves_another_one_alone() {
    let mut marks = complete();
    for target in [
        Target::Tenant(tenant("acme")),
        principal("okta/acme/ada"),
        principal("agents/acme/bot"),
        session("acme", "s-1"),
        session("acme", "a-1"),
    ] {
        marks.apply(Mark::not_before(target, NOW));
    }
    marks.set_suspended(&tenant("acme"), true);
    assert_eq!(reason(&marks, &context()), Err(Reason::TenantSuspended));
    assert_eq!(reason(&marks, &context_of_globex()), Ok(()));
}

#[test]
fn a_suspended_tenant_is_refused_until_the_suspension_ends() {
    let mut marks = complete();
    marks.set_suspended(&tenant("acme"), true);
    assert_eq!(reason(&marks, &context()), Err(Reason::TenantSuspended));
    marks.set_suspended(&tenant("acme"), false);
    assert_eq!(reason(&marks, &context()), Ok(()));
    // Contexts from before the end stay dead if a mark on the tenant says so.
    marks.apply(Mark::not_before(Target::Tenant(tenant("acme")), NOW));
    assert_eq!(reason(&marks, &context()), Err(Reason::Revoked));
}

#[test]
fn an_actor_of_a_suspended_or_unknown_tenant_does_not_act() {
    let mut marks = complete();
    marks.set_suspended(&tenant("globex"), true);
    assert_eq!(reason(&marks, &context()), Err(Reason::TenantSuspended));
    let mut marks = complete();
    marks.lose(&tenant("globex"));
    assert_eq!(reason(&marks, &context()), Err(Reason::FreshnessUnknown));
    // Who has no such actor does not care.
    let mut alone = claims();
    crate::fixture::cut(&mut alone, "/act/act");
    assert_eq!(reason(&marks, &read(&alone).unwrap()), Ok(()));
}

#[test]
fn unknown_is_not_fresh() {
    let mut marks = Marks::new(BUDGET);
    assert_eq!(reason(&marks, &context()), Err(Reason::FreshnessUnknown));
    // A mark alone does not say that the feed is complete.
    marks.apply(Mark::not_before(session("acme", "other"), NOW));
    assert_eq!(reason(&marks, &context()), Err(Reason::FreshnessUnknown));
    marks = complete();
    assert_eq!(reason(&marks, &context()), Ok(()));
    marks.lose(&tenant("acme"));
    assert_eq!(reason(&marks, &context()), Err(Reason::FreshnessUnknown));
    marks.confirm(&tenant("acme"), NOW.plus(Duration::from_secs(1)));
    assert_eq!(reason(&marks, &context()), Ok(()));
}

#[test]
fn the_feed_may_be_behind_by_the_budget_and_no_more() {
    let marks = complete();
    for (late, expected) in [
        (0, Ok(())),
        (BUDGET.as_secs(), Ok(())),
        (BUDGET.as_secs() + 1, Err(Reason::FreshnessUnknown)),
    ] {
        let now = NOW.plus(Duration::from_secs(late));
        let found = marks.check(&context(), now).map_err(|r| r.reason());
        assert_eq!(found, expected, "{late}");
    }
}

#[test]
fn suspended_is_said_before_unknown_and_unknown_before_revoked() {
    let mut marks = Marks::new(BUDGET);
    marks.apply(Mark::not_before(Target::Tenant(tenant("acme")), NOW));
    assert_eq!(reason(&marks, &context()), Err(Reason::FreshnessUnknown));
    marks.set_suspended(&tenant("acme"), true);
    assert_eq!(reason(&marks, &context()), Err(Reason::TenantSuspended));
    marks.set_suspended(&tenant("acme"), false);
    marks.confirm(&tenant("acme"), NOW);
    assert_eq!(reason(&marks, &context()), Err(Reason::Revoked));
}

#[test]
fn a_principal_of_the_platform_can_be_revoked() {
    let context = read(&platform_claims()).unwrap();
    let mut marks = Marks::new(BUDGET);
    assert_eq!(reason(&marks, &context), Err(Reason::FreshnessUnknown));
    marks.confirm_platform(NOW);
    marks.apply(Mark::not_before(principal("okta/acme/ada"), NOW));
    assert_eq!(reason(&marks, &context), Ok(()));
    marks.apply(Mark::not_before(principal("okta//ada"), NOW));
    assert_eq!(reason(&marks, &context), Err(Reason::Revoked));
}

#[test]
fn a_session_of_the_platform_can_be_revoked() {
    let mut claims = platform_claims();
    put(&mut claims, "/rctx/sid", json!("s-1"));
    let context = read(&claims).unwrap();
    let mut marks = complete();
    marks.confirm_platform(NOW);
    let same_name = Target::Session {
        tenant: tenant("acme"),
        session: "s-1".into(),
    };
    marks.apply(Mark::not_before(same_name, NOW));
    assert_eq!(reason(&marks, &context), Ok(()));
    marks.apply(Mark::not_before(Target::PlatformSession("s-1".into()), NOW));
    assert_eq!(reason(&marks, &context), Err(Reason::Revoked));
}

#[test]
fn a_feed_from_the_future_is_unknown() {
    let mut marks = complete();
    marks.confirm(&tenant("acme"), NOW.plus(BUDGET));
    assert_eq!(reason(&marks, &context()), Ok(()));
    marks.confirm(
        &tenant("acme"),
        NOW.plus(BUDGET).plus(Duration::from_secs(1)),
    );
    assert_eq!(reason(&marks, &context()), Err(Reason::FreshnessUnknown));
}

#[test]
fn without_a_feed_a_context_is_believed_for_the_stated_time_after_as_of() {
    let limit = NOW.since(at(AS_OF)).as_secs();
    for (limit, expected) in [
        (limit, Ok(())),
        (limit - 1, Err(Reason::FreshnessUnknown)),
        (0, Err(Reason::FreshnessUnknown)),
    ] {
        let freshness = Freshness::lifetime_only(Duration::from_secs(limit));
        let found = freshness.check(&context(), NOW).map_err(|r| r.reason());
        assert_eq!(found, expected, "{limit}");
    }
    // A younger token does not help: `as_of` is what ages.
    let mut young = claims();
    put(&mut young, "/iat", json!(NOW.as_unix()));
    let freshness = Freshness::lifetime_only(Duration::from_secs(limit - 1));
    assert!(freshness.check(&read(&young).unwrap(), NOW).is_err());
}

#[test]
fn a_closure_is_a_feed() {
    let marks = complete();
    let freshness = Freshness::feed(move |context: &Context, now| marks.check(context, now));
    assert!(freshness.check(&context(), NOW).is_ok());
    let shut = Freshness::feed(|_: &Context, _| Err(Reason::FreshnessUnknown.into()));
    assert_eq!(
        shut.check(&context(), NOW).unwrap_err().reason(),
        Reason::FreshnessUnknown
    );
}

#[derive(Clone, Debug)]
enum Event {
    Confirm(Tenant, Timestamp),
    Mark(Mark),
}

fn event() -> impl Strategy<Value = Event> {
    let near = AS_OF - 3..AS_OF + 3;
    let target = prop_oneof![
        Just(Target::Tenant(tenant("acme"))),
        Just(Target::Tenant(tenant("globex"))),
        Just(session("acme", "s-1")),
        Just(session("acme", "a-1")),
        Just(principal("okta/acme/ada")),
        Just(principal("okta/globex/ada")),
        Just(principal("agents/acme/bot")),
    ];
    let late = NOW.as_unix() - BUDGET.as_secs() - 2..NOW.as_unix() + 2;
    prop_oneof![
        3 => (target, near).prop_map(|(target, second)| Event::Mark(Mark::not_before(target, at(second)))),
        2 => (prop_oneof![Just("acme"), Just("globex")], late)
            .prop_map(|(name, second)| Event::Confirm(tenant(name), at(second))),
    ]
}

fn after<'e>(events: impl IntoIterator<Item = &'e Event>) -> Marks {
    let mut marks = Marks::new(BUDGET);
    for event in events {
        match event {
            Event::Confirm(tenant, to) => marks.confirm(tenant, *to),
            Event::Mark(mark) => marks.apply(mark.clone()),
        }
    }
    marks
}

#[test]
fn a_late_or_repeated_confirmation_does_not_find_what_was_lost() {
    let acme = tenant("acme");
    let mut marks = complete();
    marks.lose(&acme);
    // Twice, as losses are delivered twice too.
    marks.lose(&acme);
    for late in [NOW.minus(Duration::from_secs(1)), NOW] {
        marks.confirm(&acme, late);
        assert_eq!(marks.feed_time(&acme), None);
        assert_eq!(reason(&marks, &context()), Err(Reason::FreshnessUnknown));
    }
    let anew = NOW.plus(Duration::from_secs(1));
    marks.confirm(&acme, anew);
    assert_eq!(marks.feed_time(&acme), Some(anew));
    assert_eq!(reason(&marks, &context()), Ok(()));

    // Of whom nothing was known, nothing is outdated.
    let mut marks = Marks::new(BUDGET);
    marks.lose(&acme);
    marks.confirm(&acme, NOW);
    assert_eq!(marks.feed_time(&acme), Some(NOW));
}

proptest! {
    #[test]
    fn late_double_and_unordered_events_end_in_the_same_verdicts(
        (once, anyhow) in prop::collection::vec(event(), 0..12).prop_flat_map(|events| {
            let twice: Vec<_> = events.iter().chain(&events).cloned().collect();
            let len = events.len();
            (Just(events), Just(twice).prop_shuffle(), 0..=len)
                .prop_map(|(once, twice, drop)| {
                    // Some events come twice, some once, none never.
                    let mut dropped = 0;
                    let mut seen = Vec::new();
                    let anyhow = twice
                        .into_iter()
                        .filter(|event| {
                            let text = format!("{event:?}");
                            let again = seen.contains(&text);
                            seen.push(text);
                            let keep = !again || dropped >= drop;
                            dropped += usize::from(!keep);
                            keep
                        })
                        .collect::<Vec<_>>();
                    (once, anyhow)
                })
        }),
    ) {
        let (one, two) = (after(&once), after(&anyhow));
        for context in [context(), context_of_globex(), read(&platform_claims()).unwrap()] {
            prop_assert_eq!(reason(&one, &context), reason(&two, &context));
        }
        for name in ["acme", "globex", "initech"] {
            prop_assert_eq!(one.feed_time(&tenant(name)), two.feed_time(&tenant(name)));
        }
    }

    #[test]
    fn a_further_mark_never_turns_a_refusal_into_an_acceptance(
        events in prop::collection::vec(event(), 0..12),
        target_at in AS_OF - 3..AS_OF + 3,
    ) {
        let mut marks = after(&events);
        let before = reason(&marks, &context());
        for target in [Target::Tenant(tenant("acme")), principal("okta/acme/ada")] {
            marks.apply(Mark::not_before(target, at(target_at)));
        }
        prop_assert!(before.is_ok() || reason(&marks, &context()).is_err());
    }
}
