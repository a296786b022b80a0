//! `Require`: each demand with its pair, the order of the demands, and what is reported.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use throughline::{Caller, Mode, Reason, RequestView, RequireBuilder, RequireLayer, TenantContext};
use throughline_core::reason::Position;
use throughline_core::time::Timestamp;
use throughline_core::{ActorKind, Kind};
use tower::{Layer, service_fn};

use super::kit::*;

const CALLER: &str = "spiffe://prod.example/edge";

fn require() -> RequireBuilder {
    RequireLayer::builder().with_clock(|| Timestamp::from_unix(NOW))
}

/// The claims of an agent at work for Ada, with everything a route can demand.
fn agent() -> Value {
    let claims = but(claims("acme"), "/tctx/kind", json!("delegated_agent"));
    let claims = but(
        claims,
        "/act",
        json!({"sub": "agents/acme/bot", "kind": "agent"}),
    );
    let claims = but(claims, "/scope", json!("orders.read payments.*"));
    let claims = but(
        claims,
        "/tctx/task",
        json!({"id": "q3", "purpose": "report"}),
    );
    let data = json!([{"type": "document", "actions": ["read"]}]);
    let claims = but(claims, "/tctx/data", data);
    let claims = but(claims, "/rctx/auth_time", json!(NOW - 60));
    but(claims, "/rctx/acr", json!("urn:loa3"))
}

fn from(caller: Option<&str>, claims: &Value) -> Request<Bytes> {
    let mut request = request("/orders", &sign(claims), &[]);
    if let Some(caller) = caller {
        request
            .extensions_mut()
            .insert(Caller::authenticated(caller));
    }
    request
}

struct Demand {
    name: &'static str,
    layer: RequireBuilder,
    attack: Request<Bytes>,
    reason: Reason,
    place: Option<&'static str>,
}

/// Each with a request that meets all demands but this one; the twin meets all.
fn demands() -> Vec<Demand> {
    let demand = |name, layer: RequireBuilder, attack, reason, place| Demand {
        name,
        layer,
        attack,
        reason,
        place,
    };
    let without = |pointer: &str| from(Some(CALLER), &but(agent(), pointer, Value::Null));
    let with = |pointer: &str, value: Value| from(Some(CALLER), &but(agent(), pointer, value));
    let plain = || from(Some(CALLER), &claims("acme"));
    let actor = Reason::ActorMismatch;
    let stale = Reason::AuthenticationStale;
    let minutes = |n: u64| Duration::from_secs(60 * n);
    vec![
        demand(
            "another caller",
            require()
                .caller(CALLER)
                .caller("spiffe://prod.example/other"),
            from(Some("spiffe://prod.example/edge/"), &agent()),
            Reason::CallerRefused,
            None,
        ),
        demand(
            "no caller",
            require().caller(CALLER),
            from(None, &agent()),
            Reason::CallerRefused,
            None,
        ),
        demand(
            "kind",
            require().kind(Kind::DelegatedAgent).kind(Kind::Workload),
            plain(),
            actor,
            Some("claim `tctx.kind`"),
        ),
        demand(
            "actor",
            require().actor(ActorKind::Agent),
            plain(),
            actor,
            Some("claim `act.kind`"),
        ),
        demand(
            "scope",
            require().scope("orders.read").scope("payments.create"),
            with("/scope", json!("orders.read")),
            Reason::ScopeInsufficient,
            None,
        ),
        demand(
            "task",
            require().task(),
            without("/tctx/task"),
            Reason::TaskMismatch,
            None,
        ),
        demand(
            "purpose",
            require().purpose("report"),
            with("/tctx/task", json!({"id": "q3", "purpose": "export"})),
            Reason::TaskMismatch,
            None,
        ),
        demand(
            "no purpose",
            require().purpose("report"),
            with("/tctx/task", json!({"id": "q3"})),
            Reason::TaskMismatch,
            None,
        ),
        demand(
            "data of another kind",
            require().data("document", "read"),
            with(
                "/tctx/data",
                json!([{"type": "order", "actions": ["read"]}]),
            ),
            Reason::DataScopeExceeded,
            None,
        ),
        demand(
            "another action on data",
            require().data("document", "read"),
            with(
                "/tctx/data",
                json!([{"type": "document", "actions": ["write"]}]),
            ),
            Reason::DataScopeExceeded,
            None,
        ),
        demand(
            "old authentication",
            require().authenticated_within(minutes(5)),
            with("/rctx/auth_time", json!(NOW - 301)),
            stale,
            None,
        ),
        demand(
            "unknown authentication",
            require().authenticated_within(minutes(5)),
            without("/rctx/auth_time"),
            stale,
            None,
        ),
        demand(
            "weak authentication",
            require().class("urn:loa4").class("urn:loa3"),
            with("/rctx/acr", json!("urn:loa2")),
            stale,
            Some("claim `rctx.acr`"),
        ),
        demand(
            "no class",
            require().class("urn:loa3"),
            without("/rctx/acr"),
            stale,
            Some("claim `rctx.acr`"),
        ),
    ]
}

