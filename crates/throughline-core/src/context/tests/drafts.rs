//! What a draft refuses to say, and who may be drafted as what.

use std::time::Duration;

use super::*;
use crate::attribute::Attribute;
use crate::authentication::Authentication;
use crate::grant::{Grant, Scope, Task};
use crate::projection::{Member, Projection};

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix(second)
}

fn ada() -> Principal {
    Principal::new("okta", Tenant::new("acme").unwrap(), "ada").unwrap()
}

fn user() -> Draft {
    Draft::user(ada(), at(AS_OF)).unwrap()
}

fn issued(draft: Draft) -> Result<Context, String> {
    let lifetime = Lifetime {
        audience: "prod.example".into(),
        issuer: None,
        issued_at: at(IAT),
        not_before: None,
        expires_at: at(IAT).plus(Duration::from_secs(60)),
    };
    let context = draft.issue("t-1", lifetime);
    context.map_err(|error| error.to_string())
}

#[test]
fn a_draft_ends_with_its_task_or_with_what_it_is_made_from() {
    let until = |deadline| {
        let task = Task::new("t").unwrap().until(at(deadline));
        user().with_grant(Grant::new(Scope::default()).for_task(task))
    };
    for (draft, end) in [
        (user(), None),
        (until(9), Some(9)),
        (user().ending_by(at(7)), Some(7)),
        (until(9).ending_by(at(7)), Some(7)),
        (until(7).ending_by(at(9)), Some(7)),
        (user().ending_by(at(7)).ending_by(at(9)), Some(7)),
        (user().ending_by(at(9)).ending_by(at(7)), Some(7)),
    ] {
        assert_eq!(draft.latest_end(), end.map(at), "{draft:?}");
    }
}

#[test]
fn a_draft_is_not_issued_with_anything_that_is_true_only_later() {
    let future = Err("draft says something that is true only later".to_owned());
    let plan = |time| Attribute::new("gold", "billing", at(time));
    let drafts = |time: u64| {
        [
            Draft::user(ada(), at(time)).unwrap(),
            user().add_attribute("plan", plan(time)),
            user().with_authentication(Authentication::at(at(time))),
        ]
    };
    for draft in drafts(IAT + 1) {
        assert_eq!(issued(draft), future);
    }
    // The second of the issue itself is not later.
    for draft in drafts(IAT) {
        let context = issued(draft).unwrap();
        assert_eq!(read_bytes(&context.to_claims()).unwrap(), context);
    }
}

#[test]
fn a_draft_is_not_issued_with_a_session_or_a_trace_that_no_reader_takes() {
    let in_session =
        |id: &str| user().with_authentication(Authentication::unknown().in_session(id));
    let session = "transaction id, session or workload name is unusable, expected 1 to 255 bytes \
                   of visible ascii";
    for id in ["", "s 1", &"x".repeat(Draft::MAX_NAME_LEN + 1)] {
        assert_eq!(issued(in_session(id)), Err(session.to_owned()), "{id}");
        let bot = Actor::new(ActorKind::Agent, Principal::platform("ops", "bot").unwrap());
        let by_agent = user().delegated_to(bot.in_session(id)).unwrap();
        assert_eq!(issued(by_agent), Err(session.to_owned()), "{id}");
    }
    assert!(issued(in_session(&"x".repeat(Draft::MAX_NAME_LEN))).is_ok());

    let traced = |id: &str| {
        let trace_id = Some(id.into());
        user().with_request(RequestFacts {
            trace_id,
            ..RequestFacts::default()
        })
    };
    let trace = "trace id is none, expected 32 lower-case hex digits";
    let good = "0af7651916cd43dd8448eb211c80319c";
    for id in [
        "",
        &good.replacen('0', "", 1),
        &format!("{good}0"),
        &good.to_uppercase(),
        &good.replace('0', "g"),
    ] {
        assert_eq!(issued(traced(id)), Err(trace.to_owned()), "{id}");
        let claims = with(claims(), "/rctx/trace", json!(id));
        assert_eq!(
            verdict(&claims),
            refused(Reason::ClaimInvalid, "rctx.trace"),
            "{id}"
        );
    }
    assert!(issued(traced(good)).is_ok());
}

