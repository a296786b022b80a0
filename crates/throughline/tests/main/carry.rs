//! Calls that leave over real sockets, through the middleware that people put around a client.

use std::convert::Infallible;
use std::future::{Future, Ready, poll_fn, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use throughline::{
    AcceptLayer, Carry, CarryBuilder, CarryError, CarryLayer, Destinations, InContext, Mode,
    Reason, ResponseBody, Rule, TenantContext, scope,
};
use throughline_core::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::hedge::{self, Hedge};
use tower::load::Constant;
use tower::retry::{Policy, Retry};
use tower::timeout::Timeout;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::kit::*;

type Http = legacy::Client<HttpConnector, Full<Bytes>>;
type Answered = Result<Response<ResponseBody<Incoming>>, CarryError<legacy::Error>>;

fn http_client() -> Http {
    legacy::Client::builder(TokioExecutor::new()).build_http()
}

fn carrying(inside: &[SocketAddr]) -> CarryBuilder {
    let inside: Vec<String> = inside.iter().map(|own| format!("http://{own}")).collect();
    CarryLayer::builder(inside.iter().map(String::as_str))
        .add_owned_header("x-tenant")
        .add_owned_baggage("tenant.id")
        .with_clock(|| Timestamp::from_unix(NOW))
}

fn client(inside: &[SocketAddr]) -> Carry<Http> {
    carrying(inside).build().unwrap().layer(http_client())
}

/// Ada of `tenant`, whose token promises a legacy header and a baggage member.
async fn context(tenant: &str) -> TenantContext {
    let copies = json!(["tenant@header:x-tenant", "tenant@baggage:tenant.id"]);
    let claims = but(claims(tenant), "/tctx/proj", copies);
    TenantContext::of(&admitted_extensions(&claims).await).unwrap()
}

fn token_of(cx: &TenantContext) -> &str {
    str::from_utf8(cx.admitted().token()).unwrap()
}

fn call(address: SocketAddr, cx: &TenantContext) -> Request<Full<Bytes>> {
    Request::get(format!("http://{address}/invoices"))
        .in_context(cx)
        .body(Full::default())
        .unwrap()
}

fn reason<T: std::fmt::Debug>(answer: Result<T, CarryError<legacy::Error>>) -> Reason {
    answer.unwrap_err().refused().unwrap().reason()
}

// ---- upstreams

/// A service on a loopback socket that remembers the fields of each request it was sent.
#[derive(Clone)]
struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Upstream {
    /// `answer` gets the number of the request, from 1.
    async fn serve(
        answer: impl Fn(usize) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
        let log = Arc::clone(&seen);
        let handler = any(move |request: Request<Body>| {
            let number = {
                let mut log = log.lock().unwrap();
                log.push(request.headers().clone());
                log.len()
            };
            ready(answer(number))
        });
        let address = listen(Router::new().fallback(handler)).await;
        Self { address, seen }
    }

    async fn ok() -> Self {
        Self::serve(|_| Response::default()).await
    }

    fn seen(&self) -> Vec<HeaderMap> {
        self.seen.lock().unwrap().clone()
    }

    /// The token of each request that came.
    fn tokens(&self) -> Vec<Option<String>> {
        let token = |fields: &HeaderMap| Some(fields.get("txn-token")?.to_str().ok()?.to_owned());
        self.seen().iter().map(token).collect()
    }
}

async fn listen(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Answers each connection with these bytes, once a request is there.
async fn hostile(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bytes = bytes.into();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                    if socket.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                // A client that hangs up early is what some of these are about.
                let _ = socket.write_all(&bytes).await;
            });
        }
    });
    address
}

/// Sends a request byte by byte and reads until the server is done.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

// ---- retry, hedge, balance, buffer, timeout

/// Tries again, once, what was answered with 503.
#[derive(Clone)]
struct Again {
    left: usize,
    rebuild: fn(&Request<Full<Bytes>>) -> Request<Full<Bytes>>,
}

