//! `BodyWitness`: the body is read before any side effect, compared, and handed on as it came.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use proptest::prelude::*;
use serde_json::json;
use throughline::{
    BodyWitnessBuilder, BodyWitnessLayer, Mode, Reason, RequireLayer, Rule, Witness,
};
use throughline_core::Tenant;

use super::kit::*;

const FIELD: &str = "body field `/tenant`";

fn by_field() -> BodyWitnessBuilder {
    BodyWitnessLayer::builder().add_tenant_field("/tenant")
}

fn stack(body: BodyWitnessBuilder) -> Stack {
    Stack::new(builder().build().unwrap()).body(body.build().unwrap())
}

fn posting(body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/orders").body(body.into()).unwrap();
    add(&mut request, "txn-token", token("acme").as_bytes());
    add(&mut request, "content-type", b"application/json");
    request
}

fn frames(frames: Frames) -> Request<Body> {
    posting(Body::new(frames))
}

const GOOD: &str = r#"{"tenant":"acme","n":1}"#;

/// Sends an honest body, then the attack; what came back, and that no handler ran for it.
async fn refused(
    body: fn() -> BodyWitnessBuilder,
    attack: impl Fn() -> Request<Body>,
    reason: Reason,
    place: &str,
) {
    let handler = Handler::default();
    for (front, app) in stack(body()).fronts(&handler) {
        let before = handler.runs();
        let honest = send_body(app.clone(), posting(GOOD)).await;
        assert_eq!(honest.status, StatusCode::OK, "{front}: {honest:?}");
        let logs = Logs::default();
        let answer = logs.watch(send_body(app, attack())).await;
        answer.assert_refused(reason, Some(place), front);
        assert_eq!(handler.runs(), before + 1, "{front}: the handler ran");
        let lines = logs.take();
        assert_eq!(lines.len(), 1, "{front}: {lines:?}");
        assert_eq!(lines[0].get("id").cloned(), answer.id(), "{front}");
        assert_eq!(logs.take_span()["tenant.id"], "acme", "{front}");
    }
}

fn optional() -> BodyWitnessBuilder {
    BodyWitnessLayer::builder().add_optional_tenant_field("/tenant")
}

#[tokio::test]
async fn a_body_that_names_another_tenant_is_refused() {
    for attack in [
        r#"{"tenant":"globex"}"#,
        r#"{"tenant":"Acme"}"#,
        r#"{"tenant":""}"#,
    ] {
        refused(by_field, || posting(attack), Reason::TenantMismatch, FIELD).await;
        refused(optional, || posting(attack), Reason::TenantMismatch, FIELD).await;
    }
}

