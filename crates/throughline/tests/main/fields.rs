//! What reaches the handler: owned fields are gone on every path, everything else is as it came.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use serde_json::json;
use throughline::observe::Event;
use throughline::{AcceptBuilder, Exempt, Mode, Reason, Rule, TenantContext, Witness};
use throughline_core::projection::{Member, Projection};

use super::kit::*;

const OWNED: [&str; 4] = ["txn-token", "x-tenant", "x-legacy", "x-copy"];

/// Everything that can be owned is.
fn owning() -> AcceptBuilder {
    builder()
        .add_witness(Witness::header("x-tenant").unwrap().optional())
        .add_witness(Witness::baggage("tenant").unwrap().optional())
        .with_legacy_header("x-legacy")
        .relies_on(Projection::header(Member::Tenant, "x-copy").unwrap())
        .exempt("/health")
}

fn promising(tenant: &str) -> String {
    let proj = json!(["tenant@header:x-copy"]);
    sign(&but(claims(tenant), "/tctx/proj", proj))
}

const SPOOFED: [Line<'_>; 6] = [
    ("x-legacy", b"globex"),
    ("x-tenant", b"acme"),
    ("x-copy", b"acme"),
    ("x-other", b"1"),
    ("baggage", b"trace=1;p=q,tenant=acme"),
    ("baggage", b"b=%zz"),
];

fn assert_stripped(seen: &Seen, legacy: Option<&str>, what: &str) {
    for name in OWNED {
        let values: Vec<_> = seen.headers.get_all(name).iter().collect();
        match legacy {
            Some(tenant) if name == "x-legacy" => assert_eq!(values, [tenant], "{what}"),
            _ => assert!(values.is_empty(), "{what}: `{name}` arrived as {values:?}"),
        }
    }
    let baggage: Vec<_> = seen.headers.get_all("baggage").iter().collect();
    assert_eq!(baggage, ["trace=1;p=q,b=%zz"], "{what}");
    assert_eq!(seen.headers["x-other"], "1", "{what}");
}

// failure: X20
#[tokio::test]
async fn owned_fields_never_reach_a_handler_as_they_came() {
    let differing: Vec<_> = SPOOFED
        .map(|(name, line)| match name {
            "x-tenant" => (name, &b"globex"[..]),
            _ => (name, line),
        })
        .into();
    let off = |builder: AcceptBuilder| {
        builder
            .with_mode(Rule::Witnesses, Mode::Off)
            .with_mode(Rule::Projections, Mode::Off)
    };
    let report = |builder: AcceptBuilder| {
        builder
            .with_mode(Rule::Witnesses, Mode::Report)
            .with_mode(Rule::Projections, Mode::Report)
    };
    let good = promising("acme");
    let mut marked = request("/orders", "", &SPOOFED);
    marked.extensions_mut().insert(Exempt);
    let admitted = Ok("acme".to_owned());
    let missing = Err(Reason::ContextMissing);
    for (what, builder, sent, tenant) in [
        (
            "admitted",
            owning(),
            request("/orders", &good, &SPOOFED),
            admitted.clone(),
        ),
        (
            "exempt",
            owning(),
            request("/health", "", &SPOOFED),
            missing.clone(),
        ),
        ("exempt by a marker", owning(), marked, missing),
        (
            "exempt, with a token",
            owning(),
            request("/health", &good, &SPOOFED),
            admitted.clone(),
        ),
        (
            "off",
            off(owning()),
            request("/orders", &good, &differing),
            admitted,
        ),
        (
            "reported",
            report(owning()),
            request("/orders", &good, &differing),
            Err(Reason::TenantMismatch),
        ),
    ] {
        let handler = Handler::default();
        let stack = Stack::new(builder.build().unwrap());
        for (front, app) in stack.fronts(&handler) {
            let what = format!("{what} ({front})");
            let answer = send(app, sent.clone()).await;
            assert_eq!(answer.status, StatusCode::OK, "{what}: {answer:?}");
            let seen = handler.last();
            assert_eq!(seen.tenant(), tenant, "{what}");
            assert_stripped(&seen, tenant.as_deref().ok(), &what);
        }
        assert_eq!(handler.runs(), 2);
    }
}

