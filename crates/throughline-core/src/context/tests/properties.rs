//! Whatever is issued, permuted or mangled.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::attribute::{Attribute, AttributeValue};
use crate::grant::{Constraint, DataGrant, DataScope, Scope, Task};
use crate::projection::Member;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "\\PC{0,12}",
        Just("\"\\\u{0}\u{7f}\u{2028}".to_owned())
    ]
}

fn boxed(text: impl Strategy<Value = String>) -> impl Strategy<Value = Box<str>> {
    text.prop_map(Into::into)
}

fn subject() -> impl Strategy<Value = String> {
    "\\PC{1,40}".prop_filter("a subject has no control characters", |text| {
        Principal::platform("a", text).is_ok()
    })
}

fn tenant() -> impl Strategy<Value = Tenant> {
    "[A-Za-z0-9][A-Za-z0-9._~:-]{0,20}".prop_map(|text| Tenant::new(&text).unwrap())
}

fn provider() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("okta"), Just("entra.eu"), Just("0~a_b-c")]
}

fn principal(tenant: impl Strategy<Value = Tenant>) -> impl Strategy<Value = Principal> {
    (provider(), tenant, subject())
        .prop_map(|(provider, tenant, subject)| Principal::new(provider, tenant, &subject).unwrap())
}

fn an_actor() -> impl Strategy<Value = Actor> {
    let of_platform = subject().prop_map(|name| Principal::platform("ops", &name).unwrap());
    let who = prop_oneof![3 => principal(tenant()), 1 => of_platform];
    (who, option::of("[!-~]{1,32}")).prop_map(|(principal, session)| {
        let agent = Actor::new(ActorKind::Agent, principal);
        match session {
            Some(session) => agent.in_session(&session),
            None => agent,
        }
    })
}

fn constraint() -> impl Strategy<Value = Constraint> {
    prop_oneof![
        any::<i64>().prop_map(Constraint::Max),
        any::<i64>().prop_map(Constraint::Min),
        btree_set(boxed(text()), 0..3).prop_map(Constraint::OneOf),
        text().prop_map(|text| Constraint::Prefix(text.into())),
        prop_oneof![
            Just("null"),
            Just(r#"{"a":1,"b":[2.5]}"#),
            Just("[]"),
            Just("-7")
        ]
        .prop_map(|json| Constraint::Unknown(json.into())),
    ]
}

fn detail() -> impl Strategy<Value = DataGrant> {
    let name = || "[A-Za-z0-9._:/-]{1,8}";
    (
        name(),
        option::of(btree_set(name(), 0..3)),
        btree_map(name(), constraint(), 0..3),
    )
        .prop_map(|(kind, actions, selectors)| {
            let mut grant = DataGrant::of(&kind).unwrap();
            if let Some(actions) = &actions {
                grant = grant.acting(actions.iter().map(String::as_str)).unwrap();
            }
            for (selector, constraint) in selectors {
                grant = grant.constrained(&selector, constraint).unwrap();
            }
            grant
        })
}

fn task() -> impl Strategy<Value = Task> {
    let name = || "[!-~]{1,12}";
    (name(), option::of(name()), option::of(second())).prop_map(|(id, purpose, deadline)| {
        let mut task = Task::new(&id).unwrap();
        if let Some(purpose) = purpose {
            task = task.for_purpose(&purpose).unwrap();
        }
        match deadline {
            Some(deadline) => task.until(deadline),
            None => task,
        }
    })
}

fn grant() -> impl Strategy<Value = Grant> {
    let scope = vec("[a-z]{1,4}(\\.[a-z]{1,3}){0,2}(\\.\\*)?|[A-Z!]{1,3}", 0..4)
        .prop_map(|tokens| Scope::new(&tokens.join(" ")).unwrap());
    let data = option::of(vec(detail(), 0..3));
    (scope, option::of(task()), data).prop_map(|(scope, task, data)| {
        let mut grant = Grant::new(scope);
        if let Some(task) = task {
            grant = grant.for_task(task);
        }
        match data {
            Some(data) => grant.with_data(DataScope::Limited(data)),
            None => grant,
        }
    })
}

fn second() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.as_unix()).prop_map(Timestamp::from_unix)
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![
        any::<bool>().prop_map(AttributeValue::Flag),
        any::<i64>().prop_map(AttributeValue::Number),
        boxed(text()).prop_map(AttributeValue::Text),
        vec(boxed(text()), 0..3).prop_map(AttributeValue::List),
    ];
    let attribute = (value, text(), (0..=IAT).prop_map(Timestamp::from_unix))
        .prop_map(|(value, source, at)| Attribute::new(value, &source, at));
    btree_map(boxed(text()), attribute, 0..3)
}

