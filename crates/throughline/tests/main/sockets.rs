//! The same layer behind hyper on a real socket, and bytes as they come over the wire.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use throughline::{Reason, Witness};
use throughline_core::Tenant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::kit::*;

/// Serves the handler over a loopback socket, as `axum::serve` does.
async fn serve() -> (SocketAddr, Handler) {
    let alias = |host: &str| Tenant::new(host.strip_suffix(".tenants.example")?).ok();
    let layer = builder()
        .add_witness(Witness::header("x-tenant").unwrap().optional())
        .add_witness(Witness::host().with_alias(alias))
        .build()
        .unwrap();
    let handler = Handler::default();
    let served = handler.clone();
    let router = Router::new()
        .route(
            "/orders",
            any(move |request: Request<Body>| served.run(request)),
        )
        .layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, handler)
}

// ---- HTTP/1.1, byte by byte

struct Connection(TcpStream);

struct Reply {
    status: u16,
    head: String,
    body: Value,
}

impl Reply {
    fn reason(&self) -> Option<Reason> {
        Reason::from_code(self.body["reason"].as_str()?)
    }
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends bytes as they are, and reads one response.
    async fn send(&mut self, bytes: &[u8]) -> Reply {
        self.0.write_all(bytes).await.unwrap();
        let reply = tokio::time::timeout(Duration::from_secs(10), self.read());
        reply.await.expect("no response came")
    }

    async fn read(&mut self) -> Reply {
        let mut received = Vec::new();
        let end = loop {
            let found = received.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = found {
                break end + 4;
            }
            let read = self.0.read_buf(&mut received).await.unwrap();
            assert_ne!(read, 0, "closed: {}", received.escape_ascii());
        };
        let head = String::from_utf8(received[..end].to_vec())
            .unwrap()
            .to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while received.len() < end + length {
            let read = self.0.read_buf(&mut received).await.unwrap();
            assert_ne!(read, 0, "closed in the body");
        }
        Reply {
            status: head.get(9..12).unwrap().parse().unwrap(),
            body: serde_json::from_slice(&received[end..]).unwrap_or_default(),
            head,
        }
    }

    /// Asserts that the next request on this connection is served.
    async fn assert_usable(&mut self, what: &str) {
        let reply = self.send(&get(&[])).await;
        assert_eq!(
            reply.status, 200,
            "{what}: the next request: {}",
            reply.head
        );
    }
}

/// A request of `acme` with further header lines.
fn get(lines: &[&[u8]]) -> Vec<u8> {
    let token = format!("txn-token: {}", token("acme"));
    with(&[&[b"host: acme.tenants.example", token.as_bytes()], lines].concat())
}

