//! Readiness, waiting and cancelling: the service that was polled ready is the one that is called,
//! once, and only for what was admitted.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use serde_json::json;
use throughline::{
    AcceptLayer, BodyWitnessLayer, BufferedBody, KeySource, Mode, Reason, Refused, RequireLayer,
    Rule, Witness,
};
use throughline_jose::source::{FetchError, FetchLimits, Fetched};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::{Layer, Service};
use tower_test::mock::{Handle, Mock, Spawn, spawn_layer};

use super::kit::*;

type Sent = Request<Body>;
type Got = Response<Body>;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn over<T, L>(layer: L) -> (Spawn<L::Service>, Handle<T, Got>)
where
    L: Layer<Mock<T, Got>>,
{
    spawn_layer(layer)
}

fn good() -> Sent {
    request("/orders", &token("acme"), &[]).map(Body::from)
}

fn served() -> Got {
    Response::new(Body::from("served"))
}

fn reason<B>(response: &Response<B>) -> Option<Reason> {
    Some(response.extensions().get::<Refused>()?.reason())
}

/// A request as it comes out of `Accept`.
async fn admitted_request(body: impl Into<Body>) -> Sent {
    let mut request = Request::new(body.into());
    *request.extensions_mut() = admitted_extensions(&claims("acme")).await;
    request
}

/// Whoever is polled ready is called, and readiness and its errors pass through.
async fn is_called_when_ready<L, T, R>(layer: L, sent: impl AsyncFn() -> Sent)
where
    L: Layer<Mock<T, Got>>,
    L::Service: Service<Sent, Response = Response<R>, Error = tower::BoxError>,
{
    let (mut service, mut handle) = over(layer);
    handle.allow(0);
    assert!(
        service.poll_ready().is_pending(),
        "the inner service is not ready"
    );
    handle.allow(1);
    assert!(matches!(service.poll_ready(), Poll::Ready(Ok(()))));
    let mut future = pin!(service.call(sent().await));
    // The mock panics when an instance is called that was not polled ready.
    assert!(poll(future.as_mut()).is_pending());
    let Poll::Ready(Some((_, answer))) = handle.poll_request() else {
        panic!("the inner service was not called")
    };
    answer.send_response(served());
    let Poll::Ready(Ok(response)) = poll(future.as_mut()) else {
        panic!("the answer did not pass through")
    };
    assert_eq!(response.status(), StatusCode::OK);
    assert!(service.poll_ready().is_pending(), "readiness was used up");

    handle.send_error("the inner service is down");
    let Poll::Ready(Err(error)) = service.poll_ready() else {
        panic!("an error of readiness did not pass through")
    };
    assert_eq!(error.to_string(), "the inner service is down");
}