fn authentication() -> impl Strategy<Value = Authentication> {
    let time = option::of((0..=IAT).prop_map(Timestamp::from_unix));
    (
        time,
        option::of(text()),
        vec(boxed(text()), 0..3),
        option::of("[!-~]{1,12}"),
    )
        .prop_map(|(time, class, methods, session)| Authentication {
            time,
            class: class.map(Into::into),
            methods,
            session: session.map(Into::into),
        })
}

fn projections() -> impl Strategy<Value = Vec<Projection>> {
    let member = prop_oneof![
        Just(Member::Tenant),
        Just(Member::Actor),
        Just(Member::Principal),
        Just(Member::Transaction)
    ];
    let projection =
        (member, any::<bool>(), "[a-z0-9-]{1,8}").prop_map(|(member, header, name)| {
            if header {
                Projection::header(member, &name).unwrap()
            } else {
                Projection::baggage(member, &name).unwrap()
            }
        });
    vec(projection, 0..3)
}

prop_compose! {
    fn draft()(
        kind in prop::sample::select(&Kind::ALL[..]),
        own in principal(tenant()),
        actors in vec(an_actor(), 1..4),
        grant in grant(),
        attributes in attributes(),
        authentication in authentication(),
        projections in projections(),
        facts in btree_map(boxed(text()), boxed(text()), 0..3),
        names in ("[!-~]{1,12}", option::of("[!-~]{1,12}")),
        epoch in option::of(any::<u64>()),
        alone in any::<bool>(),
    ) -> Draft {
        let as_of = Timestamp::from_unix(AS_OF);
        let mut actors = actors.into_iter();
        let draft = match kind {
            Kind::User => Draft::user(own, as_of),
            Kind::DelegatedAgent => Draft::delegated_agent(own, actors.next().unwrap(), as_of),
            Kind::AutonomousAgent => Draft::autonomous_agent(own, as_of),
            Kind::Workload => Draft::workload(own, as_of),
            Kind::Platform => {
                Draft::platform(Principal::platform("ops", own.subject()).unwrap(), as_of)
            }
        };
        let mut draft = draft
            .unwrap()
            .with_grant(grant)
            .with_authentication(authentication)
            .with_request(RequestFacts { trace_id: epoch.map(|n| format!("{n:032x}").into()), facts })
            .requested_by(&names.0)
            .unwrap();
        for actor in actors.filter(|_| !alone) {
            // The same actor twice is a loop, which a draft refuses.
            draft = draft.clone().acted_by(actor).unwrap_or(draft);
        }
        for (name, attribute) in attributes {
            draft = draft.add_attribute(&name, attribute);
        }
        for projection in projections {
            draft = draft.add_projection(projection);
        }
        if let Some(transaction) = names.1 {
            draft = draft.with_transaction(&transaction).unwrap();
        }
        match epoch {
            Some(epoch) => draft.with_epoch(epoch),
            None => draft,
        }
    }
}