#[tokio::test]
async fn what_could_be_read_as_another_tenant_is_refused() {
    let malformed = Reason::ContextMalformed;
    let ambiguous = Reason::ContextAmbiguous;
    for (attack, reason, place) in [
        (
            r#"{"tenant":"acme","tenant":"globex"}"#,
            ambiguous,
            "body `json`",
        ),
        (
            r#"{"tenant":"globex","tenant":"acme"}"#,
            ambiguous,
            "body `json`",
        ),
        (
            r#"{"tenant":"acme","a":[{"b":1,"b":1}]}"#,
            ambiguous,
            "body `json`",
        ),
        (r#"{"tenant":"acme","TENANT":"globex"}"#, ambiguous, FIELD),
        (r#"{"Tenant":"globex"}"#, ambiguous, FIELD),
        (r#"{"tenant":null}"#, malformed, FIELD),
        (r#"{"tenant":7}"#, malformed, FIELD),
        (r#"{"tenant":["acme"]}"#, malformed, FIELD),
        (r#"{"tenant":{"id":"acme"}}"#, malformed, FIELD),
        ("\u{feff}{\"tenant\":\"acme\"}", malformed, "body `json`"),
        (
            r#"{"tenant":"acme"}{"tenant":"globex"}"#,
            malformed,
            "body `json`",
        ),
        (r#"{"tenant":"acme""#, malformed, "body `json`"),
        ("tenant=globex", malformed, "body `json`"),
        (" ", malformed, "body `json`"),
    ] {
        refused(by_field, || posting(attack), reason, place).await;
        refused(optional, || posting(attack), reason, place).await;
    }
    let deep = format!("{}\"x\"{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep = format!(r#"{{"tenant":"acme","x":{deep}}}"#);
    refused(optional, || posting(deep.clone()), malformed, "body `json`").await;
}

#[tokio::test]
async fn a_body_that_is_something_else_than_json_is_not_read_past() {
    // One text, two readings: JSON says `acme`, a form says `globex`.
    let polyglot = r#"{"tenant":"acme","x":"&tenant=globex&"}"#;
    for declared in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
    ] {
        let attack = || {
            let mut request = posting(polyglot);
            let declared = HeaderValue::from_static(declared);
            request.headers_mut().insert("content-type", declared);
            request
        };
        let place = "header `content-type`";
        refused(by_field, attack, Reason::ContextMalformed, place).await;
        refused(optional, attack, Reason::ContextMalformed, place).await;
    }
    let two = || {
        let mut request = posting(GOOD);
        add(&mut request, "content-type", b"text/plain");
        request
    };
    refused(
        optional,
        two,
        Reason::ContextAmbiguous,
        "header `content-type`",
    )
    .await;
}

#[tokio::test]
async fn an_encoded_body_is_refused_unread() {
    for encoding in ["gzip", "br", "identity, gzip"] {
        let attack = || {
            let mut request = frames(Frames::new().never());
            add(&mut request, "content-encoding", encoding.as_bytes());
            request
        };
        let place = "header `content-encoding`";
        refused(optional, attack, Reason::ContextMalformed, place).await;
    }
    let handler = Handler::default();
    let app = stack(by_field()).bare(&handler);
    let mut plain = posting(GOOD);
    add(&mut plain, "content-encoding", b"identity");
    assert_eq!(send_body(app, plain).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_absent_field_is_missing_unless_it_is_optional() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"order":{"tenant":"acme"}}"#,
        r#"[{"tenant":"acme"}]"#,
    ] {
        refused(by_field, || posting(body), Reason::WitnessMissing, FIELD).await;
        let handler = Handler::default();
        for (front, app) in stack(optional()).fronts(&handler) {
            let answer = send_body(app, posting(body)).await;
            assert_eq!(answer.status, StatusCode::OK, "{front} {body}: {answer:?}");
            assert_eq!(handler.last().body, body, "{front}");
        }
    }
}

#[tokio::test]
async fn every_field_counts_in_any_order() {
    let both = || {
        BodyWitnessLayer::builder()
            .add_optional_tenant_field("/a/tenant")
            .add_tenant_field("/tenant")
            .add_subject_field("/user")
            .add_aliased_tenant_field("/shop", |name: &str| {
                Tenant::new(name.strip_prefix("shop-")?).ok()
            })
    };
    let good = || json!({"tenant": "acme", "user": SUBJECT, "shop": "shop-acme"});
    let handler = Handler::default();
    for (front, app) in stack(both()).fronts(&handler) {
        for (pointer, value, reason, place) in [
            (
                "/a",
                json!({"tenant": "globex"}),
                Reason::TenantMismatch,
                "body field `/a/tenant`",
            ),
            ("/tenant", json!("globex"), Reason::TenantMismatch, FIELD),
            (
                "/user",
                json!("eve@users.test"),
                Reason::SubjectMismatch,
                "body field `/user`",
            ),
            (
                "/shop",
                json!("shop-globex"),
                Reason::TenantMismatch,
                "body field `/shop`",
            ),
            (
                "/shop",
                json!("acme"),
                Reason::TenantMismatch,
                "body field `/shop`",
            ),
        ] {
            let honest = send_body(app.clone(), posting(good().to_string())).await;
            assert_eq!(honest.status, StatusCode::OK, "{front}: {honest:?}");
            let before = handler.runs();
            let attack = but(good(), pointer, value).to_string();
            let answer = send_body(app.clone(), posting(attack)).await;
            answer.assert_refused(reason, Some(place), front);
            assert_eq!(handler.runs(), before, "{front}");
        }
    }
}

/// A good body of exactly this many bytes.
fn sized(bytes: usize) -> String {
    let empty = json!({"tenant": "acme", "pad": ""}).to_string();
    json!({"tenant": "acme", "pad": "x".repeat(bytes - empty.len())}).to_string()
}

#[tokio::test]
async fn the_cap_is_exact_and_holds_for_bodies_of_unknown_length() {
    const LIMIT: usize = 1024;
    let handler = Handler::default();
    for (front, app) in stack(by_field().with_max_bytes(LIMIT)).fronts(&handler) {
        for (bytes, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
            let body = sized(bytes);
            let (head, tail) = body.split_at(7);
            let streamed = Frames::new().data(head).pending().data("").data(tail);
            for sent in [posting(body.clone()), frames(streamed)] {
                let before = handler.runs();
                let answer = send_body(app.clone(), sent).await;
                if fits {
                    assert_eq!(answer.status, StatusCode::OK, "{front} {bytes}: {answer:?}");
                    assert_eq!(handler.last().body, body, "{front} {bytes}");
                } else {
                    answer.assert_refused(Reason::BodyOversized, Some("body `json`"), front);
                    assert_eq!(handler.runs(), before, "{front} {bytes}");
                }
            }
        }
        // What comes after the cap is not read.
        let endless = Frames::new().data(sized(LIMIT)).data("x").never();
        let answer = send_body(app, frames(endless)).await;
        answer.assert_refused(Reason::BodyOversized, Some("body `json`"), front);
    }
}

#[tokio::test]
async fn the_default_cap_is_what_the_documentation_says() {
    let handler = Handler::default();
    let app = stack(by_field()).bare(&handler);
    let limit = BodyWitnessBuilder::DEFAULT_MAX_BYTES;
    let answer = send_body(app.clone(), posting(sized(limit))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer = send_body(app, posting(sized(limit + 1))).await;
    answer.assert_refused(Reason::BodyOversized, Some("body `json`"), "default");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_in_time_is_refused() {
    let handler = Handler::default();
    let limit = Duration::from_secs(3);
    for (front, app) in stack(by_field().with_deadline(limit)).fronts(&handler) {
        for stuck in [
            Frames::new().never(),
            Frames::new().data(GOOD).never(),
            Frames::new().data(GOOD).trailers(HeaderMap::new()).never(),
        ] {
            let start = tokio::time::Instant::now();
            let answer = soon(send_body(app.clone(), frames(stuck))).await;
            answer.assert_refused(Reason::BodyTimeout, Some("body `json`"), front);
            let elapsed = start.elapsed();
            assert!(
                elapsed >= limit && elapsed < limit + Duration::from_millis(10),
                "{elapsed:?}"
            );
            assert_eq!(handler.runs(), 0, "{front}");
        }
        let start = tokio::time::Instant::now();
        let default = stack(by_field()).bare(&handler);
        let answer = soon(send_body(default, frames(Frames::new().never()))).await;
        answer.assert_refused(Reason::BodyTimeout, Some("body `json`"), front);
        assert_eq!(
            start.elapsed().as_secs(),
            BodyWitnessBuilder::DEFAULT_DEADLINE.as_secs()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_for_the_body_and_not_for_the_handler() {
    let layer = by_field()
        .with_deadline(Duration::from_secs(1))
        .build()
        .unwrap();
    let slow = tower::service_fn(|_: Request<throughline::BufferedBody>| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("served")))
    });
    let mut sent = posting(GOOD);
    *sent.extensions_mut() = admitted_extensions(&claims("acme")).await;
    let service = tower::Layer::layer(&layer, slow);
    let response = tower::ServiceExt::oneshot(service, sent).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let attack = || frames(Frames::new().data(GOOD).error());
    refused(by_field, attack, Reason::ContextMalformed, "body `json`").await;
    refused(optional, attack, Reason::ContextMalformed, "body `json`").await;
}

#[tokio::test]
async fn without_an_admitted_context_nothing_is_read() {
    let never = || {
        let mut request = frames(Frames::new().never());
        request.headers_mut().remove("txn-token");
        request
    };
    let anonymous = builder().exempt("/orders").build().unwrap();
    let stack = Stack::new(anonymous).body(by_field().build().unwrap());
    let handler = Handler::default();
    for (front, app) in stack.fronts(&handler) {
        let answer = send_body(app, never()).await;
        answer.assert_refused(Reason::ContextMissing, None, front);
    }
    let reported = builder()
        .add_witness(Witness::header("x-tenant").unwrap())
        .with_mode(Rule::Witnesses, Mode::Report)
        .build()
        .unwrap();
    let stack = Stack::new(reported).body(by_field().build().unwrap());
    for (front, app) in stack.fronts(&handler) {
        let answer = send_body(app, frames(Frames::new().never())).await;
        answer.assert_refused(Reason::WitnessMissing, Some("header `x-tenant`"), front);
    }
    let demanding = RequireLayer::builder().scope("nobody.has").build().unwrap();
    let stack = Stack::new(builder().build().unwrap())
        .require(demanding)
        .body(by_field().build().unwrap());
    for (front, app) in stack.fronts(&handler) {
        let answer = send_body(app, frames(Frames::new().never())).await;
        answer.assert_refused(Reason::ScopeInsufficient, None, front);
    }
    assert_eq!(handler.runs(), 0);

    // And no `Accept` in front.
    let inner = tower::service_fn(|_: Request<throughline::BufferedBody>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    });
    let service = tower::Layer::layer(&by_field().build().unwrap(), inner);
    let response = tower::ServiceExt::oneshot(service, never()).await.unwrap();
    let refused = response.extensions().get::<throughline::Refused>().unwrap();
    assert_eq!(refused.reason(), Reason::ContextMissing);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a body is cut into frames, the handler gets its bytes and its trailers.
    #[test]
    fn bytes_and_trailers_pass_unharmed(
        pad in proptest::collection::vec(any::<char>(), 0..200),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..12),
        trailer in proptest::option::of("[a-z]{1,8}"),
    ) {
        let pad: String = pad.into_iter().collect();
        let text = json!({"tenant": "acme", "pad": pad}).to_string().into_bytes();
        let mut cuts: Vec<(usize, bool)> = cuts
            .into_iter()
            .map(|(index, waits)| (index.index(text.len() + 1), waits))
            .collect();
        cuts.sort_unstable();
        let mut body = Frames::new();
        let mut start = 0;
        for (end, waits) in cuts {
            body = body.data(&text[start..end]);
            start = end;
            if waits {
                body = body.pending();
            }
        }
        body = body.data(&text[start..]);
        let trailers = trailer.map(|value| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static("x-checksum"),
                HeaderValue::from_str(&value).unwrap(),
            )])
        });
        if let Some(trailers) = &trailers {
            body = body.trailers(trailers.clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let handler = Handler::default();
        let app = stack(by_field()).bare(&handler);
        let answer = runtime.block_on(send_body(app, frames(body)));
        prop_assert_eq!(answer.status, StatusCode::OK, "{:?}", answer);
        let seen = handler.last();
        prop_assert_eq!(seen.body, Bytes::from(text));
        prop_assert_eq!(seen.trailers, trailers);
    }
}

#[tokio::test]
async fn a_buffered_body_knows_its_size_and_its_end() {
    use http_body::Body as _;

    let sizes = |text: &'static str, trailers: bool| async move {
        let layer = optional().build().unwrap();
        let inner = tower::service_fn(|request: Request<throughline::BufferedBody>| async move {
            let body = request.body();
            let answer = (body.size_hint().exact(), body.is_end_stream());
            let mut response = http::Response::new(Body::empty());
            response.extensions_mut().insert(answer);
            Ok::<_, std::convert::Infallible>(response)
        });
        let mut body = Frames::new().data(text);
        if trailers {
            body = body.trailers(HeaderMap::new());
        }
        let mut sent = frames(body);
        *sent.extensions_mut() = admitted_extensions(&claims("acme")).await;
        let service = tower::Layer::layer(&layer, inner);
        let response = tower::ServiceExt::oneshot(service, sent).await.unwrap();
        *response.extensions().get::<(Option<u64>, bool)>().unwrap()
    };
    assert_eq!(sizes("{}", false).await, (Some(2), false));
    assert_eq!(sizes("", false).await, (Some(0), true));
    assert_eq!(
        sizes("", true).await,
        (Some(0), false),
        "trailers are still to come"
    );
}

#[tokio::test]
async fn a_request_of_grpc_is_refused_in_the_form_of_grpc() {
    let handler = Handler::default();
    for (front, app) in stack(by_field()).fronts(&handler) {
        for (content_type, is_grpc) in [("application/grpc", true), ("text/plain", false)] {
            // Refused by its head, and by its body.
            for coding in ["gzip", "identity"] {
                let mut sent = Request::post("/orders").body(Body::from(GOOD)).unwrap();
                add(&mut sent, "txn-token", token("acme").as_bytes());
                add(&mut sent, "content-type", content_type.as_bytes());
                add(&mut sent, "content-encoding", coding.as_bytes());
                let answer = send_body(app.clone(), sent).await;
                let what = format!("{front} {content_type} {coding}: {answer:?}");
                assert_eq!(
                    answer.refused.as_ref().map(|r| r.reason()),
                    Some(Reason::ContextMalformed),
                    "{what}"
                );
                assert_eq!(
                    answer.headers.contains_key("grpc-status"),
                    is_grpc,
                    "{what}"
                );
                assert_eq!(answer.text.is_empty(), is_grpc, "{what}");
            }
        }
    }
    assert_eq!(handler.runs(), 0);
    let served = send_body(stack(by_field()).bare(&handler), posting(GOOD)).await;
    assert_eq!(served.status, StatusCode::OK);
}