// failure: X20
#[tokio::test]
async fn a_legacy_header_is_removed_where_the_context_has_no_tenant() {
    let layer = builder().with_legacy_header("x-tenant").build().unwrap();
    let handler = Handler::default();
    for (front, app) in Stack::new(layer).fronts(&handler) {
        let spoofed: [Line<'_>; 1] = [("x-tenant", b"globex")];
        let sent = request("/orders", &sign(&platform_claims()), &spoofed);
        let answer = send(app.clone(), sent).await;
        assert_eq!(answer.status, StatusCode::OK, "{front}: {answer:?}");
        let seen = handler.last();
        assert_eq!(seen.headers.get("x-tenant"), None, "{front}");
        assert_eq!(seen.tenant(), Err(Reason::ClaimMissing), "{front}");
        assert!(seen.token().is_ok(), "{front}: platform work is admitted");

        let sent = request("/orders", &token("acme"), &spoofed);
        let answer = send(app, sent).await;
        assert_eq!(answer.status, StatusCode::OK, "{front}: {answer:?}");
        assert_eq!(handler.last().headers["x-tenant"], "acme", "{front}");
    }
}

#[tokio::test]
async fn exempt_is_one_exact_path_and_allows_absence_only() {
    let handler = Handler::default();
    let layer = owning().build().unwrap();
    let mut cut = token("acme");
    cut.pop();
    for (front, app) in Stack::new(layer).fronts(&handler) {
        for path in ["/health", "/health?full=1"] {
            let answer = send(app.clone(), request(path, "", &[])).await;
            assert_eq!(answer.status, StatusCode::OK, "{front} {path}: {answer:?}");
            let observed = handler
                .last()
                .observed()
                .map_err(|refused| refused.reason());
            assert_eq!(observed, Err(Reason::ContextMissing), "{front} {path}");
        }
        let before = handler.runs();
        for path in [
            "/health/",
            "/health/x",
            "/Health",
            "//health",
            "/%68ealth",
            "/",
            "/healthz",
        ] {
            let answer = send(app.clone(), request(path, "", &[])).await;
            // The router answers for paths it does not know, before the layer.
            if front == "bare" {
                answer.assert_refused(Reason::ContextMissing, None, path);
            }
            assert_eq!(handler.runs(), before, "{front} {path}");
        }
        let twice: [Line<'_>; 2] = [("x-tenant", b"acme"), ("x-tenant", b"acme")];
        let ambiguous = request("/health", "", &twice);
        let answer = send(app.clone(), ambiguous).await;
        let place = Some("header `x-tenant`");
        answer.assert_refused(Reason::ContextAmbiguous, place, front);
        let answer = send(app.clone(), request("/health", &cut, &[])).await;
        answer.assert_refused(Reason::ContextTruncated, None, front);
        let other: [Line<'_>; 2] = [("x-tenant", b"globex"), ("x-copy", b"acme")];
        let answer = send(app, request("/health", &promising("acme"), &other)).await;
        answer.assert_refused(Reason::TenantMismatch, place, front);
        assert_eq!(handler.runs(), before, "{front}");
    }
}

#[tokio::test]
async fn an_exempt_route_forgives_absent_witnesses_of_a_token() {
    let layer = builder()
        .add_witness(Witness::header("x-tenant").unwrap())
        .exempt("/health")
        .build()
        .unwrap();
    let handler = Handler::default();
    for (front, app) in Stack::new(layer).fronts(&handler) {
        let answer = send(app.clone(), request("/health", &token("acme"), &[])).await;
        assert_eq!(answer.status, StatusCode::OK, "{front}: {answer:?}");
        assert_eq!(handler.last().tenant().as_deref(), Ok("acme"), "{front}");
        let answer = send(app, request("/orders", &token("acme"), &[])).await;
        answer.assert_refused(Reason::WitnessMissing, Some("header `x-tenant`"), front);
    }
}

#[tokio::test]
async fn foreign_baggage_survives_byte_for_byte() {
    let layer = || builder().add_witness(Witness::baggage("tenant").unwrap().optional());
    for (lines, expected) in [
        (&[&b"tenant=acme"[..]][..], None),
        (
            &[b"a=1;p;q=r,tenant=acme, b = 2"],
            Some(&b"a=1;p;q=r,b = 2"[..]),
        ),
        (
            &[b"a=%ff%zz", b"tenant=acme", b"b=\xe9,,c"],
            Some(b"a=%ff%zz,b=\xe9,c"),
        ),
        (&[b"a=1,a=2"], Some(b"a=1,a=2")),
        (
            &[b"tenants=globex,xtenant=globex"],
            Some(b"tenants=globex,xtenant=globex"),
        ),
        (&[], None),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| ("baggage", *line)).collect();
        let handler = Handler::default();
        for (front, app) in Stack::new(layer().build().unwrap()).fronts(&handler) {
            let answer = send(app, request("/orders", &token("acme"), &lines)).await;
            assert_eq!(answer.status, StatusCode::OK, "{front}: {answer:?}");
            let seen = handler.last().headers;
            let found: Vec<_> = seen.get_all("baggage").iter().collect();
            let found: Vec<_> = found.iter().map(|line| line.as_bytes()).collect();
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(found, expected, "{front}: {lines:?}");
        }
    }
}

#[tokio::test]
async fn baggage_of_others_is_not_touched_where_none_is_ours() {
    let handler = Handler::default();
    let lines: [Line<'_>; 2] = [("baggage", b"tenant=globex , a=1"), ("baggage", b"\xe9")];
    for (front, app) in Stack::new(builder().build().unwrap()).fronts(&handler) {
        send(app, request("/orders", &token("acme"), &lines)).await;
        let seen = handler.last().headers;
        let found: Vec<_> = seen
            .get_all("baggage")
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        assert_eq!(found, [lines[0].1, lines[1].1], "{front}");
    }
}

// failure: B8
#[tokio::test]
async fn baggage_that_was_too_large_to_read_is_removed_whole_where_the_call_passes() {
    let mut huge = b"tenant=globex,pad=".to_vec();
    huge.resize(1024 * 1024, b'x');
    let lines: [Line<'_>; 1] = [("baggage", &huge)];
    let member = || Witness::baggage("tenant").unwrap();
    for (mode, path, token) in [
        (Mode::Enforce, "/health", ""),
        (Mode::Report, "/orders", &*token("acme")),
        (Mode::Off, "/orders", &token("acme")),
    ] {
        let builder = builder().add_witness(member()).exempt("/health");
        let layer = builder.with_mode(Rule::Witnesses, mode).build().unwrap();
        let handler = Handler::default();
        for (front, app) in Stack::new(layer).fronts(&handler) {
            let answer = send(app, request(path, token, &lines)).await;
            assert_eq!(
                answer.status,
                StatusCode::OK,
                "{front} {mode:?}: {answer:?}"
            );
            assert_eq!(
                handler.last().headers.get("baggage"),
                None,
                "{front} {mode:?}"
            );
        }
    }
}

#[tokio::test]
async fn everything_else_of_a_request_is_as_it_came() {
    #[derive(Clone, Debug, PartialEq)]
    struct Foreign(u8);

    let handler = Handler::default();
    let layer = owning()
        .with_mode(Rule::Projections, Mode::Off)
        .build()
        .unwrap();
    for (front, app) in Stack::new(layer).fronts(&handler) {
        let mut trailers = HeaderMap::new();
        trailers.insert("txn-token", HeaderValue::from_static("trailing"));
        let body = Frames::new()
            .data(b"a\0")
            .pending()
            .data(b"\xff")
            .trailers(trailers.clone());
        let mut sent = Request::post("/orders?a=%20&b")
            .body(Body::new(body))
            .unwrap();
        let lines: [Line<'_>; 7] = [
            ("txn-token", token("acme").leak().as_bytes()),
            ("x-other", b"1"),
            ("x-other", b"2"),
            ("x_other", b"caf\xe9"),
            ("authorization", b"Bearer x"),
            ("connection", b"keep-alive, x-other"),
            ("content-type", b"application/octet-stream"),
        ];
        for (name, line) in lines {
            add(&mut sent, name, line);
        }
        sent.extensions_mut().insert(Foreign(7));
        let mut expected = sent.headers().clone();
        expected.remove("txn-token");
        expected.insert("x-legacy", HeaderValue::from_static("acme"));

        let answer = send_body(app, sent).await;
        assert_eq!(answer.status, StatusCode::OK, "{front}: {answer:?}");
        let seen = handler.last();
        assert_eq!(seen.headers, expected, "{front}");
        assert_eq!(&seen.body[..], b"a\0\xff", "{front}");
        assert_eq!(
            seen.trailers,
            Some(trailers),
            "{front}: a trailer is no field"
        );
        assert_eq!(
            seen.extensions.get::<Foreign>(),
            Some(&Foreign(7)),
            "{front}"
        );
    }
}

#[tokio::test]
async fn the_context_is_installed_with_the_exact_bytes_it_came_from() {
    let handler = Handler::default();
    let accepted: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let watching = Arc::clone(&accepted);
    let observe = move |event: &Event<'_>| {
        let Event::Accepted(context) = event else {
            panic!("told of {event:?}")
        };
        watching.lock().unwrap().push(context.token().clone());
    };
    let layer = builder().with_observe(observe).build().unwrap();
    for (front, app) in Stack::new(layer).fronts(&handler) {
        let token = token("acme");
        send(app, request("/orders", &token, &[])).await;
        let seen = handler.last();
        assert_eq!(seen.token().unwrap(), token.as_bytes(), "{front}");
        let context = TenantContext::of(&seen.extensions).unwrap();
        assert_eq!(context.principal().subject(), SUBJECT, "{front}");
        assert_eq!(seen.observed().unwrap(), "acme", "{front}");
        assert_eq!(accepted.lock().unwrap().pop().unwrap(), token.as_bytes());
        assert!(accepted.lock().unwrap().is_empty(), "told once");
        let shown = format!("{context:?}");
        assert!(
            !shown.contains(token.get(..16).unwrap()),
            "debug shows the token: {shown}"
        );
    }
}

#[tokio::test]
async fn a_map_that_is_full_of_fields_is_no_panic() {
    let layer = owning()
        .with_mode(Rule::Projections, Mode::Off)
        .build()
        .unwrap();
    let handler = Handler::default();
    let app = Stack::new(layer).bare(&handler);
    let mut sent = request(
        "/orders",
        &token("acme"),
        &[("baggage", b"tenant=acme,a=1")],
    );
    for n in 0.. {
        let name = HeaderName::try_from(format!("x-{n}")).unwrap();
        if sent
            .headers_mut()
            .try_append(name, HeaderValue::from_static(""))
            .is_err()
        {
            break;
        }
    }
    let answer = send(app, sent).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(handler.last().tenant().as_deref(), Ok("acme"));
}

#[tokio::test]
async fn a_body_is_not_awaited_for_a_refusal() {
    struct Never;
    impl http_body::Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            panic!("the body of a refused request was read")
        }
    }
    let handler = Handler::default();
    for (front, app) in Stack::new(builder().build().unwrap()).fronts(&handler) {
        let sent = Request::post("/orders").body(Body::new(Never)).unwrap();
        let answer = send_body(app, sent).await;
        answer.assert_refused(Reason::ContextMissing, None, front);
        assert!(
            answer.refused.is_some(),
            "{front}: the typed reason travels along"
        );
    }
}