fn with(lines: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"GET /orders HTTP/1.1\r\n".to_vec();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

#[tokio::test]
async fn what_the_wire_can_say_twice_is_refused_and_the_connection_lives_on() {
    let (address, handler) = serve().await;
    let mut connection = Connection::open(address).await;
    let acme = format!("Txn-Token: {}", token("acme"));
    let globex = format!("TXN-TOKEN: {}", token("globex"));
    let spaced = format!("txn-token:  {} \t", token("acme"));
    let mut broken = acme.clone().into_bytes();
    broken[60] = 0xe9;
    let host: &[u8] = b"Host: acme.tenants.example";
    let ambiguous = Reason::ContextAmbiguous;
    let attacks: [(&str, Vec<u8>, Reason); 15] = [
        ("second token", get(&[globex.as_bytes()]), ambiguous),
        ("same token twice", get(&[acme.as_bytes()]), ambiguous),
        ("an empty second token", get(&[b"txn-token:"]), ambiguous),
        (
            "look-alike of the token",
            get(&[b"txn_token: x"]),
            ambiguous,
        ),
        (
            "look-alike of the witness",
            get(&[b"x-tenant: acme", b"x_tenant: globex"]),
            ambiguous,
        ),
        ("look-alike alone", get(&[b"X_TENANT: acme"]), ambiguous),
        (
            "witness twice",
            get(&[b"x-tenant: acme", b"X-Tenant: acme"]),
            ambiguous,
        ),
        (
            "joined witness",
            get(&[b"x-tenant: acme,globex"]),
            ambiguous,
        ),
        ("second host", get(&[host]), ambiguous),
        (
            "stripped token",
            get(&[b"Connection: Txn-Token"]),
            Reason::ContextStripped,
        ),
        (
            "stripped witness",
            get(&[b"Connection: close-x, X-TENANT"]),
            Reason::ContextStripped,
        ),
        (
            "obs-text in the witness",
            get(&[b"x-tenant: acm\xe9"]),
            Reason::ContextMalformed,
        ),
        (
            "obs-text in the token",
            with(&[host, &broken]),
            Reason::ContextMalformed,
        ),
        (
            "empty witness",
            get(&[b"x-tenant:"]),
            Reason::ContextMalformed,
        ),
        ("no token", with(&[host]), Reason::ContextMissing),
    ];
    connection.assert_usable("the first").await;
    let spaced = connection.send(&with(&[host, spaced.as_bytes()])).await;
    assert_eq!(
        spaced.status, 200,
        "blanks around a value are not part of it"
    );
    let mut runs = handler.runs();
    for (what, bytes, reason) in attacks {
        let reply = connection.send(&bytes).await;
        assert_eq!(
            reply.reason(),
            Some(reason),
            "{what}: {} {}",
            reply.head,
            reply.body
        );
        assert_eq!(handler.runs(), runs, "{what}: the handler ran");
        connection.assert_usable(what).await;
        runs += 1;
        assert_eq!(handler.runs(), runs, "{what}");
        assert_eq!(handler.last().headers.get("txn-token"), None, "{what}");
    }
}

#[tokio::test]
async fn what_hyper_refuses_does_not_reach_us() {
    let (address, handler) = serve().await;
    let hundred_and_one: Vec<String> = (0..101).map(|n| format!("x-{n}: y")).collect();
    let lines: Vec<&[u8]> = hundred_and_one.iter().map(String::as_bytes).collect();
    let huge = format!("x-huge: {}", "x".repeat(600 * 1024));
    for (what, bytes, status) in [
        ("101 fields", get(&lines), 431),
        ("600 KiB in one field", get(&[huge.as_bytes()]), 431),
        (
            "a blank before the colon",
            get(&[b"x-tenant : globex"]),
            400,
        ),
        ("a folded line", get(&[b"x-tenant: acme", b" globex"]), 400),
        ("a NUL", get(&[b"x-tenant: ac\0me"]), 400),
    ] {
        let mut connection = Connection::open(address).await;
        // The answer may come, and the connection close, before all of it is written.
        let _ = connection.0.write_all(&bytes).await;
        let mut received = Vec::new();
        let mut chunk = [0; 1024];
        while let Ok(read @ 1..) = connection.0.read(&mut chunk).await {
            received.extend_from_slice(&chunk[..read]);
            if received.windows(4).any(|four| four == b"\r\n\r\n") {
                break;
            }
        }
        let received = String::from_utf8_lossy(&received);
        assert!(
            received.starts_with(&format!("HTTP/1.1 {status}")),
            "{what}: {received}"
        );
        assert_eq!(handler.runs(), 0, "{what}");
    }
    let mut connection = Connection::open(address).await;
    connection.assert_usable("another connection").await;
}

#[tokio::test]
async fn a_trailer_is_no_field() {
    let (address, handler) = serve().await;
    let mut connection = Connection::open(address).await;
    let post = |token_line: &str, trailer: &str| {
        format!(
            "POST /orders HTTP/1.1\r\nhost: acme.tenants.example\r\n{token_line}\
             trailer: txn-token, x-tenant\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\nhi\r\n0\r\n{trailer}\r\n"
        )
    };
    let good = format!("txn-token: {}\r\n", token("acme"));
    let reply = connection.send(post("", &good).as_bytes()).await;
    assert_eq!(
        reply.reason(),
        Some(Reason::ContextMissing),
        "{}",
        reply.body
    );
    assert_eq!(handler.runs(), 0);

    let mut connection = Connection::open(address).await;
    let trailers = format!("txn-token: {}\r\nx-tenant: globex\r\n", token("globex"));
    let reply = connection.send(post(&good, &trailers).as_bytes()).await;
    assert_eq!(reply.status, 200, "{} {}", reply.head, reply.body);
    let seen = handler.last();
    assert_eq!(seen.tenant().as_deref(), Ok("acme"));
    assert_eq!(seen.body, "hi");
    for owned in ["txn-token", "x-tenant"] {
        assert_eq!(
            seen.headers.get(owned),
            None,
            "a trailer became the field `{owned}`"
        );
    }
}

#[tokio::test]
async fn a_refused_request_with_a_body_does_not_become_the_next_request() {
    let (address, handler) = serve().await;
    let mut connection = Connection::open(address).await;
    // The body is an honest request, for whoever loses count of its bytes.
    let smuggled = String::from_utf8(get(&[b"x-smuggled: 1"])).unwrap();
    let refused = format!(
        "POST /orders HTTP/1.1\r\nhost: acme.tenants.example\r\ncontent-length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    );
    let reply = connection.send(refused.as_bytes()).await;
    assert_eq!(
        reply.reason(),
        Some(Reason::ContextMissing),
        "{}",
        reply.body
    );
    connection.assert_usable("after a body").await;
    assert_eq!(handler.runs(), 1);
    assert_eq!(handler.last().headers.get("x-smuggled"), None);
}

#[tokio::test]
async fn the_target_and_the_host_field_must_name_one_host() {
    let (address, handler) = serve().await;
    let mut connection = Connection::open(address).await;
    let token = token("acme");
    for (target, host, reason) in [
        (
            "http://acme.tenants.example/orders",
            "acme.tenants.example",
            None,
        ),
        (
            "http://ACME.tenants.example:80/orders",
            "acme.tenants.example.",
            None,
        ),
        (
            "http://globex.tenants.example/orders",
            "acme.tenants.example",
            Some(Reason::ContextAmbiguous),
        ),
        (
            "http://acme.tenants.example/orders",
            "globex.tenants.example",
            Some(Reason::ContextAmbiguous),
        ),
        (
            "/orders",
            "globex.tenants.example",
            Some(Reason::TenantMismatch),
        ),
        (
            "/orders",
            "acme.tenants.example@globex",
            Some(Reason::ContextMalformed),
        ),
        ("/orders", "[::1]", Some(Reason::ContextMalformed)),
    ] {
        let before = handler.runs();
        let bytes = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\ntxn-token: {token}\r\n\r\n");
        let reply = connection.send(bytes.as_bytes()).await;
        assert_eq!(reply.reason(), reason, "{target} {host}: {}", reply.body);
        let runs = before + usize::from(reason.is_none());
        assert_eq!(handler.runs(), runs, "{target} {host}");
    }
    connection.assert_usable("after all").await;
}

// ---- HTTP/2

type H2 = SendRequest<http_body_util::combinators::BoxBody<Bytes, std::io::Error>>;

async fn h2(address: SocketAddr) -> H2 {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn h2_request(lines: &[Line<'_>]) -> Request<Bytes> {
    request("http://acme.tenants.example/orders", &token("acme"), lines)
}

async fn h2_send(sender: &mut H2, request: Request<Bytes>) -> (StatusCode, Option<Reason>) {
    let request = request.map(|body| Full::new(body).map_err(|never| match never {}).boxed());
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    (
        status,
        problem["reason"].as_str().and_then(Reason::from_code),
    )
}

#[tokio::test]
async fn one_stream_of_http2_is_refused_and_the_others_live_on() {
    let (address, handler) = serve().await;
    let mut sender = h2(address).await;
    let globex = token("globex");
    let ok = (StatusCode::OK, None);
    assert_eq!(h2_send(&mut sender, h2_request(&[])).await, ok);
    for (what, attack, reason) in [
        (
            "second token",
            h2_request(&[("txn-token", globex.as_bytes())]),
            Reason::ContextAmbiguous,
        ),
        (
            "look-alike",
            h2_request(&[("x_tenant", b"acme")]),
            Reason::ContextAmbiguous,
        ),
        (
            "another host field",
            h2_request(&[("host", b"globex.tenants.example")]),
            Reason::ContextAmbiguous,
        ),
        (
            "another authority",
            request("http://globex.tenants.example/orders", &token("acme"), &[]),
            Reason::TenantMismatch,
        ),
        (
            "obs-text",
            h2_request(&[("x-tenant", b"acm\xe9")]),
            Reason::ContextMalformed,
        ),
        (
            "no token",
            request("http://acme.tenants.example/orders", "", &[]),
            Reason::ContextMissing,
        ),
    ] {
        let before = handler.runs();
        let (_, found) = h2_send(&mut sender, attack).await;
        assert_eq!(found, Some(reason), "{what}");
        assert_eq!(handler.runs(), before, "{what}: the handler ran");
        assert_eq!(
            h2_send(&mut sender, h2_request(&[])).await,
            ok,
            "after {what}"
        );
    }
    let same = h2_request(&[("host", b"acme.tenants.example")]);
    assert_eq!(h2_send(&mut sender, same).await, ok);
}

#[tokio::test]
async fn a_header_list_that_is_too_large_costs_its_own_stream_only() {
    let (address, handler) = serve().await;
    let mut sender = h2(address).await;
    // A stream that is open the whole time: its body has not ended yet.
    let (mut feed, slow) = http_body_util::channel::Channel::<Bytes, std::io::Error>::new(1);
    let open = h2_request(&[]).map(|_| slow.boxed());
    let open = tokio::spawn(sender.send_request(open));

    let large = "x".repeat(20 * 1024);
    for (name, status, reason) in [
        ("x-large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, None),
        (
            "txn-token",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            None,
        ),
    ] {
        let attack = h2_request(&[(name, large.as_bytes())]);
        assert_eq!(
            h2_send(&mut sender, attack).await,
            (status, reason),
            "{name}"
        );
    }
    // Under hyper's limit and over ours.
    let over = request(
        "http://acme.tenants.example/orders",
        large.get(..9 * 1024).unwrap(),
        &[],
    );
    let expected = (
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Some(Reason::ContextOversized),
    );
    assert_eq!(h2_send(&mut sender, over).await, expected);
    assert_eq!(handler.runs(), 0);

    feed.send_data(Bytes::from_static(b"still here"))
        .await
        .unwrap();
    drop(feed);
    let response = open.await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(handler.last().body, "still here");
}

#[tokio::test]
async fn a_trailer_of_http2_is_no_field() {
    let (address, handler) = serve().await;
    let mut sender = h2(address).await;
    let mut trailers = HeaderMap::new();
    let good = HeaderValue::from_str(&token("acme")).unwrap();
    trailers.insert("txn-token", good);
    trailers.insert("x-tenant", HeaderValue::from_static("globex"));
    let mut send = async |token: &str| {
        let body = Frames::new().data("hi").trailers(trailers.clone());
        let sent = request("http://acme.tenants.example/orders", token, &[]);
        let response = sender
            .send_request(sent.map(|_| body.boxed()))
            .await
            .unwrap();
        response.status()
    };
    assert_eq!(
        send("").await,
        StatusCode::BAD_REQUEST,
        "the token came as a trailer only"
    );
    assert_eq!(handler.runs(), 0);
    assert_eq!(send(&token("acme")).await, StatusCode::OK);
    let seen = handler.last();
    assert_eq!(seen.headers.get("txn-token"), None);
    assert_eq!(seen.headers.get("x-tenant"), None);
    assert_eq!(seen.trailers, Some(trailers.clone()));
}

/// "Trailers-Only": some clients take a status in front of a body, even an empty one, for none.
#[tokio::test]
async fn a_refusal_of_grpc_ends_with_its_head_and_another_has_its_body() {
    let (address, handler) = serve().await;
    let mut sender = h2(address).await;
    for (method, content_type, is_grpc) in [
        (Method::POST, "application/grpc", true),
        (Method::POST, "application/grpc-web+proto", true),
        (Method::GET, "application/grpc", false),
        (Method::POST, "application/json", false),
    ] {
        let mut sent = request("http://acme.tenants.example/orders", "", &[]);
        *sent.method_mut() = method;
        add(&mut sent, "content-type", content_type.as_bytes());
        let sent = sent.map(|_| Frames::new().boxed());
        let response = sender.send_request(sent).await.unwrap();
        let (head, body) = response.into_parts();
        assert_eq!(head.headers.contains_key("grpc-status"), is_grpc);
        let ends = http_body::Body::is_end_stream(&body);
        assert_eq!(ends, is_grpc, "{content_type}");
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(bytes.is_empty(), is_grpc, "{content_type}");
    }
    assert_eq!(handler.runs(), 0);
}
