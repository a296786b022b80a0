//! Claim ownership: an attribute counts from its owner, with its time, and from nobody else.

use serde_json::{Value, json};
use throughline_core::Reason;
use throughline_core::attribute::AttributeValue;
use throughline_core::context::Lifetime;
use throughline_identity::{Issuers, TrustMap};

use crate::issuers::{claims, issuer};
use crate::kit::{Key, NOW, assert_refused, but, now, set, trust, verdict, with, without};

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

/// `workforce` owns `role`, billing owns `plan`, and both issuers assert both.
fn map() -> TrustMap {
    trust()
        .with_owner("role", "workforce")
        .with_owner("plan", "billing")
        .read_by_rules(["role", "plan"])
}

fn issuers(map: TrustMap) -> (Issuers, [Key; 2]) {
    let keys = [Key::ed(0), Key::ed(1)];
    let built =
        [("workforce", ONE, &keys[0]), ("partners", TWO, &keys[1])].map(|(alias, name, key)| {
            issuer(alias, name)
                .with_keys(set(&[key]))
                .add_attribute("role", "role")
                .add_attribute("plan", "app/plan")
                .build()
                .unwrap()
        });
    (Issuers::new(built, map).unwrap(), keys)
}

fn asserted(name: &str) -> Value {
    with(
        claims(name, "acme"),
        json!({"role": "admin", "app": {"plan": "gold"}}),
    )
}

// failure: X21
#[test]
fn an_attribute_counts_from_its_owner_and_from_nobody_else() {
    let (issuers, [workforce, partners]) = issuers(map());
    let owner = verdict(&issuers, &workforce.sign_access(&asserted(ONE))).unwrap();
    let role = &owner.attributes()["role"];
    assert_eq!(role.value(), &AttributeValue::Text("admin".into()));
    // With its source and the time at which it was true.
    assert_eq!(
        (role.source(), role.at().as_unix()),
        ("workforce", NOW - 10)
    );
    // The plan is billing's, so that of the workforce is dropped and told.
    assert_eq!(owner.attributes().len(), 1);
    assert_eq!(owner.dropped().collect::<Vec<_>>(), ["plan"]);

    let stranger = verdict(&issuers, &partners.sign_access(&asserted(TWO))).unwrap();
    assert!(stranger.attributes().is_empty());
    assert_eq!(stranger.dropped().collect::<Vec<_>>(), ["role", "plan"]);
    // And counted, each time a credential is verified.
    let counted = || {
        issuers
            .iter()
            .map(|it| it.dropped_attributes())
            .collect::<Vec<_>>()
    };
    assert_eq!(counted(), [1, 2]);
    // What is not asserted is not there, and not told.
    let silent = verdict(&issuers, &partners.sign_access(&claims(TWO, "acme"))).unwrap();
    assert_eq!(silent.dropped().count(), 0);
    assert_eq!(counted(), [1, 2]);
    // What no issuer is said to assert is not read at all.
    let unread = with(claims(ONE, "acme"), json!({"clearance": "secret"}));
    let unread = verdict(&issuers, &workforce.sign_access(&unread)).unwrap();
    assert!(unread.attributes().is_empty());
}

// failure: X21
#[test]
fn a_stranger_is_refused_where_so_configured() {
    let map = map().refusing_strangers();
    let (issuers, [workforce, partners]) = issuers(map);
    let own = without(asserted(ONE), "/app");
    assert!(verdict(&issuers, &workforce.sign_access(&own)).is_ok());
    let found = verdict(&issuers, &workforce.sign_access(&asserted(ONE)));
    assert_refused(found, Reason::ClaimInvalid, "billing's plan");
    let found = verdict(&issuers, &partners.sign_access(&asserted(TWO)));
    assert_refused(found, Reason::ClaimInvalid, "the workforce's role");
    assert!(verdict(&issuers, &partners.sign_access(&claims(TWO, "acme"))).is_ok());
}