#[tokio::test]
async fn each_layer_calls_the_instance_that_was_polled_ready() {
    is_called_when_ready(builder().build().unwrap(), async || good()).await;
    let require = RequireLayer::builder().build().unwrap();
    is_called_when_ready(require, async || admitted_request("").await).await;
    let body = BodyWitnessLayer::builder().add_tenant_field("/tenant");
    let body = body.build().unwrap();
    let sent = async || admitted_request(r#"{"tenant":"acme"}"#).await;
    is_called_when_ready::<_, Request<BufferedBody>, _>(body, sent).await;
}

/// A refusal calls nobody, and leaves the readiness of the inner service to the next request.
async fn is_not_called<L, T, R>(layer: L, refused: Sent, expected: Reason, good: Sent)
where
    L: Layer<Mock<T, Got>>,
    L::Service: Service<Sent, Response = Response<R>, Error = tower::BoxError>,
{
    let (mut service, mut handle) = over(layer);
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let mut future = pin!(service.call(refused));
    let Poll::Ready(Ok(response)) = poll(future.as_mut()) else {
        panic!("a refusal waited")
    };
    assert_eq!(reason(&response), Some(expected));
    assert!(
        handle.poll_request().is_pending(),
        "the inner service was called"
    );

    assert!(service.poll_ready().is_ready());
    let mut future = pin!(service.call(good));
    assert!(poll(future.as_mut()).is_pending());
    assert!(
        handle.poll_request().is_ready(),
        "the next request was not served"
    );
}

#[tokio::test]
async fn nobody_is_called_on_a_refusal() {
    let missing = request("/orders", "", &[]).map(Body::from);
    let accept = builder().build().unwrap();
    is_not_called(accept, missing, Reason::ContextMissing, good()).await;

    let require = RequireLayer::builder().build().unwrap();
    let bare = Request::new(Body::empty());
    let admitted = admitted_request("").await;
    is_not_called(require, bare, Reason::ContextMissing, admitted).await;

    let body = BodyWitnessLayer::builder().add_tenant_field("/tenant");
    let body = body.build().unwrap();
    let other = admitted_request(r#"{"tenant":"globex"}"#).await;
    let same = admitted_request(r#"{"tenant":"acme"}"#).await;
    let mismatch = Reason::TenantMismatch;
    is_not_called::<_, Request<BufferedBody>, _>(body, other, mismatch, same).await;
}

// ---- waiting for keys

/// A key set that arrives when it is let in.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    fetches: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> (Self, KeySource) {
        let gate = Self {
            open: Arc::new(Semaphore::new(0)),
            fetches: Arc::default(),
        };
        let inside = gate.clone();
        let source = KeySource::fetch(move |_: FetchLimits| {
            let gate = inside.clone();
            gate.fetches.fetch_add(1, Ordering::Relaxed);
            async move {
                gate.open.acquire().await.unwrap().forget();
                Ok::<_, FetchError>(Fetched::new(jwks()))
            }
        });
        (gate, source)
    }

    fn let_in(&self) {
        self.open.add_permits(1);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_before_the_first_keys_waits_and_calls_the_instance_that_was_ready() {
    let (gate, keys) = Gate::new();
    let (mut service, mut handle) = over(AcceptLayer::new(domain_with(keys)));
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let mut future = pin!(service.call(good()));
    assert!(poll(future.as_mut()).is_pending());
    assert!(
        handle.poll_request().is_pending(),
        "called before it was admitted"
    );
    // A clone took its place in front, and that one was not polled ready.
    assert!(service.poll_ready().is_ready());

    gate.let_in();
    let answering = async {
        let (request, answer) = handle.next_request().await.unwrap();
        assert!(request.headers().get("txn-token").is_none(), "not stripped");
        answer.send_response(served());
    };
    let (response, ()) = soon(async { tokio::join!(future, answering) }).await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    assert_eq!(gate.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_requests_share_one_fetch_and_are_decided_each_for_itself() {
    let (gate, keys) = Gate::new();
    let layer = AcceptLayer::builder(domain_with(keys))
        .add_witness(Witness::header("x-tenant").unwrap())
        .build()
        .unwrap();
    let handler = Handler::default();
    let app = Stack::new(layer).bare(&handler);
    let call = |tenant: &'static [u8]| {
        let app = app.clone();
        tokio::spawn(send(
            app,
            request("/orders", &token("acme"), &[("x-tenant", tenant)]),
        ))
    };
    let calls: Vec<_> = (0..20)
        .map(|n| call(if n % 2 == 0 { b"acme" } else { b"globex" }))
        .collect();
    tokio::task::yield_now().await;
    gate.let_in();
    for (n, call) in calls.into_iter().enumerate() {
        let answer = soon(call).await.unwrap();
        if n % 2 == 0 {
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        } else {
            answer.assert_refused(Reason::TenantMismatch, Some("header `x-tenant`"), "waited");
        }
    }
    assert_eq!((handler.runs(), gate.fetches()), (10, 1));
}

// failure: X17
#[tokio::test(start_paused = true)]
async fn a_reported_rule_is_reported_after_a_wait_too() {
    let (gate, keys) = Gate::new();
    let layer = AcceptLayer::builder(domain_with(keys))
        .add_witness(Witness::header("x-tenant").unwrap())
        .with_legacy_header("x-tenant")
        .with_mode(Rule::Witnesses, Mode::Report)
        .build()
        .unwrap();
    let handler = Handler::default();
    let app = Stack::new(layer).bare(&handler);
    gate.let_in();
    let sent = request("/orders", &token("acme"), &[("x-tenant", b"globex")]);
    let logs = Logs::default();
    let answer = logs.watch(send(app, sent)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(handler.last().tenant(), Err(Reason::TenantMismatch));
    assert_eq!(handler.last().headers.get("x-tenant"), None);
    let lines = logs.take();
    let told = lines.iter().filter(|line| line.contains_key("reason"));
    assert_eq!(
        told.count(),
        1,
        "told once, not before and after the wait: {lines:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_keys_is_bounded_and_ends_in_a_refusal_that_is_retried() {
    let (_gate, keys) = Gate::new();
    let handler = Handler::default();
    let app = Stack::new(AcceptLayer::new(domain_with(keys))).bare(&handler);
    let start = Instant::now();
    let logs = Logs::default();
    let answer = logs
        .watch(send(app, request("/orders", &token("acme"), &[])))
        .await;
    answer.assert_refused(Reason::KeysUnavailable, None, "no keys came");
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(start.elapsed().as_secs(), 2, "the wait limit");
    assert_eq!(handler.runs(), 0);
    let lines = logs.take();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line.contains_key("reason"))
        .collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert_eq!(told[0].get("id").cloned(), answer.id());
    assert_eq!(told[0]["level"], "ERROR", "our dependency is down");
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_key_waits_for_none() {
    let (_gate, keys) = Gate::new();
    let layer = AcceptLayer::builder(domain_with(keys))
        .exempt("/health")
        .build()
        .unwrap();
    let handler = Handler::default();
    let app = Stack::new(layer).bare(&handler);
    let start = Instant::now();
    let oversized = "x".repeat(9000);
    for (path, token, reason) in [
        ("/orders", "", Some(Reason::ContextMissing)),
        ("/orders", "a.b", Some(Reason::ContextMalformed)),
        ("/orders", &*oversized, Some(Reason::ContextOversized)),
        ("/health", "", None),
    ] {
        let answer = send(app.clone(), request(path, token, &[])).await;
        assert_eq!(answer.reason(), reason, "{answer:?}");
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_added_since_is_fetched_once_and_a_made_up_one_costs_nothing() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&fetches);
    let keys = KeySource::fetch(move |_: FetchLimits| {
        let n = counting.fetch_add(1, Ordering::Relaxed);
        let document = match n {
            0 => json!({"keys": [{
                "kty": "OKP", "crv": "Ed25519", "kid": "older",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }]})
            .to_string(),
            _ => jwks(),
        };
        async move { Ok::<_, FetchError>(Fetched::new(document)) }
    });
    let domain = domain_with(keys);
    domain.load().await.unwrap();
    let (mut service, mut handle) = over(AcceptLayer::new(domain));
    tokio::time::advance(Duration::from_secs(31)).await;

    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let future = service.call(good());
    let answering = async {
        let (_, answer) = handle.next_request().await.unwrap();
        answer.send_response(served());
    };
    let (response, ()) = soon(async { tokio::join!(future, answering) }).await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    assert_eq!(fetches.load(Ordering::Relaxed), 2);

    // Within the cool-down an unknown key is unknown, at once.
    let header = "eyJ0eXAiOiJ0eG50b2tlbitqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6Im1hZGUtdXAifQ";
    let signature = "A".repeat(86);
    let made_up = format!("{header}.e30.{signature}");
    handle.allow(1);
    for _ in 0..10 {
        assert!(service.poll_ready().is_ready());
        let sent = request("/orders", &made_up, &[]).map(Body::from);
        let mut future = pin!(service.call(sent));
        let Poll::Ready(Ok(response)) = poll(future.as_mut()) else {
            panic!("a made-up key id waited")
        };
        assert_eq!(reason(&response), Some(Reason::KeyUnknown));
    }
    assert_eq!(fetches.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    let (gate, keys) = Gate::new();
    let (mut service, mut handle) = over(AcceptLayer::new(domain_with(keys)));
    handle.allow(2);
    assert!(service.poll_ready().is_ready());
    let held = Arc::new(());
    let mut sent = good();
    sent.extensions_mut().insert(Arc::clone(&held));
    {
        let mut future = pin!(service.call(sent));
        assert!(poll(future.as_mut()).is_pending());
        assert_eq!(Arc::strong_count(&held), 2);
    }
    assert_eq!(
        Arc::strong_count(&held),
        1,
        "the request outlived its future"
    );
    gate.let_in();
    tokio::task::yield_now().await;
    assert!(
        handle.poll_request().is_pending(),
        "called for a request that was dropped"
    );

    // The fetch went on for the others.
    assert!(service.poll_ready().is_ready());
    let future = service.call(good());
    let answering = async {
        let (_, answer) = handle.next_request().await.unwrap();
        answer.send_response(served());
    };
    let (response, ()) = soon(async { tokio::join!(future, answering) }).await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    assert_eq!(gate.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_arrives_in_parts_meets_the_instance_that_was_ready() {
    let layer = BodyWitnessLayer::builder().add_tenant_field("/tenant");
    let (mut service, mut handle) = over::<Request<BufferedBody>, _>(layer.build().unwrap());
    handle.allow(1);
    assert!(service.poll_ready::<Sent>().is_ready());
    let frames = Frames::new()
        .data(r#"{"tenant":"#)
        .pending()
        .data(r#""acme"}"#);
    let mut future = pin!(service.call(admitted_request(Body::new(frames)).await));
    assert!(poll(future.as_mut()).is_pending());
    assert!(
        handle.poll_request().is_pending(),
        "called before the body was there"
    );
    assert!(poll(future.as_mut()).is_pending());
    let Poll::Ready(Some((_, answer))) = handle.poll_request() else {
        panic!("the inner service was not called")
    };
    answer.send_response(served());
    assert!(matches!(poll(future.as_mut()), Poll::Ready(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_while_it_reads_drops_the_body_with_it() {
    struct Held(#[expect(dead_code, reason = "counts who holds it")] Arc<()>);
    impl http_body::Body for Held {
        type Data = bytes::Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<std::io::Result<http_body::Frame<bytes::Bytes>>>> {
            Poll::Pending
        }
    }
    let held = Arc::new(());
    let layer = BodyWitnessLayer::builder().add_tenant_field("/tenant");
    let (mut service, mut handle) = over::<Request<BufferedBody>, _>(layer.build().unwrap());
    handle.allow(1);
    assert!(service.poll_ready::<Sent>().is_ready());
    {
        let body = Body::new(Held(Arc::clone(&held)));
        let mut future = pin!(service.call(admitted_request(body).await));
        assert!(poll(future.as_mut()).is_pending());
        assert_eq!(Arc::strong_count(&held), 2);
    }
    assert_eq!(Arc::strong_count(&held), 1, "the body outlived its future");
    assert!(handle.poll_request().is_pending());
}

#[tokio::test]
async fn a_finished_future_that_is_polled_again_does_not_panic() {
    let (mut service, mut handle) = over::<Sent, _>(builder().build().unwrap());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let missing = request("/orders", "", &[]).map(Body::from);
    let mut future = pin!(service.call(missing));
    assert!(poll(future.as_mut()).is_ready());
    assert!(poll(future.as_mut()).is_pending());
}

#[tokio::test]
async fn an_error_of_the_inner_service_passes_through() {
    let (mut service, mut handle) = over(builder().build().unwrap());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let mut future = pin!(service.call(good()));
    assert!(poll(future.as_mut()).is_pending());
    let Poll::Ready(Some((_, answer))) = handle.poll_request() else {
        panic!("the inner service was not called")
    };
    answer.send_error("broke");
    let Poll::Ready(Err(error)) = poll(future.as_mut()) else {
        panic!("the error did not pass through")
    };
    assert_eq!(error.to_string(), "broke");
}