fn stack(require: RequireLayer) -> Stack {
    Stack::new(builder().build().unwrap()).require(require)
}

#[tokio::test]
async fn each_demand_refuses_what_lacks_it_and_nothing_else() {
    for demand in demands() {
        let handler = Handler::default();
        for (front, app) in stack(demand.layer.build().unwrap()).fronts(&handler) {
            let what = format!("{} ({front})", demand.name);
            let before = handler.runs();
            let logs = Logs::default();
            let twin = from(Some(CALLER), &agent());
            let answer = logs
                .watch(pair(&app, &handler, twin, demand.attack.clone()))
                .await;
            answer.assert_refused(demand.reason, demand.place, &what);
            assert_eq!(handler.runs(), before + 1, "{what}: the handler ran");
            let lines = logs.take();
            assert_eq!(lines.len(), 1, "{what}: {lines:?}");
            assert_eq!(lines[0].get("id").cloned(), answer.id(), "{what}");
            let span = logs.take_span();
            assert_eq!(span["tenant.id"], "acme", "{what}: {span:?}");
            assert_eq!(span["error.type"], demand.reason.code(), "{what}");
        }
    }
}

// failure: X17
#[tokio::test]
async fn a_reported_demand_lets_the_call_pass_without_a_context() {
    for demand in demands() {
        let layer = demand.layer.with_mode(Mode::Report).build().unwrap();
        let handler = Handler::default();
        let stack = stack(layer);
        for (front, app) in stack.fronts(&handler) {
            let what = format!("{} ({front})", demand.name);
            let logs = Logs::default();
            let twin = from(Some(CALLER), &agent());
            let answer = logs
                .watch(pair(&app, &handler, twin, demand.attack.clone()))
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{what}: {answer:?}");
            let seen = handler.last();
            assert_eq!(seen.tenant(), Err(demand.reason), "{what}");
            assert_eq!(seen.token(), Err(demand.reason), "{what}: a proof exists");
            let refused = seen.observed().unwrap_err();
            assert_eq!(refused.reason(), demand.reason, "{what}");
            let lines = logs.take();
            assert_eq!(lines.len(), 1, "{what}: {lines:?}");
            assert_eq!(lines[0]["id"], refused.id().to_string(), "{what}");
            assert_eq!(lines[0]["reason"], demand.reason.code(), "{what}");
        }
        let handler = Handler::default();
        let answer = send(stack.extracting(&handler), demand.attack).await;
        answer.assert_refused(demand.reason, demand.place, demand.name);
        assert_eq!(handler.runs(), 0, "{}", demand.name);
    }
}

#[tokio::test]
async fn a_demand_that_is_off_refuses_nothing() {
    for demand in demands() {
        let layer = demand.layer.with_mode(Mode::Off).build().unwrap();
        let handler = Handler::default();
        let answer = send(stack(layer).bare(&handler), demand.attack).await;
        assert_eq!(answer.status, StatusCode::OK, "{}: {answer:?}", demand.name);
        assert_eq!(
            handler.last().tenant().as_deref(),
            Ok("acme"),
            "{}",
            demand.name
        );
    }
}

#[tokio::test]
async fn somebody_who_acts_for_the_principal_can_be_refused() {
    let layer = require().no_actor().build().unwrap();
    let handler = Handler::default();
    for (front, app) in stack(layer).fronts(&handler) {
        let twin = from(None, &claims("acme"));
        let answer = pair(&app, &handler, twin, from(None, &agent())).await;
        answer.assert_refused(Reason::ActorMismatch, Some("claim `act.kind`"), front);
    }
}

