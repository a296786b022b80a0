//! The algebra of grants, as properties.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

fn scope() -> impl Strategy<Value = Scope> {
    vec("[ab](\\.[ab]){0,2}(\\.\\*)?|[AB]", 0..5)
        .prop_map(|tokens| Scope::new(&tokens.join(" ")).unwrap())
}

fn task() -> impl Strategy<Value = Task> {
    ("[t]", option::of("[p]"), option::of(0..5_u64)).prop_map(|(id, purpose, deadline)| {
        let mut task = Task::new(&id).unwrap();
        if let Some(purpose) = purpose {
            task = task.for_purpose(&purpose).unwrap();
        }
        if let Some(deadline) = deadline {
            task = task.until(Timestamp::from_unix(deadline));
        }
        task
    })
}

fn constraint() -> impl Strategy<Value = Constraint> {
    prop_oneof![
        (0..5_i64).prop_map(Constraint::Max),
        (0..5_i64).prop_map(Constraint::Min),
        btree_set("[xy]{1,2}", 1..4)
            .prop_map(|set| Constraint::OneOf(set.into_iter().map(Into::into).collect())),
        "[xy]{0,2}".prop_map(|prefix| Constraint::Prefix(prefix.into())),
        Just(Constraint::Unknown(r#"{"regex":"x"}"#.into())),
    ]
}

fn data() -> impl Strategy<Value = DataScope> {
    let grant = (
        "[de]",
        option::of(btree_set("[rw]", 1..3)),
        btree_map("[st]", constraint(), 0..3),
    )
        .prop_map(|(kind, actions, selectors)| DataGrant {
            kind: kind.into(),
            actions: actions.map(|set| set.into_iter().map(Into::into).collect()),
            selectors: selectors.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        });
    prop_oneof![
        Just(DataScope::Unrestricted),
        vec(grant, 0..3).prop_map(DataScope::Limited)
    ]
}

fn grant() -> impl Strategy<Value = Grant> {
    (scope(), option::of(task()), data()).prop_map(|(scope, task, data)| Grant {
        scope,
        task,
        data,
    })
}

/// Every question one can ask of the small world above.
fn permitted(data: &DataScope) -> Vec<bool> {
    let values = [
        "x", "y", "xx", "xy", "yx", "yy", "0", "1", "2", "3", "4", "5",
    ];
    let mut answers = Vec::new();
    for kind in ["d", "e"] {
        for action in ["r", "w"] {
            for s in values {
                for t in values {
                    answers.push(data.permits(kind, action, &[("s", s), ("t", t)]));
                }
            }
        }
    }
    answers
}

fn no_wider(child: &[bool], parent: &[bool]) -> bool {
    child
        .iter()
        .zip(parent)
        .all(|(child, parent)| !child || *parent)
}

proptest! {
    #[test]
    fn meeting_is_idempotent(grant in grant()) {
        let twice = grant.meet(&grant).unwrap();
        prop_assert!(twice.check_covers(&grant).is_ok());
        prop_assert!(grant.check_covers(&twice).is_ok());
    }

    #[test]
    fn meeting_is_commutative(one in grant(), two in grant()) {
        match (one.meet(&two), two.meet(&one)) {
            (Ok(left), Ok(right)) => {
                prop_assert_eq!(&left.scope, &right.scope);
                prop_assert_eq!(&left.task, &right.task);
                prop_assert_eq!(permitted(&left.data), permitted(&right.data));
                prop_assert!(left.check_covers(&right).is_ok());
            }
            (left, right) => prop_assert_eq!(left, right),
        }
    }

    #[test]
    fn scopes_meet_associatively(a in scope(), b in scope(), c in scope()) {
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
    }

    // failure: G7
    #[test]
    fn a_meeting_is_never_wider_than_either_side(one in grant(), two in grant()) {
        if let Ok(child) = one.meet(&two) {
            prop_assert_eq!(one.check_covers(&child), Ok(()));
            prop_assert_eq!(two.check_covers(&child), Ok(()));
            prop_assert!(no_wider(&permitted(&child.data), &permitted(&one.data)));
        }
    }

    #[test]
    fn what_is_covered_permits_no_more(parent in data(), child in data()) {
        if parent.covers(&child) {
            prop_assert!(no_wider(&permitted(&child), &permitted(&parent)));
        }
    }

    #[test]
    fn coverage_is_transitive(a in scope(), b in scope(), c in scope()) {
        if a.covers(&b) && b.covers(&c) {
            prop_assert!(a.covers(&c));
        }
    }

    // failure: G7
    #[test]
    fn narrowing_gives_what_is_asked_or_refuses(parent in grant(), asked in grant()) {
        match parent.narrow(asked.clone()) {
            Ok(child) => {
                prop_assert_eq!(parent.check_covers(&child), Ok(()));
                prop_assert_eq!(child.scope, asked.scope);
            }
            Err(reason) => prop_assert!(matches!(
                reason,
                Reason::ScopeWidened | Reason::DataScopeWidened | Reason::TaskMismatch
            )),
        }
    }
}

// failure: G7
#[test]
fn one_permission_more_or_a_later_deadline_is_refused() {
    let until = |n| Task::new("t").unwrap().until(Timestamp::from_unix(n));
    let grant = |scope: &str, n| Grant::new(Scope::new(scope).unwrap()).for_task(until(n));
    let parent = grant("documents.read", 100);

    assert!(parent.narrow(grant("documents.read", 100)).is_ok());
    assert!(parent.narrow(grant("", 99)).is_ok());
    assert_eq!(
        parent.narrow(grant("documents.read documents.write", 100)),
        Err(Reason::ScopeWidened)
    );
    assert_eq!(
        parent.narrow(grant("documents.read", 101)),
        Err(Reason::ScopeWidened)
    );

    let other = Grant::new(Scope::new("documents.read").unwrap()).for_task(Task::new("u").unwrap());
    assert_eq!(parent.narrow(other), Err(Reason::TaskMismatch));
}

#[test]
fn a_task_or_a_data_scope_that_is_not_named_is_inherited() {
    let q3 = DataScope::limited([DataGrant::of("document").unwrap()]);
    let parent = Grant::new(Scope::new("a").unwrap())
        .for_task(Task::new("t").unwrap())
        .with_data(q3.clone());
    let child = parent.narrow(Grant::new(Scope::new("a").unwrap())).unwrap();
    assert_eq!(child.task(), parent.task());
    assert_eq!(child.data(), &q3);
}

#[test]
fn a_data_grant_permits_its_own_type_and_actions_within_its_bounds_only() {
    let scope = |constraint| {
        let grant = DataGrant::of("order").unwrap().acting(["read"]).unwrap();
        DataScope::limited([grant.constrained("amount", constraint).unwrap()])
    };
    let most = scope(Constraint::Max(100));
    let least = scope(Constraint::Min(100));
    assert!(most.permits("order", "read", &[("amount", "100")]));
    assert!(least.permits("order", "read", &[("amount", "100")]));
    assert!(!most.permits("order", "read", &[("amount", "101")]));
    assert!(!least.permits("order", "read", &[("amount", "99")]));
    assert!(least.permits("order", "read", &[("amount", "101")]));
    for value in ["", "1e2", "hundred", "99999999999999999999"] {
        let seen = [("amount", value)];
        assert!(!most.permits("order", "read", &seen), "{value}");
        assert!(!least.permits("order", "read", &seen), "{value}");
    }
    // One thing is wrong at a time.
    for (kind, action, seen) in [
        ("invoice", "read", &[("amount", "100")][..]),
        ("order", "delete", &[("amount", "100")]),
        ("order", "read", &[("total", "100")]),
        ("order", "read", &[]),
        ("order", "read", &[("amount", "100"), ("amount", "101")]),
    ] {
        assert!(
            !most.permits(kind, action, seen),
            "{kind} {action} {seen:?}"
        );
    }
}

#[test]
fn data_scopes_meet_in_what_both_permit_and_in_nothing_else() {
    let acting = |actions: &[&str]| {
        let grant = DataGrant::of("order").unwrap();
        DataScope::limited([grant.acting(actions.iter().copied()).unwrap()])
    };
    let both = acting(&["read", "list"]).meet(&acting(&["read", "delete"]));
    assert_eq!(both, acting(&["read"]));
    let neither = acting(&["read"]).meet(&acting(&["delete"]));
    assert_eq!(neither, DataScope::limited([]));

    let where_region = |constraint| {
        let grant = DataGrant::of("order").unwrap();
        DataScope::limited([grant.constrained("region", constraint).unwrap()])
    };
    let one_of = |values: &[&str]| {
        where_region(Constraint::OneOf(
            values.iter().map(|v| Box::from(*v)).collect(),
        ))
    };
    let prefix = |text: &str| where_region(Constraint::Prefix(text.into()));
    let nothing = DataScope::limited([]);
    for (one, two, met) in [
        (
            one_of(&["eu", "us"]),
            one_of(&["eu", "cn"]),
            one_of(&["eu"]),
        ),
        (one_of(&["eu"]), one_of(&["cn"]), nothing.clone()),
        (one_of(&["eu-1", "us-1"]), prefix("eu"), one_of(&["eu-1"])),
        (one_of(&["us-1"]), prefix("eu"), nothing.clone()),
        (prefix("eu"), prefix("eu-1"), prefix("eu-1")),
        (prefix("eu"), prefix("us"), nothing.clone()),
        (
            where_region(Constraint::Min(1)),
            where_region(Constraint::Max(2)),
            nothing.clone(),
        ),
    ] {
        assert_eq!(one.meet(&two), met);
        assert_eq!(two.meet(&one), met);
    }
}

#[test]
fn digits_dashes_and_underscores_belong_to_a_segment_below_a_wildcard() {
    for segment in ["v2", "read-all", "read_all"] {
        let scope = Scope::new(&format!("orders.* {segment}.*")).unwrap();
        assert!(scope.allows(&format!("orders.{segment}")), "{segment}");
        assert!(scope.allows(&format!("{segment}.orders")), "{segment}");
    }
    for opaque in [
        "orders.2v",
        "orders.-x",
        "orders.Read",
        "orders.a:b",
        "orders.",
    ] {
        assert!(!Scope::new("orders.*").unwrap().allows(opaque), "{opaque}");
        assert!(Scope::new(opaque).unwrap().allows(opaque), "{opaque}");
    }
}

#[test]
fn tasks_meet_in_one_id_one_purpose_and_the_earlier_deadline() {
    let task = |id, purpose: Option<&str>, deadline| {
        let mut task = Task::new(id).unwrap();
        if let Some(purpose) = purpose {
            task = task.for_purpose(purpose).unwrap();
        }
        Grant::new(Scope::default()).for_task(task.until(Timestamp::from_unix(deadline)))
    };
    let audit = task("q3", Some("audit"), 100);
    for (other, met) in [
        (
            task("q3", Some("audit"), 90),
            Ok(task("q3", Some("audit"), 90)),
        ),
        (task("q3", None, 110), Ok(audit.clone())),
        (task("q3", Some("sales"), 100), Err(Reason::TaskMismatch)),
        (task("q4", Some("audit"), 100), Err(Reason::TaskMismatch)),
    ] {
        assert_eq!(audit.meet(&other), met);
        assert_eq!(other.meet(&audit), met);
    }
}

#[test]
fn names_and_scopes_are_shown_as_they_are_written() {
    let scope = Scope::new("b a").unwrap();
    assert!(!scope.is_empty() && scope.to_string() == "a b");
    assert!(Scope::default().is_empty() && Scope::default().to_string().is_empty());
    assert_eq!(
        DataGrant::of("a b").unwrap_err().to_string(),
        "name in a data scope is unusable, expected 1 to 64 bytes of `[A-Za-z0-9._:/-]`"
    );
    assert_eq!(
        Scope::new("*").unwrap_err().to_string(),
        "scope is malformed, expected at most 256 tokens separated by one space, with `*` only as \
         the last segment"
    );
    assert_eq!(
        Task::new("").unwrap_err().to_string(),
        "task id or purpose is unusable, expected 1 to 128 bytes of visible ascii"
    );
}

#[test]
fn a_constraint_nobody_knows_permits_nothing_and_only_survives_as_it_is() {
    let unknown = |text: &str| {
        DataScope::limited([DataGrant::of("d")
            .unwrap()
            .constrained("s", Constraint::Unknown(text.into()))
            .unwrap()])
    };
    assert!(!unknown("{}").permits("d", "r", &[("s", "x")]));
    assert!(unknown("{}").covers(&unknown("{}")));
    assert!(!unknown("{}").covers(&unknown("[]")));
    let known = DataScope::limited([DataGrant::of("d").unwrap().selecting("s", ["x"]).unwrap()]);
    assert!(!unknown("{}").covers(&known) && !known.covers(&unknown("{}")));
}