impl Policy<Request<Full<Bytes>>, Response<ResponseBody<Incoming>>, CarryError<legacy::Error>>
    for Again
{
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Request<Full<Bytes>>, answer: &mut Answered) -> Option<Ready<()>> {
        let failed = answer
            .as_ref()
            .is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE);
        self.left = self.left.checked_sub(1).filter(|_| failed)?;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some((self.rebuild)(request))
    }
}

async fn busy_once() -> Upstream {
    Upstream::serve(|number| {
        let mut response = Response::default();
        if number == 1 {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    })
    .await
}

// failure: A4
#[tokio::test]
async fn a_retry_that_loses_the_extensions_is_not_sent_without_its_context() {
    let (cx, upstream) = (context("acme").await, busy_once().await);
    let policy = Again {
        left: 1,
        rebuild: |request| {
            let mut rebuilt = Request::builder()
                .method(request.method())
                .uri(request.uri());
            *rebuilt.headers_mut().unwrap() = request.headers().clone();
            rebuilt.body(request.body().clone()).unwrap()
        },
    };
    let retrying = Retry::new(policy, client(&[upstream.address]));
    let answer = retrying.oneshot(call(upstream.address, &cx)).await;
    assert_eq!(reason(answer), Reason::ContextMissing);
    assert_eq!(upstream.tokens(), [Some(token_of(&cx).to_owned())]);
}

// failure: A4
#[tokio::test]
async fn a_retry_that_keeps_them_carries_the_same_bytes() {
    let (cx, upstream) = (context("acme").await, busy_once().await);
    let policy = Again {
        left: 1,
        rebuild: Request::clone,
    };
    let retrying = Retry::new(policy, client(&[upstream.address]));
    let answer = retrying.oneshot(call(upstream.address, &cx)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let token = Some(token_of(&cx).to_owned());
    assert_eq!(upstream.tokens(), [token.clone(), token]);
    for fields in upstream.seen() {
        assert_eq!(fields["x-tenant"], "acme");
        assert_eq!(fields["baggage"], "tenant.id=acme");
    }
}

// failure: A4
#[tokio::test]
async fn a_hedged_request_carries_the_same_bytes_or_is_not_sent() {
    let (cx, upstream) = (context("acme").await, Upstream::ok().await);
    let client = client(&[upstream.address]);
    // As a hedge does: a second one beside the first, from a clone or from the parts.
    let request = call(upstream.address, &cx);
    let clone = request.clone();
    let (parts, body) = request.clone().into_parts();
    let mut rebuilt = Request::new(body);
    *rebuilt.uri_mut() = parts.uri;
    let (first, second, third) = tokio::join!(
        client.clone().oneshot(request),
        client.clone().oneshot(clone),
        client.clone().oneshot(rebuilt),
    );
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(reason(third), Reason::ContextMissing);
    let token = Some(token_of(&cx).to_owned());
    assert_eq!(upstream.tokens(), [token.clone(), token]);
}

/// Hedges every request, from a clone or from what is left of it without its extensions.
#[derive(Clone)]
struct Hedges {
    rebuild: fn(&Request<Full<Bytes>>) -> Request<Full<Bytes>>,
}

impl hedge::Policy<Request<Full<Bytes>>> for Hedges {
    fn clone_request(&self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some((self.rebuild)(request))
    }

    fn can_retry(&self, _: &Request<Full<Bytes>>) -> bool {
        true
    }
}

// failure: A4
#[tokio::test(start_paused = true)]
async fn a_hedge_sends_the_same_context_beside_or_nothing() {
    let cx = context("acme").await;
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let kept: fn(&Request<Full<Bytes>>) -> _ = Request::clone;
    let lost: fn(&Request<Full<Bytes>>) -> _ = |request| {
        let mut rebuilt = Request::new(Full::default());
        *rebuilt.uri_mut() = request.uri().clone();
        rebuilt
    };
    for (rebuild, sent) in [(kept, 2), (lost, 1)] {
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&tokens);
        // The first one hangs, so that the hedge is what answers.
        let client = service_fn(move |request: Request<Full<Bytes>>| {
            let token = request.headers().get("txn-token").cloned();
            let mut seen = seen.lock().unwrap();
            seen.push(token);
            let first = seen.len() == 1;
            async move {
                match first {
                    true => std::future::pending().await,
                    false => Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())),
                }
            }
        });
        let carry = carrying(&[address]).build().unwrap().layer(client);
        let period = Duration::from_secs(60);
        let hedged =
            Hedge::new_with_mock_latencies(carry, Hedges { rebuild }, 1, 0.9, period, &[5; 10]);
        let answer = hedged.oneshot(call(address, &cx)).await;
        let tokens = tokens.lock().unwrap().clone();
        let own = Some(HeaderValue::from_str(token_of(&cx)).unwrap());
        assert_eq!(tokens, vec![own; sent], "a hedge went without the context");
        match sent {
            2 => assert!(answer.is_ok()),
            _ => {
                let error = answer
                    .err()
                    .unwrap()
                    .downcast::<CarryError<Infallible>>()
                    .unwrap();
                assert_eq!(error.refused().unwrap().reason(), Reason::ContextMissing);
            }
        }
    }
}

