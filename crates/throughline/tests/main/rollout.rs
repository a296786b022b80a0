//! Rolling a rule out: what is reported is what would have been refused, and admits nobody.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::StatusCode;
use throughline::observe::Event;
use throughline::{
    AcceptBuilder, AcceptLayer, Mode, Observed, Reason, RequireLayer, Rule, TenantContext, Witness,
};
use throughline_core::reason::Position;

use super::attacks::{Attack, all};
use super::kit::*;

/// The layer of an attack with all rules in report mode.
fn reporting(attack: &Attack) -> AcceptLayer {
    attack.layer_in(Some(Mode::Report))
}

// failure: X17
#[tokio::test]
async fn every_attack_passes_unadmitted_and_is_recorded_as_refused() {
    let (mut reported, mut enforced) = (0, 0);
    for attack in all() {
        let stack = Stack::new(reporting(&attack));
        let handler = Handler::default();
        for (front, app) in stack.fronts(&handler) {
            let what = format!("{} ({front})", attack.name);
            let logs = Logs::default();
            let before = handler.runs();
            let sent = pair(&app, &handler, attack.twin.clone(), attack.attack.clone());
            let answer = logs.watch(sent).await;
            let lines = logs.take();
            assert_eq!(lines.len(), 1, "{what}: {lines:?}");
            assert_eq!(lines[0]["reason"], attack.reason.code(), "{what}");
            if attack.rule.is_none() {
                answer.assert_refused(attack.reason, attack.place, &what);
                assert_eq!(handler.runs(), before + 1, "{what}: the handler ran");
                assert_eq!(lines[0]["message"], "call refused", "{what}");
                enforced += 1;
                continue;
            }
            reported += 1;
            assert_eq!(answer.status, StatusCode::OK, "{what}: {answer:?}");
            assert_eq!(handler.runs(), before + 2, "{what}");
            let seen = handler.last();
            assert_eq!(seen.tenant(), Err(attack.reason), "{what}");
            assert_eq!(seen.token(), Err(attack.reason), "{what}: a proof exists");
            let refused = seen.observed().unwrap_err();
            assert_eq!(refused.reason(), attack.reason, "{what}");
            let place = refused.refusal().place().map(ToString::to_string);
            assert_eq!(place.as_deref(), attack.place, "{what}");
            assert_eq!(lines[0]["id"], refused.id().to_string(), "{what}");
            assert_eq!(
                lines[0]["message"], "call would have been refused",
                "{what}"
            );
            assert_eq!(logs.take_span()["throughline.state"], "reported", "{what}");
            for owned in ["txn-token", "x-tenant", "x-copy"] {
                assert_eq!(seen.headers.get(owned), None, "{what}: {owned}");
            }
        }

        // The ordinary extractor of a handler refuses as `Enforce` would have, with the same id.
        let handler = Handler::default();
        let logs = Logs::default();
        let app = stack.extracting(&handler);
        let sent = pair(&app, &handler, attack.twin.clone(), attack.attack.clone());
        let answer = logs.watch(sent).await;
        answer.assert_refused(attack.reason, attack.place, &attack.name);
        assert_eq!(handler.runs(), 1, "{}: the handler ran", attack.name);
        let lines = logs.take();
        assert_eq!(lines.len(), 1, "{}: {lines:?}", attack.name);
        assert_eq!(lines[0].get("id").cloned(), answer.id(), "{}", attack.name);
    }
    assert!(
        reported > 60 && enforced > 60,
        "{reported} reported, {enforced} enforced"
    );
}

// failure: X17
#[tokio::test]
async fn off_is_off_and_says_nothing() {
    for attack in all().into_iter().filter(|attack| attack.rule.is_some()) {
        let stack = Stack::new(attack.layer_in(Some(Mode::Off)));
        let handler = Handler::default();
        let logs = Logs::default();
        let sent = send(stack.bare(&handler), attack.attack.clone());
        let answer = logs.watch(sent).await;
        assert_eq!(answer.status, StatusCode::OK, "{}: {answer:?}", attack.name);
        assert!(logs.take().is_empty(), "{}", attack.name);
        assert!(handler.last().token().is_ok(), "{}", attack.name);
    }
}