/// Ways in which claims can be broken or changed, each from one place.
fn changed(which: usize) -> Value {
    let changes: [(&str, Value); 12] = [
        ("/unknown", json!({"b": 1, "a": {"d": [], "c": null}})),
        ("/aud", json!("staging.example")),
        ("/tctx/tenant", json!("globex")),
        ("/tctx/tenant", json!("-")),
        ("/tctx/tenant", json!(7)),
        ("/exp", json!(IAT + 1)),
        ("/rctx/as_of", json!(IAT + 1)),
        ("/act/sub", json!("ops/globex/broker")),
        ("/scope", json!("a  b")),
        (
            "/tctx/data/0/select/city",
            json!({"regex": "x", "flags": {"i": true, "g": false}}),
        ),
        ("/tctx/data/0/locations", json!([{"b": 1, "a": 2}])),
        ("/tctx/attr/plan", json!({"value": "gold"})),
    ];
    match changes.into_iter().nth(which) {
        Some((pointer, value)) => with(claims(), pointer, value),
        None => claims(),
    }
}

/// A number that depends on all of its arguments, to sort by.
fn mixed(seed: u64, at: &str, name: &str) -> u64 {
    at.bytes().chain(name.bytes()).fold(seed, |sum, byte| {
        (sum ^ u64::from(byte))
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(17)
    })
}

proptest! {
    #[test]
    fn what_is_issued_is_what_is_read(draft in draft(), short in any::<bool>()) {
        let mut lifetime = lifetime();
        if !short {
            lifetime.issuer = Some(ISSUER.into());
            lifetime.not_before = Some(Timestamp::from_unix(IAT - 1));
        }
        let context = draft.issue("t-1", lifetime).unwrap();
        let written = context.to_claims();
        let read = match read_bytes(&written) {
            Ok(read) => read,
            Err(refusal) => return Err(TestCaseError::fail(refusal.to_string())),
        };
        prop_assert_eq!(&read, &context);
        prop_assert_eq!(read.to_claims(), written.clone());
        prop_assert!(read.check_descends_from(&context).is_ok());
        let claimed = Claimed::read(&written).unwrap();
        prop_assert_eq!(claimed.unverified(), &context);
    }

    // failure: X4
    #[test]
    fn the_order_of_members_does_not_change_the_verdict(which in 0..13_usize, seed in any::<u64>()) {
        let claims = changed(which);
        let order = |at: &str, name: &str| mixed(seed, at, name);
        let text = render(&claims, "", &order, None);
        let mixed = read_bytes(text.as_bytes());
        let plain = read(&claims);
        match (mixed, plain) {
            (Ok(mixed), Ok(plain)) => prop_assert_eq!(mixed, plain),
            (Err(mixed), Err(plain)) => {
                prop_assert_eq!(mixed.reason(), plain.reason());
                prop_assert_eq!(mixed.place(), plain.place());
            }
            (mixed, plain) => prop_assert!(false, "{mixed:?} and {plain:?}"),
        }
    }

    #[test]
    fn reading_bytes_of_a_stranger_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Claimed::read(&bytes);
        let _ = read_bytes(&bytes);
    }

    #[test]
    fn reading_mangled_claims_never_panics(
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
        digits in "[0-9eE.+-]{0,30}",
    ) {
        let mut bytes = claims().to_string().replace("1700000300", &digits).into_bytes();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let _ = Claimed::read(&bytes);
        if let Ok(context) = read_bytes(&bytes) {
            // Whatever is read is written as something that reads the same.
            prop_assert_eq!(read_bytes(&context.to_claims()).unwrap(), context);
        }
    }

    #[test]
    fn reading_claims_of_other_shapes_never_panics(
        which in any::<prop::sample::Index>(), value in json_value(),
    ) {
        let all = pointers(&claims());
        let claims = with(claims(), which.get::<String>(&all), value);
        if let Ok(context) = read(&claims) {
            prop_assert_eq!(read_bytes(&context.to_claims()).unwrap(), context);
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("type|select|actions|max|one_of|[a-z?]{0,4}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}