#[tokio::test]
async fn the_first_demand_that_fails_is_the_one_that_is_named() {
    let layer = require()
        .class("urn:loa3")
        .authenticated_within(Duration::from_secs(300))
        .data("document", "read")
        .purpose("report")
        .scope("payments.create")
        .actor(ActorKind::Agent)
        .kind(Kind::DelegatedAgent)
        .caller(CALLER);
    let handler = Handler::default();
    let app = stack(layer.build().unwrap()).bare(&handler);
    // Mended one by one, in the order of the contract.
    let poor = claims("acme");
    let agent = agent();
    let take = |claims: Value, pointer: &str| {
        let value = agent.pointer(pointer).cloned().unwrap();
        but(claims, pointer, value)
    };
    // An agent that acts makes the kind, so kind and actor are mended together.
    let acted = take(take(poor.clone(), "/tctx/kind"), "/act");
    let scoped = take(acted.clone(), "/scope");
    let tasked = take(scoped.clone(), "/tctx/task");
    let limited = but(tasked.clone(), "/tctx/data", json!([{"type": "order"}]));
    let reaching = take(tasked.clone(), "/tctx/data");
    let recent = take(reaching.clone(), "/rctx/auth_time");
    for (sent, reason) in [
        (from(None, &poor), Reason::CallerRefused),
        (from(Some(CALLER), &poor), Reason::ActorMismatch),
        (from(Some(CALLER), &acted), Reason::ScopeInsufficient),
        (from(Some(CALLER), &scoped), Reason::TaskMismatch),
        (from(Some(CALLER), &limited), Reason::DataScopeExceeded),
        (from(Some(CALLER), &reaching), Reason::AuthenticationStale),
        (from(Some(CALLER), &recent), Reason::AuthenticationStale),
    ] {
        let answer = send(app.clone(), sent).await;
        assert_eq!(answer.reason(), Some(reason), "{answer:?}");
    }
    let whole = take(recent, "/rctx/acr");
    let answer = send(app, from(Some(CALLER), &whole)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(handler.runs(), 1);
}

#[tokio::test]
async fn a_challenge_says_how_to_do_better() {
    let layer = || {
        require()
            .scope("orders.read")
            .scope("payments.create")
            .authenticated_within(Duration::from_secs(300))
            .class("urn:loa4")
            .class("urn:loa3")
    };
    let stale = but(agent(), "/rctx/auth_time", json!(NOW - 3600));
    let poor = but(agent(), "/scope", json!("orders.read"));
    let step_up = "Bearer error=\"insufficient_user_authentication\", \
                   acr_values=\"urn:loa4 urn:loa3\", max_age=\"300\"";
    let scope = "Bearer error=\"insufficient_scope\", scope=\"orders.read payments.create\"";
    for (position, claims, status, expected) in [
        (Position::Edge, &stale, 401, Some(step_up)),
        (Position::Inside, &stale, 401, Some(step_up)),
        (Position::Edge, &poor, 403, Some(scope)),
        (Position::Inside, &poor, 403, None),
    ] {
        let accept = builder().at(position).build().unwrap();
        let handler = Handler::default();
        let stack = Stack::new(accept).require(layer().build().unwrap());
        for (front, app) in stack.fronts(&handler) {
            let answer = send(app, from(None, claims)).await;
            assert_eq!(answer.status, status, "{front}: {answer:?}");
            let challenge = answer.headers.get("www-authenticate");
            let challenge = challenge.map(|value| value.to_str().unwrap());
            assert_eq!(challenge, expected, "{front} at {position:?}");
        }
    }
}

#[tokio::test]
async fn a_caller_is_never_read_from_a_header() {
    let layer = require().caller(CALLER).build().unwrap();
    let handler = Handler::default();
    let app = stack(layer).bare(&handler);
    let mut attack = from(None, &agent());
    for name in [
        "x-caller",
        "x-forwarded-client-cert",
        "client-cert",
        "x-spiffe-id",
    ] {
        add(&mut attack, name, CALLER.as_bytes());
    }
    let answer = pair(&app, &handler, from(Some(CALLER), &agent()), attack).await;
    answer.assert_refused(Reason::CallerRefused, None, "a header");
}

#[tokio::test]
async fn a_caller_source_of_ones_own_replaces_the_default() {
    #[derive(Clone)]
    struct Connection(&'static str);
    let source = |request: &RequestView<'_>| {
        let connection = request.extensions().get::<Connection>()?;
        Some(Caller::authenticated(connection.0))
    };
    let layer = require().caller(CALLER).with_caller_source(source);
    let handler = Handler::default();
    let app = stack(layer.build().unwrap()).bare(&handler);
    let mut twin = from(None, &agent());
    twin.extensions_mut().insert(Connection(CALLER));
    let answer = pair(&app, &handler, twin, from(Some(CALLER), &agent())).await;
    answer.assert_refused(Reason::CallerRefused, None, "the default extension");
}

#[tokio::test]
async fn without_accept_in_front_nothing_is_admitted() {
    for mode in [Mode::Enforce, Mode::Report] {
        let layer = require().with_mode(mode).build().unwrap();
        let handler = Handler::default();
        let inner = handler.clone();
        let service = layer.layer(service_fn(move |request: Request<Body>| {
            let inner = inner.clone();
            async move { Ok::<_, std::convert::Infallible>(inner.run(request).await) }
        }));
        let sent = from(Some(CALLER), &agent()).map(Body::from);
        let response = tower::ServiceExt::oneshot(service, sent).await.unwrap();
        if mode == Mode::Enforce {
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            let refused = response.extensions().get::<throughline::Refused>().unwrap();
            assert_eq!(refused.reason(), Reason::ContextMissing);
            assert_eq!(handler.runs(), 0);
        } else {
            assert_eq!(handler.last().tenant(), Err(Reason::ContextMissing));
            assert_eq!(handler.last().token(), Err(Reason::ContextMissing));
        }
    }
}

#[tokio::test]
async fn an_anonymous_call_meets_no_demand() {
    let accept = builder().exempt("/health").build().unwrap();
    let stack = Stack::new(accept).require(require().build().unwrap());
    let handler = Handler::default();
    for (front, app) in stack.fronts(&handler) {
        let twin = request("/health", &token("acme"), &[]);
        let answer = pair(&app, &handler, twin, request("/health", "", &[])).await;
        answer.assert_refused(Reason::ContextMissing, None, front);
    }
}

#[tokio::test]
async fn platform_work_is_admitted_and_is_no_tenants() {
    let handler = Handler::default();
    let any = stack(require().build().unwrap());
    for (front, app) in any.fronts(&handler) {
        let answer = send(app, from(None, &platform_claims())).await;
        assert_eq!(answer.status, StatusCode::OK, "{front}: {answer:?}");
        let seen = handler.last();
        assert!(seen.token().is_ok(), "{front}");
        let refused = TenantContext::of(&seen.extensions).unwrap_err();
        assert_eq!(refused.reason(), Reason::ClaimMissing, "{front}");
        let place = refused.refusal().place().unwrap().to_string();
        assert_eq!(place, "claim `tctx.tenant`", "{front}");
    }
    let users = stack(require().kind(Kind::User).build().unwrap()).bare(&handler);
    let twin = from(None, &claims("acme"));
    let answer = pair(&users, &handler, twin, from(None, &platform_claims())).await;
    answer.assert_refused(Reason::ActorMismatch, Some("claim `tctx.kind`"), "kind");
}

#[tokio::test]
async fn two_layers_demand_what_both_demand() {
    let extensions = |claims: Value| async move { admitted_extensions(&claims).await };
    let scope = require().scope("payments.create").build().unwrap();
    let task = require().task().build().unwrap();
    for (claims, expected) in [
        (agent(), None),
        (
            but(agent(), "/scope", json!("x")),
            Some(Reason::ScopeInsufficient),
        ),
        (
            but(agent(), "/tctx/task", Value::Null),
            Some(Reason::TaskMismatch),
        ),
    ] {
        let handler = Handler::default();
        let inner = handler.clone();
        let service = scope.layer(task.layer(service_fn(move |request: Request<Body>| {
            let inner = inner.clone();
            async move { Ok::<_, std::convert::Infallible>(inner.run(request).await) }
        })));
        let mut sent = Request::new(Body::empty());
        *sent.extensions_mut() = extensions(claims).await;
        let response = tower::ServiceExt::oneshot(service, sent).await.unwrap();
        let refused = response.extensions().get::<throughline::Refused>();
        assert_eq!(refused.map(throughline::Refused::reason), expected);
        assert_eq!(handler.runs(), usize::from(expected.is_none()));
    }
}