/// A request that breaks the rules of both steps.
fn breaking_both(builder: AcceptBuilder) -> AcceptBuilder {
    use throughline_core::projection::{Member, Projection};
    builder
        .add_witness(Witness::header("x-tenant").unwrap())
        .relies_on(Projection::header(Member::Tenant, "x-copy").unwrap())
}

// failure: X17
#[tokio::test]
async fn a_reported_rule_hides_no_enforced_one() {
    let (report, enforce) = (Mode::Report, Mode::Enforce);
    let lines: [Line<'_>; 1] = [("x-tenant", b"globex")];
    for (witnesses, copies, refused, reason) in [
        (report, enforce, true, Reason::ProjectionTruncated),
        (enforce, report, true, Reason::TenantMismatch),
        (enforce, enforce, true, Reason::TenantMismatch),
        (Mode::Off, enforce, true, Reason::ProjectionTruncated),
        (report, report, false, Reason::TenantMismatch),
        (Mode::Off, report, false, Reason::ProjectionTruncated),
        (report, Mode::Off, false, Reason::TenantMismatch),
    ] {
        let builder = breaking_both(builder())
            .with_mode(Rule::Witnesses, witnesses)
            .with_mode(Rule::Projections, copies);
        let handler = Handler::default();
        for (front, app) in Stack::new(builder.build().unwrap()).fronts(&handler) {
            let before = handler.runs();
            let answer = send(app, request("/orders", &token("acme"), &lines)).await;
            let what = format!("{witnesses:?} {copies:?} {front}: {answer:?}");
            if refused {
                assert_eq!(answer.reason(), Some(reason), "{what}");
                assert_eq!(handler.runs(), before, "{what}");
            } else {
                assert_eq!(answer.status, StatusCode::OK, "{what}");
                assert_eq!(handler.last().tenant(), Err(reason), "{what}");
            }
        }
    }
}

// failure: X17
#[tokio::test]
async fn a_rule_of_its_own_behind_a_reported_one_refuses_with_the_same_id() {
    let accept = builder()
        .add_witness(Witness::header("x-tenant").unwrap())
        .with_mode(Rule::Witnesses, Mode::Report)
        .build()
        .unwrap();
    let require = RequireLayer::builder().build().unwrap();
    let stack = Stack::new(accept).require(require);
    let handler = Handler::default();
    for (front, app) in stack.fronts(&handler) {
        let of =
            |tenant: &'static [u8]| request("/orders", &token("acme"), &[("x-tenant", tenant)]);
        let logs = Logs::default();
        let answer = logs
            .watch(pair(&app, &handler, of(b"acme"), of(b"globex")))
            .await;
        let place = Some("header `x-tenant`");
        answer.assert_refused(Reason::TenantMismatch, place, front);
        let ids: Vec<_> = logs
            .take()
            .iter()
            .map(|line| line.get("id").cloned())
            .collect();
        assert_eq!(ids, [answer.id(), answer.id()], "{front}");
    }
}

#[tokio::test]
async fn the_observer_is_told_once_with_the_verified_context() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines: [Line<'_>; 1] = [("x-tenant", b"globex")];
    for (mode, expected) in [
        (Mode::Enforce, "refused tenant_mismatch acme"),
        (Mode::Report, "reported tenant_mismatch acme"),
    ] {
        let log = Arc::clone(&seen);
        let observe = move |event: &Event<'_>| {
            let line = match event {
                Event::Accepted(_) => "accepted".to_owned(),
                Event::Refused { refused, verified } => {
                    let tenant = verified.and_then(|context| context.tenant());
                    format!("refused {} {}", refused.reason(), tenant.unwrap())
                }
                Event::Reported { refused, verified } => {
                    let tenant = verified.and_then(|context| context.tenant());
                    format!("reported {} {}", refused.reason(), tenant.unwrap())
                }
                _ => "other".to_owned(),
            };
            log.lock().unwrap().push(line);
        };
        let builder = builder()
            .add_witness(Witness::header("x-tenant").unwrap())
            .with_mode(Rule::Witnesses, mode)
            .with_observe(observe);
        let handler = Handler::default();
        let app = Stack::new(builder.build().unwrap()).bare(&handler);
        send(app, request("/orders", &token("acme"), &lines)).await;
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [expected]);
    }
}