// failure: X21
#[test]
fn a_rule_that_reads_what_nobody_owns_is_an_error_of_configuration() {
    let key = Key::ed(0);
    let build = |map: TrustMap| {
        let issuer = issuer("workforce", ONE)
            .with_keys(set(&[&key]))
            .build()
            .unwrap();
        Issuers::new([issuer], map).map_err(|error| error.to_string())
    };
    assert!(build(map()).is_ok());
    let error = build(map().read_by_rules(["clearance"])).unwrap_err();
    assert!(
        error.contains("rules read attribute `clearance`"),
        "{error}"
    );
    for odd in [
        TrustMap::new("", "rules"),
        TrustMap::new("identity", ""),
        trust().with_owner("role", ""),
        trust().with_owner("", "workforce"),
    ] {
        assert!(build(odd).is_err());
    }
}

#[test]
fn an_attribute_has_a_type_that_a_rule_can_read() {
    let (issuers, [workforce, _]) = issuers(map());
    let of = |role: Value| {
        let claims = but(claims(ONE, "acme"), "/role", role);
        let identity = verdict(&issuers, &workforce.sign_access(&claims));
        identity.map(|identity| identity.attributes()["role"].value().clone())
    };
    for (role, value) in [
        (json!("admin"), AttributeValue::Text("admin".into())),
        (json!(true), AttributeValue::Flag(true)),
        (json!(-7), AttributeValue::Number(-7)),
        (
            json!(["a", "b"]),
            AttributeValue::List(vec!["a".into(), "b".into()]),
        ),
    ] {
        assert_eq!(of(role), Ok(value));
    }
    for odd in [
        json!(null),
        json!({"a": 1}),
        json!([1]),
        json!([["a"]]),
        json!(1.5),
        json!(u64::MAX),
    ] {
        assert_eq!(of(odd.clone()), Err(Reason::ClaimInvalid), "{odd}");
    }
    let shadowed = with(asserted(ONE), json!({"app/plan": "gold"}));
    let (issuers, [workforce, _]) = self::issuers(map().with_owner("plan", "workforce"));
    let found = verdict(&issuers, &workforce.sign_access(&shadowed));
    assert_refused(found, Reason::ClaimInvalid, "two plans");
    assert!(verdict(&issuers, &workforce.sign_access(&asserted(ONE))).is_ok());
}

#[test]
fn an_issuer_whose_clock_is_a_little_ahead_is_still_believed() {
    let (issuers, [workforce, _]) = issuers(map());
    let ahead =
        json!({"iat": NOW + 20, "auth_time": NOW + 20, "acr": "a", "amr": ["pwd"], "sid": "s"});
    let claims = with(asserted(ONE), ahead);
    let identity = verdict(&issuers, &workforce.sign_access(&claims)).unwrap();
    let lifetime = Lifetime {
        audience: "prod.example".into(),
        issuer: None,
        issued_at: now(),
        not_before: None,
        expires_at: now().plus(std::time::Duration::from_secs(60)),
    };
    let draft = identity.draft("edge", now()).unwrap();
    let context = draft.issue("t-1", lifetime).unwrap();
    // Nothing in the context is of the future.
    assert_eq!(context.as_of(), now());
    assert_eq!(context.attributes()["role"].at(), now());
    let authentication = context.authentication();
    assert_eq!(authentication.time(), Some(now()));
    assert_eq!(authentication.class(), Some("a"));
    assert_eq!(authentication.methods().collect::<Vec<_>>(), ["pwd"]);
    assert_eq!(authentication.session(), Some("s"));
}

#[test]
fn a_map_is_a_table_that_people_can_read() {
    let rows = map().rows();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (&*row.about, &*row.owner, row.read_by_rules))
        .collect();
    assert_eq!(
        rows,
        [
            ("authentication", "identity team", false),
            ("rules", "platform security", false),
            ("attribute plan", "billing", true),
            ("attribute role", "workforce", true),
        ]
    );
}
