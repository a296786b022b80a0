//! What nobody knows denies, on both sides of the wire.

use super::*;
use crate::grant::{Constraint, DataGrant, DataScope, Scope};

#[test]
fn a_constraint_nobody_knows_denies() {
    let permitted = |claims: &Value| {
        let context = read(claims).unwrap();
        let seen = [("region", "eu"), ("amount", "50"), ("city", "rome")];
        context.grant().data().permits("order", "read", &seen)
    };
    assert!(permitted(&claims()));
    for (pointer, unknown) in [
        ("/tctx/data/0/select/city", json!({"regex": ".*"})),
        (
            "/tctx/data/0/select/city",
            json!({"one_of": ["rome"], "until": 5}),
        ),
        ("/tctx/data/0/select/city", json!({"one_of": ["rome", 1]})),
        ("/tctx/data/0/select/city", json!({"prefix": null})),
        ("/tctx/data/0/select/city", json!("rome")),
        ("/tctx/data/0/select/city", json!({})),
        ("/tctx/data/0/select/city", json!(null)),
        ("/tctx/data/0/select/amount", json!({"max": 1e300})),
        ("/tctx/data/0/select/amount", json!({"max": 100.5})),
        ("/tctx/data/0/select/amount", json!({"Max": 100})),
        ("/tctx/data/0/locations", json!(["https://a.example"])),
        ("/tctx/data/0/datatypes", json!(null)),
        ("/tctx/data/0/Actions", json!(["read"])),
        ("/tctx/data/0/limit", json!({"max": 3})),
    ] {
        let narrowed = with(claims(), pointer, unknown.clone());
        assert!(!permitted(&narrowed), "{pointer} is {unknown}");
        // It survives the wire as it is, and still denies.
        let context = read(&narrowed).unwrap();
        assert_eq!(read_bytes(&context.to_claims()).unwrap(), context);
    }
    let known = with(
        claims(),
        "/tctx/data/0/select/city",
        json!({"prefix": "ro"}),
    );
    assert!(permitted(&known));
    let none = with(claims(), "/tctx/data", json!([]));
    assert!(!permitted(&none));
    let all = without(claims(), "/tctx/data");
    assert!(permitted(&all));
}

#[test]
fn a_selector_cannot_take_the_place_of_a_member_nobody_knows() {
    let limited = with(claims(), "/tctx/data/0/locations", json!(["eu"]));
    assert_eq!(verdict(&limited), Ok(()));
    for selector in ["?locations", "?select", "?type", "", "a b", &"x".repeat(65)] {
        let pointer = format!("/tctx/data/0/select/{selector}");
        let forged = with(limited.clone(), &pointer, json!({"prefix": ""}));
        assert_eq!(
            verdict(&forged),
            refused(Reason::ClaimInvalid, "tctx.data"),
            "{selector}"
        );
    }
}

#[test]
fn an_unknown_constraint_never_becomes_a_known_one_on_the_wire() {
    for text in [
        r#"{"max":5}"#,
        r#"{"prefix":""}"#,
        r#"{ "one_of": ["eu"] }"#,
        "no json",
        "",
    ] {
        let unknown = Constraint::Unknown(text.into());
        let data = DataGrant::of("order")
            .unwrap()
            .constrained("region", unknown);
        let grant = Grant::new(Scope::default()).with_data(DataScope::limited([data.unwrap()]));
        let context = Draft::user(ada(), Timestamp::from_unix(AS_OF))
            .unwrap()
            .with_grant(grant)
            .issue("t-1", lifetime())
            .unwrap();
        let read = read_bytes(&context.to_claims()).unwrap();
        for value in ["eu", "5", ""] {
            let data = read.grant().data();
            assert!(
                !data.permits("order", "read", &[("region", value)]),
                "{text}"
            );
        }
    }
}

#[test]
fn a_draft_that_no_reader_would_take_is_not_made() {
    let agent = |name| actor(ActorKind::Agent, name);
    let service = actor(ActorKind::Service, "batch");
    let draft = Draft::delegated_agent(ada(), agent("bot"), Timestamp::from_unix(AS_OF)).unwrap();
    assert!(draft.clone().acted_by(agent("helper")).is_ok());
    assert!(draft.acted_by(service.clone()).is_ok());
    let user = Draft::user(ada(), Timestamp::from_unix(AS_OF)).unwrap();
    assert!(user.clone().acted_by(service.clone()).is_ok());
    assert!(user.acted_by(agent("bot")).is_err());
    assert!(Draft::delegated_agent(ada(), service, Timestamp::from_unix(AS_OF)).is_err());
}