#[tokio::test]
async fn extractors_answer_each_for_their_promise() {
    async fn optional(context: Option<TenantContext>) -> String {
        context.map_or("nobody".into(), |context| context.tenant().to_string())
    }
    async fn observed(Observed(context): Observed) -> String {
        match context {
            Ok(context) => context.tenant().to_string(),
            Err(refused) => format!("{} {}", refused.reason(), refused.id()),
        }
    }
    async fn required(context: TenantContext) -> String {
        context.tenant().to_string()
    }
    let router = |position| {
        let layer = builder()
            .add_witness(Witness::header("x-tenant").unwrap().optional())
            .with_mode(Rule::Witnesses, Mode::Report)
            .at(position);
        let routes = ["/optional", "/observed", "/required"];
        let layer = routes.iter().fold(layer, |layer, path| layer.exempt(path));
        let router: Router = Router::new()
            .route("/optional", get(optional))
            .route("/observed", get(observed))
            .route("/required", get(required));
        App::new(router.layer(layer.build().unwrap()))
    };
    let acme: Line<'_> = ("x-tenant", b"acme");
    let globex: Line<'_> = ("x-tenant", b"globex");
    let inside = router(Position::Inside);
    let call = |path: &str, token: &str, lines: &[Line<'_>]| {
        send(inside.clone(), request(path, token, lines))
    };
    for path in ["/optional", "/observed", "/required"] {
        assert_eq!(
            call(path, &token("acme"), &[acme]).await.text,
            "acme",
            "{path}"
        );
    }
    assert_eq!(call("/optional", "", &[]).await.text, "nobody");
    // A reported refusal does not read as absence.
    let place = Some("header `x-tenant`");
    for path in ["/optional", "/required"] {
        let answer = call(path, &token("acme"), &[globex]).await;
        answer.assert_refused(Reason::TenantMismatch, place, path);
    }
    let answer = call("/observed", &token("acme"), &[globex]).await;
    assert!(answer.text.starts_with("tenant_mismatch "), "{answer:?}");
    let answer = call("/observed", "", &[]).await;
    assert!(answer.text.starts_with("context_missing "), "{answer:?}");

    // What an extractor refuses on its own has its line in the log, and the status of the place.
    let platform = sign(&platform_claims());
    for (position, status) in [(Position::Inside, 400), (Position::Edge, 401)] {
        let app = router(position);
        for (token, reason) in [
            ("", Reason::ContextMissing),
            (&*platform, Reason::ClaimMissing),
        ] {
            let logs = Logs::default();
            let answer = logs
                .watch(send(app.clone(), request("/required", token, &[])))
                .await;
            assert_eq!(answer.reason(), Some(reason), "{position:?}: {answer:?}");
            assert_eq!(answer.status, status, "{position:?} {reason}");
            let lines = logs.take();
            assert_eq!(lines.len(), 1, "{reason}: {lines:?}");
            assert_eq!(lines[0].get("id").cloned(), answer.id(), "{reason}");
        }
    }

    // No layer in front is no context, for all of them.
    let bare = Router::new()
        .route("/optional", get(optional))
        .route("/required", get(required));
    for path in ["/optional", "/required"] {
        let logs = Logs::default();
        let sent = request(path, &token("acme"), &[]).map(Body::from);
        let answer = logs.watch(send_body(App::new(bare.clone()), sent)).await;
        answer.assert_refused(Reason::ContextMissing, None, path);
        assert_eq!(logs.take()[0].get("id").cloned(), answer.id(), "{path}");
    }
}