/// What the inner service of a `Buffer` sees: in `call`, which runs in the worker's task, and in its
/// future, which runs at the caller.
#[derive(Clone, Default)]
struct Halves(Arc<Mutex<Vec<Half>>>);

/// Which half, the tenant of the scope it runs in, and that of the request.
type Half = (&'static str, Option<String>, Option<String>);

impl Halves {
    fn note(&self, half: &'static str, extensions: &http::Extensions) {
        let ambient = scope::current().ok().map(|cx| cx.tenant().to_string());
        let own = TenantContext::of(extensions);
        let own = own.ok().map(|cx| cx.tenant().to_string());
        self.0.lock().unwrap().push((half, ambient, own));
    }
}

impl Service<Request<Full<Bytes>>> for Halves {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        self.note("call", request.extensions());
        let this = self.clone();
        Box::pin(async move {
            this.note("future", request.extensions());
            Ok(Response::default())
        })
    }
}

// failure: A3
#[tokio::test]
async fn both_halves_of_a_buffered_call_see_the_tenant_of_the_request() {
    let halves = Halves::default();
    let buffered = Buffer::new(AcceptLayer::new(domain()).layer(halves.clone()), 8);
    let other = context("globex").await;
    let sent = request("/orders", &token("acme"), &[]).map(Full::new);
    // The caller is in another scope altogether.
    let answer = other.scope(buffered.oneshot(sent)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (acme, globex) = (Some("acme".to_owned()), Some("globex".to_owned()));
    assert_eq!(
        *halves.0.lock().unwrap(),
        [("call", None, acme.clone()), ("future", globex, acme)]
    );
}

// failure: A3
#[tokio::test]
async fn a_buffered_client_carries_what_the_request_says_and_not_where_it_runs() {
    let upstream = Upstream::ok().await;
    let (cx, other) = (context("acme").await, context("globex").await);
    let buffered = Buffer::new(client(&[upstream.address]), 8);
    let sent = buffered.clone().oneshot(call(upstream.address, &cx));
    other.scope(sent).await.unwrap();
    assert_eq!(upstream.tokens(), [Some(token_of(&cx).to_owned())]);
    // A scope alone gives no call a context.
    let mut bare = call(upstream.address, &cx);
    bare.extensions_mut().clear();
    let error = cx.scope(buffered.oneshot(bare)).await.unwrap_err();
    let error = error.downcast::<CarryError<legacy::Error>>().unwrap();
    assert_eq!(error.refused().unwrap().reason(), Reason::ContextMissing);
    assert_eq!(upstream.seen().len(), 1);
}

// failure: A3
#[tokio::test]
async fn a_scope_gives_no_call_a_context_and_takes_none_away() {
    let upstream = Upstream::ok().await;
    let (cx, other) = (context("acme").await, context("globex").await);
    let client = client(&[upstream.address]);
    // In one task, where the scope could be seen all along.
    let mut bare = call(upstream.address, &cx);
    bare.extensions_mut().clear();
    let answer = cx.scope(client.clone().oneshot(bare)).await;
    assert_eq!(reason(answer), Reason::ContextMissing);
    let mut handed_on = call(upstream.address, &cx);
    *handed_on.extensions_mut() = admitted_extensions(&claims("acme")).await;
    other.scope(client.oneshot(handed_on)).await.unwrap();
    assert_eq!(upstream.tokens(), [Some(token("acme"))]);
}

#[tokio::test]
async fn a_balanced_client_sends_each_call_in_its_own_context() {
    let (one, two) = (Upstream::ok().await, Upstream::ok().await);
    let inside = [one.address, two.address];
    let endpoint = |to: SocketAddr| {
        let client = client(&inside);
        let endpoint = service_fn(move |mut request: Request<Full<Bytes>>| {
            *request.uri_mut() = format!("http://{to}/invoices").parse().unwrap();
            client.clone().oneshot(request)
        });
        Constant::new(endpoint, 1)
    };
    let list = ServiceList::new(inside.map(endpoint));
    let mut balanced = Balance::new(list);
    let contexts = [context("acme").await, context("globex").await];
    let mut expected = Vec::new();
    for n in 0..40 {
        let cx = &contexts[n % 3 % 2];
        let answer = balanced.ready().await.unwrap().call(call(one.address, cx));
        answer.await.unwrap();
        expected.push(Some(token_of(cx).to_owned()));
    }
    let mut sent = [one.tokens(), two.tokens()].concat();
    sent.sort();
    expected.sort();
    assert_eq!(sent, expected);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_timed_out_leaves_nothing_to_the_next_one() {
    let upstream = Upstream::ok().await;
    let silent = hostile([]).await;
    let (acme, globex) = (context("acme").await, context("globex").await);
    let client = client(&[upstream.address, silent]);
    let hung = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let never = hung.local_addr().unwrap();
    let patient = Timeout::new(client.clone(), Duration::from_secs(5));
    let layer = carrying(&[never]).build().unwrap();
    let waiting = Timeout::new(layer.layer(http_client()), Duration::from_secs(5));
    let error = waiting.oneshot(call(never, &acme)).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>(), "{error}");
    tokio::time::resume();
    let _ = patient.clone().oneshot(call(silent, &acme)).await;
    patient
        .oneshot(call(upstream.address, &globex))
        .await
        .unwrap();
    assert_eq!(upstream.tokens(), [Some(token_of(&globex).to_owned())]);
}

// ---- a proxy

/// A service of the domain that remembers what it admitted.
async fn inner_service() -> (SocketAddr, Handler) {
    let layer = builder().with_legacy_header("x-tenant").build().unwrap();
    let handler = Handler::default();
    let served = handler.clone();
    let router = Router::new()
        .fallback(any(move |request| served.run(request)))
        .layer(layer);
    (listen(router).await, handler)
}

/// Hands its incoming request on as it is, but for the target.
async fn proxy(accept: Option<AcceptLayer>, to: SocketAddr) -> SocketAddr {
    let http = legacy::Client::builder(TokioExecutor::new()).build_http::<Body>();
    let client = carrying(&[to]).build().unwrap().layer(http);
    let handler = any(move |mut request: Request<Body>| {
        let client = client.clone();
        async move {
            *request.uri_mut() = format!("http://{to}{}", request.uri()).parse().unwrap();
            request.headers_mut().remove(HOST);
            match client.oneshot(request).await {
                Ok(response) => response.map(Body::new),
                Err(error) => error.refused().unwrap().to_response().map(Body::from),
            }
        }
    });
    let router = Router::new().fallback(handler);
    listen(match accept {
        Some(accept) => router.layer(accept),
        None => router,
    })
    .await
}

#[tokio::test]
async fn a_proxy_that_hands_its_request_on_hands_on_its_context() {
    let (address, handler) = inner_service().await;
    let accept = builder().with_legacy_header("x-tenant").build().unwrap();
    let proxied = proxy(Some(accept), address).await;
    for tenant in ["acme", "globex", "acme"] {
        let token = token(tenant);
        let answer = raw(
            proxied,
            &format!(
                "GET /orders HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\
                 Txn-Token: {token}\r\nX-Tenant: somebody-else\r\nBaggage: a=1\r\n\r\n"
            ),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let seen = handler.last();
        assert_eq!(seen.tenant().as_deref(), Ok(tenant));
        assert_eq!(seen.token().unwrap(), token);
        assert_eq!(seen.headers["x-tenant"], tenant);
        assert_eq!(seen.headers["baggage"], "a=1");
    }
}

#[tokio::test]
async fn a_proxy_that_admits_nobody_hands_on_nothing() {
    let (address, handler) = inner_service().await;
    let bare = proxy(None, address).await;
    let lax = builder()
        .with_mode(Rule::Witnesses, Mode::Report)
        .add_witness(throughline::Witness::header("x-tenant").unwrap())
        .exempt("/health")
        .build()
        .unwrap();
    let lax = proxy(Some(lax), address).await;
    let token = token("acme");
    for (address, target, fields, expected) in [
        // Whatever came in is not a context only because it is there.
        (
            bare,
            "/orders",
            format!("Txn-Token: {token}\r\n"),
            Reason::ContextMissing,
        ),
        (lax, "/health", String::new(), Reason::ContextMissing),
        // A call that is only let through to be reported has no context to give.
        (
            lax,
            "/orders",
            format!("Txn-Token: {token}\r\nX-Tenant: globex\r\n"),
            Reason::ContextMissing,
        ),
    ] {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: o\r\nConnection: close\r\n{fields}\r\n");
        let answer = raw(address, &request).await;
        let code = format!("\"reason\":\"{}\"", expected.code());
        assert!(answer.contains(&code), "{answer}");
    }
    assert_eq!(handler.runs(), 0);
}

// ---- redirects

/// Follows redirects as clients do: same fields, same extensions, another target.
async fn follow<S, B>(
    client: S,
    request: Request<Full<Bytes>>,
    may: impl Fn(&Uri) -> bool,
) -> StatusCode
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
{
    let mut next = request.clone();
    loop {
        let answer = client.clone().oneshot(next).await.unwrap();
        let location = answer.headers().get(LOCATION);
        let target = location.map(|to| to.to_str().unwrap().parse::<Uri>().unwrap());
        match target.filter(|target| answer.status().is_redirection() && may(target)) {
            None => return answer.status(),
            Some(target) => {
                next = request.clone();
                *next.uri_mut() = target;
            }
        }
    }
}

async fn redirecting(to: SocketAddr) -> Upstream {
    Upstream::serve(move |_| {
        Response::builder()
            .status(StatusCode::FOUND)
            .header(LOCATION, format!("http://{to}/elsewhere"))
            .body(Body::empty())
            .unwrap()
    })
    .await
}

fn assert_bare(fields: &HeaderMap) {
    for name in ["txn-token", "x-tenant"] {
        assert!(!fields.contains_key(name), "{fields:?}");
    }
    assert_eq!(fields["baggage"], "a=1");
    assert!(!format!("{fields:?}").contains("acme"), "{fields:?}");
}

// failure: H6
#[tokio::test]
async fn a_redirect_out_of_the_domain_takes_nothing_of_ours_along() {
    let cx = context("acme").await;
    let mut request = call("127.0.0.1:1".parse().unwrap(), &cx);
    request
        .headers_mut()
        .insert("baggage", HeaderValue::from_static("a=1"));
    for listed in [false, true] {
        let second = Upstream::ok().await;
        let first = redirecting(second.address).await;
        *request.uri_mut() = format!("http://{}/start", first.address).parse().unwrap();
        let inside = match listed {
            true => vec![first.address, second.address],
            false => vec![first.address],
        };
        // A client that follows them above the layer: each of the calls is asked about.
        let status = follow(client(&inside), request.clone(), |_| true).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(first.tokens(), [Some(token_of(&cx).to_owned())]);
        let seen = second.seen().pop().unwrap();
        if listed {
            assert_eq!(seen["txn-token"], token_of(&cx));
            assert_eq!(seen["x-tenant"], "acme");
            assert_eq!(seen["baggage"], "a=1,tenant.id=acme");
        } else {
            assert_bare(&seen);
        }
    }
}

// failure: H6
#[tokio::test]
async fn a_client_that_follows_below_the_layer_stops_at_the_border() {
    let cx = context("acme").await;
    for listed in [false, true] {
        let second = Upstream::ok().await;
        let first = redirecting(second.address).await;
        let inside = match listed {
            true => vec![first.address, second.address],
            false => vec![first.address],
        };
        let patterns: Vec<String> = inside.iter().map(|own| format!("http://{own}")).collect();
        let border = Destinations::new(patterns.iter().map(String::as_str)).unwrap();
        let http = http_client();
        let following = service_fn(move |request: Request<Full<Bytes>>| {
            let (http, border) = (http.clone(), border.clone());
            async move {
                let status = follow(http, request, |target| border.contains(target)).await;
                let mut response = Response::new(());
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        let carry = carrying(&inside).build().unwrap().layer(following);
        let answer = carry.oneshot(call(first.address, &cx)).await.unwrap();
        if listed {
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(second.tokens(), [Some(token_of(&cx).to_owned())]);
        } else {
            assert_eq!(answer.status(), StatusCode::FOUND);
            assert_eq!(second.seen().len(), 0);
        }
    }
}

// failure: B9
#[tokio::test]
async fn a_third_party_on_the_wire_sees_nothing_of_ours() {
    let (cx, inside) = (context("acme").await, Upstream::ok().await);
    let third = Upstream::ok().await;
    let client = client(&[inside.address]);
    for upstream in [&third, &inside] {
        let mut request = call(upstream.address, &cx);
        request
            .headers_mut()
            .insert("baggage", HeaderValue::from_static("a=1"));
        client.clone().oneshot(request).await.unwrap();
    }
    let fields = third.seen().pop().unwrap();
    assert_bare(&fields);
    let names: Vec<_> = fields.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["baggage", "host"]);
    assert_eq!(inside.tokens(), [Some(token_of(&cx).to_owned())]);
}

// ---- responses

/// A handler that copies what it knows into its response.
async fn leaky(
    status: StatusCode,
    cx: Option<TenantContext>,
    request: Request<Body>,
) -> Response<Body> {
    let mut response = Response::new(Body::from("body"));
    *response.status_mut() = status;
    *response.headers_mut() = request.headers().clone();
    let fields = response.headers_mut();
    let token = cx.map_or("a.b.c".into(), |cx| token_of(&cx).to_owned());
    for name in ["txn-token", "txn_token", "x-tenant", "x.tenant"] {
        let value = HeaderValue::from_str(&token).unwrap();
        fields.append(HeaderName::from_static(name), value.clone());
        fields.append(HeaderName::from_static(name), value);
    }
    fields.append(LOCATION, HeaderValue::from_static("/elsewhere"));
    let line = HeaderValue::from_static("tenant.id=acme,a=1, TENANT.ID=acme");
    fields.append("baggage", line);
    response
}

// failure: H5
#[tokio::test]
async fn no_context_comes_back_to_the_client_whatever_the_status() {
    let layer = builder()
        .with_legacy_header("x-tenant")
        .add_witness(
            throughline::Witness::baggage("tenant.id")
                .unwrap()
                .optional(),
        )
        .with_mode(Rule::Witnesses, Mode::Report)
        .exempt("/exempt")
        .build()
        .unwrap();
    let mut router = Router::new();
    for (path, status) in [
        ("/ok", StatusCode::OK),
        ("/exempt", StatusCode::OK),
        ("/created", StatusCode::CREATED),
        ("/found", StatusCode::FOUND),
        ("/denied", StatusCode::FORBIDDEN),
        ("/broken", StatusCode::INTERNAL_SERVER_ERROR),
        ("/busy", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let handler = any(move |request: Request<Body>| {
            let cx = TenantContext::of(request.extensions()).ok();
            leaky(status, cx, request)
        });
        router = router.route(path, handler);
    }
    let address = listen(router.layer(layer)).await;
    let token = token("acme");
    let with = |more: &str| format!("Txn-Token: {token}\r\n{more}");
    for (path, fields) in [
        ("/ok", with("")),
        ("/ok", with("Baggage: tenant.id=acme\r\n")),
        // Only reported, so let through.
        ("/ok", with("Baggage: tenant.id=globex\r\n")),
        ("/exempt", String::new()),
        ("/exempt", with("")),
        ("/created", with("")),
        ("/found", with("")),
        ("/denied", with("")),
        ("/broken", with("")),
        ("/busy", with("")),
        ("/no-such-route", with("")),
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: o\r\nConnection: close\r\n{fields}\r\n");
        let answer = raw(address, &request).await;
        let lower = answer.to_ascii_lowercase();
        for ours in ["token", "tenant", &token.to_ascii_lowercase(), "a.b.c"] {
            assert!(!lower.contains(ours), "{path}: {answer}");
        }
        if path != "/no-such-route" {
            assert!(answer.ends_with("\r\n\r\nbody"), "{answer}");
            assert!(lower.contains("baggage: a=1\r\n"), "{answer}");
        }
    }
}

// failure: H5
#[tokio::test]
async fn no_context_comes_back_in_trailers() {
    let mut trailers = HeaderMap::new();
    for name in ["txn-token", "txn_token", "grpc-status"] {
        trailers.append(name, HeaderValue::from_static("0"));
    }
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        let body = Frames::new().data("a").pending().trailers(trailers.clone());
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let accept = AcceptLayer::new(domain()).layer(service);
    let sent = request("/orders", &token("acme"), &[]).map(Full::new);
    let answer = accept.oneshot(sent).await.unwrap();
    let body = answer.into_body().collect().await.unwrap();
    let left: Vec<_> = body.trailers().unwrap().keys().collect();
    assert_eq!(left, ["grpc-status"]);
    assert_eq!(body.to_bytes(), "a");
}

#[tokio::test]
async fn a_hostile_upstream_gives_the_caller_nothing_under_our_names() {
    let cx = context("acme").await;
    let other = token("globex");
    let big = "x".repeat(200_000);
    for (what, fields) in [
        ("one", format!("Txn-Token: {other}\r\n")),
        (
            "two",
            format!("Txn-Token: {other}\r\ntxn-token: {other}\r\n"),
        ),
        ("a look-alike", format!("Txn_Token: {other}\r\n")),
        (
            "the legacy header",
            "X-Tenant: globex\r\nX_Tenant: globex\r\n".into(),
        ),
        (
            "baggage",
            "Baggage: a=1,tenant.id=globex\r\nBaggage: tenant.id=x\r\n".into(),
        ),
        (
            "baggage that is too long",
            format!("Baggage: tenant.id=globex,k={big}\r\n"),
        ),
        ("a long token", format!("Txn-Token: {big}\r\n")),
        (
            "bytes that are no text",
            "Txn-Token: \u{ff}\u{fe}\r\n".into(),
        ),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\nok");
        let address = hostile(answer).await;
        let response = client(&[address]).oneshot(call(address, &cx)).await;
        let response = response.unwrap();
        let left = format!("{:?}", response.headers()).to_ascii_lowercase();
        for ours in ["txn", "tenant", "globex"] {
            assert!(!left.contains(ours), "{what}: {left}");
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "ok", "{what}");
    }
}

#[tokio::test]
async fn trailers_named_like_our_fields_are_not_fields() {
    let cx = context("acme").await;
    let other = token("globex");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Txn-Token\r\n\r\n\
         2\r\nok\r\n0\r\nTxn-Token: {other}\r\nX-Theirs: 1\r\n\r\n"
    );
    let address = hostile(answer).await;
    let response = client(&[address])
        .oneshot(call(address, &cx))
        .await
        .unwrap();
    assert!(!response.headers().contains_key("txn-token"));
    let body = response.into_body().collect().await.unwrap();
    // A client that merges trailers into the fields would take it for one of ours.
    let trailers = body.trailers().unwrap();
    assert!(!trailers.contains_key("txn-token"));
    assert_eq!(trailers["x-theirs"], "1");
    assert_eq!(body.to_bytes(), "ok");

    // A service that hands such a body on does not hand on the trailer.
    let accept = builder().build().unwrap();
    let proxied = proxy(Some(accept), address).await;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: o\r\nTE: trailers\r\nConnection: close, te\r\n\
         Txn-Token: {}\r\n\r\n",
        token("acme")
    );
    let answer = raw(proxied, &request).await;
    assert!(answer.contains("ok\r\n"), "{answer}");
    assert!(!answer.contains(&other), "{answer}");
}

#[tokio::test]
async fn an_upstream_that_floods_one_call_harms_no_other() {
    let (acme, globex) = (context("acme").await, context("globex").await);
    let many: String = (0..200).map(|n| format!("f{n}: v\r\n")).collect();
    let endless = format!("Txn-Token: {}\r\n", "x".repeat(2_000_000));
    let good = Upstream::ok().await;
    for fields in [many, endless] {
        let address = hostile(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).await;
        let client = client(&[address, good.address]);
        let (flooded, served) = tokio::join!(
            client.clone().oneshot(call(address, &acme)),
            client.clone().oneshot(call(good.address, &globex)),
        );
        let error = flooded.unwrap_err();
        assert!(
            error.refused().is_none(),
            "it was sent, and the client failed: {error:?}"
        );
        assert_eq!(served.unwrap().status(), StatusCode::OK);
    }
    let token = Some(token_of(&globex).to_owned());
    assert_eq!(good.tokens(), [token.clone(), token]);
}

// ---- shared instances

// failure: A6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_client_never_mixes_two_tenants() {
    let echo = |request: Request<Body>| async move {
        let token = request.headers()["txn-token"].clone();
        let tenant = request.headers()["x-tenant"].to_str().unwrap().to_owned();
        let mut response = Response::new(Body::from(tenant));
        response.headers_mut().insert("x-echo", token);
        response
    };
    let address = listen(Router::new().fallback(any(echo))).await;
    let contexts = Arc::new([context("acme").await, context("globex").await]);
    // One client, shared by reference: there is nothing on it to set.
    let shared = Arc::new(tokio::sync::Mutex::new(client(&[address])));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (shared, contexts) = (Arc::clone(&shared), Arc::clone(&contexts));
        tasks.spawn(async move {
            let cx = &contexts[n % 2];
            let request = call(address, cx);
            tokio::task::yield_now().await;
            let mut client = shared.lock().await;
            poll_fn(|task| client.poll_ready(task)).await.unwrap();
            tokio::task::yield_now().await;
            let sent = client.call(request);
            drop(client);
            tokio::task::yield_now().await;
            let response = sent.await.unwrap();
            assert_eq!(response.headers()["x-echo"], token_of(cx));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, cx.tenant().as_str());
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

// failure: A8
#[tokio::test]
async fn one_instance_answers_each_tenant_with_its_own() {
    let upstream = Upstream::ok().await;
    let mut client = client(&[upstream.address]);
    let handler = Handler::default();
    let app = Stack::new(builder().build().unwrap()).bare(&handler);
    let mut app = app;
    let mut expected = Vec::new();
    for tenant in ["acme", "globex", "acme", "initech", "globex"] {
        let sent = request("/orders", &token(tenant), &[]).map(Body::from);
        app.ready().await.unwrap().call(sent).await.unwrap();
        assert_eq!(handler.last().tenant().as_deref(), Ok(tenant));
        let cx = TenantContext::of(&handler.last().extensions).unwrap();
        let sent = client
            .ready()
            .await
            .unwrap()
            .call(call(upstream.address, &cx));
        sent.await.unwrap();
        expected.push(Some(token(tenant)));
    }
    assert_eq!(upstream.tokens(), expected);
    // One without a context in between gets nobody's.
    let mut bare = call(upstream.address, &context("acme").await);
    bare.extensions_mut().clear();
    let answer = client.ready().await.unwrap().call(bare).await;
    assert_eq!(reason(answer), Reason::ContextMissing);
}

#[tokio::test]
async fn a_replaced_client_below_the_layer_is_the_one_that_is_called() {
    // `get_mut` is for tuning a client, and changes nothing about the context.
    let upstream = Upstream::ok().await;
    let cx = context("acme").await;
    let mut client = client(&[upstream.address]);
    *client.get_mut() = http_client();
    client
        .clone()
        .oneshot(call(upstream.address, &cx))
        .await
        .unwrap();
    let _: &Http = client.get_ref();
    let _: Http = client.into_inner();
    assert_eq!(upstream.tokens(), [Some(token_of(&cx).to_owned())]);
}