#[test]
fn a_draft_tells_what_it_holds_and_holds_each_copy_once() {
    let draft = user();
    assert_eq!((draft.as_of(), draft.deadline()), (at(AS_OF), None));
    let task = Task::new("q3").unwrap().until(at(IAT + 200));
    let grant = Grant::new(Scope::default()).for_task(task);
    assert_eq!(draft.with_grant(grant).deadline(), Some(at(IAT + 200)));

    let header = |name| Projection::header(Member::Tenant, name).unwrap();
    let draft = user()
        .add_projection(header("x-tenant"))
        .add_projection(header("x-org"))
        .add_projection(header("x-tenant"));
    let copies = issued(draft).unwrap().projections().to_vec();
    assert_eq!(copies, [header("x-tenant"), header("x-org")]);
}

#[test]
fn work_of_a_user_becomes_an_agents_by_delegation_and_other_work_keeps_its_kind() {
    let actor = |kind, name| {
        let acme = Tenant::new("acme").unwrap();
        Actor::new(kind, Principal::new("agents", acme, name).unwrap())
    };
    let bot = || actor(ActorKind::Agent, "bot");
    let delegated = |draft: Draft, to| {
        let context = issued(draft.delegated_to(to).unwrap()).unwrap();
        (context.kind(), context.actors().len())
    };
    assert_eq!(delegated(user(), bot()), (Kind::DelegatedAgent, 1));
    let service = actor(ActorKind::Service, "mailer");
    assert_eq!(delegated(user(), service.clone()), (Kind::User, 1));
    let agents = || Draft::delegated_agent(ada(), bot(), at(AS_OF)).unwrap();
    let second = actor(ActorKind::Agent, "second");
    assert_eq!(delegated(agents(), second), (Kind::DelegatedAgent, 2));
    assert_eq!(delegated(agents(), service), (Kind::DelegatedAgent, 2));
    // A workload is nobody that an agent could act for.
    let workload = Draft::workload(ada(), at(AS_OF)).unwrap();
    assert!(workload.delegated_to(bot()).is_err());
}

#[test]
fn who_has_no_tenant_is_drafted_for_the_platform_and_for_nothing_else() {
    let cron = || Principal::platform("ops", "cron").unwrap();
    let bot = || {
        let bot = Principal::new("agents", Tenant::new("acme").unwrap(), "bot").unwrap();
        Actor::new(ActorKind::Agent, bot)
    };
    let absent = "tenant is absent, expected one for this kind of context";
    for draft in [
        Draft::user(cron(), at(AS_OF)),
        Draft::workload(cron(), at(AS_OF)),
        Draft::autonomous_agent(cron(), at(AS_OF)),
        Draft::delegated_agent(cron(), bot(), at(AS_OF)),
    ] {
        assert_eq!(draft.unwrap_err().to_string(), absent);
    }
    for draft in [
        Draft::user(ada(), at(AS_OF)),
        Draft::workload(ada(), at(AS_OF)),
        Draft::autonomous_agent(ada(), at(AS_OF)),
        Draft::delegated_agent(ada(), bot(), at(AS_OF)),
        Draft::platform(cron(), at(AS_OF)),
    ] {
        assert!(issued(draft.unwrap()).is_ok());
    }
    let platform = Draft::platform(ada(), at(AS_OF)).unwrap_err();
    let present = "tenant is present, expected none for platform work";
    assert_eq!(platform.to_string(), present);
    let undeclared = user().acted_by(bot()).unwrap_err();
    let holds = "actor holds an agent, expected none for this kind of context";
    assert_eq!(undeclared.to_string(), holds);
    let service = Actor::new(ActorKind::Service, bot().principal().clone());
    let missing = Draft::delegated_agent(ada(), service, at(AS_OF)).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "actor is absent, expected the agent that acts"
    );
    let twice = Draft::delegated_agent(ada(), bot(), at(AS_OF)).unwrap();
    let twice = twice.acted_by(bot()).unwrap_err();
    assert_eq!(twice.to_string(), Reason::LoopDetected.log_text());
}
