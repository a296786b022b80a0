//! The sender over sockets, against services that are honest and services that are not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use throughline_testing::run::network::Network;
use throughline_testing::run::{Answer, Failure, Outgoing, Sender as _};

/// A service that reads a request's head and says this, once for each connection; and the requests
/// that it read.
fn says(text: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let text = text.into();
    plays(move |mut stream| {
        let head = read_head(&mut stream)?;
        stream.write_all(&text).ok()?;
        Some(head)
    })
}

/// A service that does this with each connection.
fn plays(
    scene: impl Fn(TcpStream) -> Option<String> + Send + 'static,
) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (read, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(head) = scene(stream) {
                let _ = read.send(head);
            }
        }
    });
    (address, requests)
}

/// Everything until an empty line, and what comes with it.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).ok()?;
        head.extend(chunk.get(..count).filter(|bytes| !bytes.is_empty())?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

fn to(address: SocketAddr) -> Network {
    Network::new(&format!("http://{address}")).unwrap()
}

fn get(lines: &[(&str, &str)]) -> Outgoing {
    let mut request = Request::get("/t/acme/orders?a=b");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    Outgoing::new(request.body(Bytes::new()).unwrap())
}

async fn outcome(address: SocketAddr) -> Result<Answer, Failure> {
    let sender = to(address)
        .with_time_limit(Duration::from_millis(300))
        .with_max_body(1000);
    sender.send(get(&[])).await
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn what_is_given_is_what_is_sent() {
    let (address, requests) = says(OK);
    let mut outgoing = get(&[
        ("host", "globex.example"),
        ("x-tenant-id", "acme"),
        ("x_tenant_id", "globex"),
        ("x-tenant-id", "globex"),
        ("connection", "x-tenant-id"),
        ("x-empty", ""),
    ]);
    let odd = HeaderValue::from_bytes(b"acme\t\xff").unwrap();
    outgoing.request.headers_mut().append("x-odd", odd);
    let answer = to(address).send(outgoing).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.body(), "ok");
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("GET /t/acme/orders?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        "host: globex.example",
        "x-tenant-id: acme\r\nx-tenant-id: globex",
        "x_tenant_id: globex",
        "connection: x-tenant-id",
        "x-empty: ",
        "x-odd: acme\t",
    ] {
        assert!(
            request.contains(&format!("\r\n{line}")),
            "{line}: {request}"
        );
    }
    assert!(!request.contains("user-agent") && !request.contains(&address.to_string()));
}

#[tokio::test]
async fn a_name_may_be_elsewhere_than_it_resolves_to() {
    let (address, requests) = says(OK);
    let sender = Network::new("http://acme.orders.invalid:81").unwrap();
    let sender = sender.with_address(address);
    assert_eq!(sender.send(get(&[])).await.unwrap().body(), "ok");
    let request = requests.recv().unwrap();
    assert!(
        request.contains("host: acme.orders.invalid:81\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn trailers_are_sent_and_received() {
    let (address, requests) = says(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: 1\r\nx-a: 2\r\n\r\n\
         2\r\nok\r\n0\r\ngrpc-status: 7\r\n\r\n",
    );
    let mut outgoing = get(&[]);
    let tenant = HeaderValue::from_static("globex");
    outgoing.trailers.insert("x-tenant-id", tenant);
    let answer = to(address).send(outgoing).await.unwrap();
    let lines: Vec<_> = answer.headers().get_all("x-a").iter().collect();
    assert_eq!(lines, ["1", "2"]);
    assert_eq!(answer.body(), "ok");
    assert_eq!(answer.grpc_status(), Some(7));
    let request = requests.recv().unwrap();
    assert!(
        request.contains("\r\ntrailer: x-tenant-id\r\n"),
        "{request}"
    );
    assert!(
        request.ends_with("0\r\nx-tenant-id: globex\r\n\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (address, requests) =
        says("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
    let answer = outcome(address).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(requests.iter().take(1).count(), 1);
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn what_goes_wrong_has_a_name() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let failure = outcome(closed).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");

    let (hangs, _requests) = plays(|mut stream| {
        let head = read_head(&mut stream);
        let _ = stream.read_to_end(&mut Vec::new());
        head
    });
    assert_eq!(outcome(hangs).await.unwrap_err(), Failure::Hung);

    let (garbage, _requests) = says("220 mail.example ESMTP\r\n\r\n");
    let failure = outcome(garbage).await.unwrap_err();
    assert!(matches!(failure, Failure::Garbage(_)), "{failure:?}");

    for (text, expected) in [
        (String::new(), Failure::Closed),
        (OK.replace(": 2", ": 3"), Failure::Closed),
        ("HTTP/1.1 200 OK\r\nx-a".into(), Failure::Closed),
        (
            format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1001)),
            Failure::Endless,
        ),
        (
            format!("HTTP/1.1 200 OK\r\nx-a: {}\r\n\r\n", "x".repeat(600_000)),
            Failure::OversizedHeader,
        ),
    ] {
        let (address, _requests) = says(text.clone());
        let failure = outcome(address).await.unwrap_err();
        assert_eq!(failure, expected, "{}", text.len());
    }
}

#[tokio::test]
async fn an_answer_without_end_ends() {
    let (trickles, _requests) = plays(|mut stream| {
        let head = read_head(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        // Until the other side has enough of it.
        let _ = stream.read_to_end(&mut Vec::new());
        Some(head)
    });
    assert_eq!(outcome(trickles).await.unwrap_err(), Failure::Endless);

    for endless in ["x", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let (address, _requests) = plays(move |mut stream| {
            let head = read_head(&mut stream)?;
            if endless == "x" {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
            }
            while stream.write_all(endless.as_bytes()).is_ok() {}
            Some(head)
        });
        let failure = outcome(address).await.unwrap_err();
        assert!(matches!(failure, Failure::Endless | Failure::Hung));
    }
}

#[tokio::test]
async fn a_connection_is_kept_and_one_that_was_closed_meanwhile_is_no_failure() {
    // Twice on one connection, which is closed then without a word.
    let (address, connections) = plays(|mut stream| {
        let mut heads = String::new();
        for _ in 0..2 {
            heads += &read_head(&mut stream)?;
            stream.write_all(OK.as_bytes()).ok()?;
        }
        Some(heads)
    });
    let sender = to(address);
    for _ in 0..4 {
        assert_eq!(sender.send(get(&[])).await.unwrap().body(), "ok");
    }
    for _ in 0..2 {
        assert_eq!(connections.recv().unwrap().matches("GET").count(), 2);
    }
}

/// A service in HTTP/1.1 and HTTP/2 that answers what it was asked.
async fn echo() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| async move {
                    let mut text = format!("{:?} {}\n", request.version(), request.uri());
                    for (name, value) in request.headers() {
                        text += &format!("{name}: {}\n", value.to_str().unwrap());
                    }
                    let body = request.into_body().collect().await?;
                    text += &format!("behind: {:?}\n", body.trailers());
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", HeaderValue::from_static("16"));
                    let body = Full::new(Bytes::from(text));
                    Ok::<_, hyper::Error>(Response::new(
                        body.with_trailers(async move { Some(Ok(trailers)) }),
                    ))
                });
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

#[tokio::test]
async fn http2_says_the_same_with_its_one_host() {
    let sender = to(echo().await).with_http2().unwrap();
    let mut outgoing = get(&[
        ("host", "globex.example"),
        ("te", "trailers"),
        ("x-tenant-id", "acme"),
        ("x-tenant-id", "globex"),
    ]);
    let tenant = HeaderValue::from_static("globex");
    outgoing.trailers.insert("x-behind", tenant);
    for _ in 0..2 {
        let answer = sender.send(outgoing.clone()).await.unwrap();
        let text = std::str::from_utf8(answer.body()).unwrap();
        assert!(
            text.starts_with("HTTP/2.0 http://globex.example/t/acme/orders?a=b\n"),
            "{text}"
        );
        for line in [
            "te: trailers",
            "x-tenant-id: acme\nx-tenant-id: globex",
            r#"behind: Some({"x-behind": "globex"})"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert_eq!(answer.grpc_status(), Some(16));
    }

    // HTTP/1.1 can say it, HTTP/2 would drop it in silence.
    let outgoing = get(&[("connection", "x-tenant-id"), ("x-tenant-id", "acme")]);
    let failure = sender.send(outgoing).await.unwrap_err();
    assert!(failure.is_unsent(), "{failure:?}");
}
