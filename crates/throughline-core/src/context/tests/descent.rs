//! Parent and child on the wire.

use super::*;

// failure: G7
#[test]
fn a_child_on_the_wire_is_no_wider_than_its_parent() {
    let parent = claims();
    let check = |child: &Value, parent: &Value| {
        let (child, parent) = (read(child).unwrap(), read(parent).unwrap());
        named(child.check_descends_from(&parent))
    };
    let grant = |reason| Err((reason, None));
    let differs = |claim| refused(Reason::ParentMismatch, claim);
    let mut deputy = json!({"sub": "agents/acme/deputy", "kind": "agent"});
    put(
        &mut deputy,
        "/act",
        claims().pointer("/act").unwrap().clone(),
    );
    let narrower = [
        ("/scope", json!("orders.read")),
        ("/scope", json!("orders.refunds.create orders.refunds.eu.*")),
        ("/scope", json!("")),
        ("/tctx/task/deadline", json!(IAT + 199)),
        ("/tctx/data", json!([])),
        ("/tctx/data/0/actions", json!(["read"])),
        ("/tctx/data/0/select/region", json!({"one_of": ["eu"]})),
        ("/tctx/data/0/select/amount", json!({"max": 99})),
        ("/tctx/data/0/select/city", json!({"prefix": "ro"})),
        ("/tctx/data/0/locations", json!(["eu"])),
        ("/act", deputy),
        ("/rctx/as_of", json!(AS_OF - 1)),
        ("/rctx/epoch", json!(6)),
        ("/req_wl", json!("worker")),
        // A replacement lives on its own clock; the deadline of the task holds it.
        ("/exp", json!(IAT + 600)),
    ];
    let wider = [
        ("/tctx/attr", json!({}), differs("tctx.attr")),
        (
            "/scope",
            json!("orders.read orders.refunds.* admin"),
            grant(Reason::ScopeWidened),
        ),
        ("/scope", json!("orders.*"), grant(Reason::ScopeWidened)),
        (
            "/scope",
            json!("orders.refunds"),
            grant(Reason::ScopeWidened),
        ),
        (
            "/tctx/task/deadline",
            json!(IAT + 201),
            grant(Reason::ScopeWidened),
        ),
        (
            "/tctx/task",
            json!({"id": "q3", "purpose": "audit"}),
            grant(Reason::ScopeWidened),
        ),
        ("/tctx/task/id", json!("q4"), grant(Reason::TaskMismatch)),
        (
            "/tctx/task/purpose",
            json!("sales"),
            grant(Reason::TaskMismatch),
        ),
        (
            "/tctx/data/0/type",
            json!("invoice"),
            grant(Reason::DataScopeWidened),
        ),
        (
            "/tctx/data/0/actions",
            json!(["read", "delete"]),
            grant(Reason::DataScopeWidened),
        ),
        (
            "/tctx/data/0/select",
            json!({"region": {"one_of": ["eu", "us"]}}),
            grant(Reason::DataScopeWidened),
        ),
        (
            "/tctx/data/0/select/region",
            json!({"one_of": ["eu", "cn"]}),
            grant(Reason::DataScopeWidened),
        ),
        (
            "/tctx/data/0/select/region",
            json!({"prefix": "eu"}),
            grant(Reason::DataScopeWidened),
        ),
        (
            "/tctx/data/0/select/amount",
            json!({"max": 101}),
            grant(Reason::DataScopeWidened),
        ),
        (
            "/tctx/data/0/select/amount",
            json!({"min": 1}),
            grant(Reason::DataScopeWidened),
        ),
        ("/txn", json!("t-2"), differs("txn")),
        (
            "/act",
            json!({"sub": "agents/acme/deputy", "kind": "agent"}),
            differs("act"),
        ),
        ("/act/sid", json!("a-9"), differs("act")),
        (
            "/tctx/kind",
            json!("autonomous_agent"),
            differs("tctx.kind"),
        ),
        ("/rctx/as_of", json!(AS_OF + 1), differs("rctx.as_of")),
        ("/rctx/epoch", json!(8), differs("rctx.epoch")),
        (
            "/rctx/auth_time",
            json!(IAT - 49),
            differs("rctx.auth_time"),
        ),
        ("/rctx/acr", json!("urn:stronger"), differs("rctx.acr")),
        (
            "/rctx/amr",
            json!(["pwd", "otp", "hwk"]),
            differs("rctx.amr"),
        ),
        ("/rctx/sid", json!("s-2"), differs("rctx.sid")),
        (
            "/tctx/attr/plan",
            json!({"value": "platinum", "source": "billing", "at": IAT - 500}),
            differs("tctx.attr"),
        ),
        (
            "/tctx/attr/admin",
            json!({"value": true, "source": "billing", "at": IAT - 500}),
            differs("tctx.attr"),
        ),
    ];
    assert_eq!(check(&parent, &parent), Ok(()));
    for (pointer, value) in narrower {
        let child = with(claims(), pointer, value.clone());
        assert_eq!(check(&child, &parent), Ok(()), "{pointer} is {value}");
    }
    for (pointer, value, expected) in wider {
        let child = with(claims(), pointer, value.clone());
        assert_eq!(check(&child, &parent), expected, "{pointer} is {value}");
    }
    for (pointer, expected) in [
        ("/tctx/data", grant(Reason::DataScopeWidened)),
        ("/tctx/data/0/actions", grant(Reason::DataScopeWidened)),
        ("/tctx/task", grant(Reason::ScopeWidened)),
        ("/rctx/sid", differs("rctx.sid")),
        ("/rctx/epoch", differs("rctx.epoch")),
        ("/act/act", differs("act")),
    ] {
        let child = without(claims(), pointer);
        assert_eq!(check(&child, &parent), expected, "without {pointer}");
    }
    for (tenant, subject) in [("globex", "ada"), ("acme", "eve")] {
        let mut child = claims();
        put(&mut child, "/tctx/tenant", json!(tenant));
        put(&mut child, "/tctx/sub", json!(subject));
        put(
            &mut child,
            "/sub",
            json!(format!("okta/{tenant}/{subject}")),
        );
        assert_eq!(check(&child, &parent), differs("sub"));
        assert_eq!(check(&child, &child), Ok(()));
    }
    // What a parent does not limit, a child may.
    for pointer in ["/tctx/data", "/tctx/task"] {
        assert_eq!(check(&parent, &without(claims(), pointer)), Ok(()));
    }
    // A user's work may go on to an agent, and does not come back.
    let user = with(without(claims(), "/act"), "/tctx/kind", json!("user"));
    assert_eq!(check(&parent, &user), Ok(()));
    assert_eq!(check(&user, &parent), differs("tctx.kind"));
    // Nobody else's work does: an agent would act with what belongs to a service.
    for kind in ["workload", "autonomous_agent"] {
        let own = with(without(claims(), "/act"), "/tctx/kind", json!(kind));
        assert_eq!(check(&parent, &own), differs("tctx.kind"), "{kind}");
        assert_eq!(check(&own, &own), Ok(()), "{kind}");
    }
    // Copies that are left out would be missed by whoever relies on them.
    let copied = with(claims(), "/tctx/proj", json!(["tenant@header:x-tenant"]));
    let bare = without(claims(), "/tctx/proj");
    assert_eq!(check(&copied, &copied), Ok(()));
    assert_eq!(check(&bare, &copied), differs("tctx.proj"));
    assert_eq!(check(&copied, &bare), differs("tctx.proj"));
    let mut elsewhere = read(&parent).unwrap();
    elsewhere.lifetime.audience = "staging.example".into();
    let found = named(elsewhere.check_descends_from(&read(&parent).unwrap()));
    assert_eq!(found, differs("aud"));
}
