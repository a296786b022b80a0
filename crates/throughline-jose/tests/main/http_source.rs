//! A key set over HTTP, from a socket on this machine.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use throughline_jose::AdmissionPolicy;
use throughline_jose::source::{
    FetchError, FetchErrorKind, KeySource, Keys, KeysError, KeysErrorKind, KeysStatus,
    RefreshPolicy, UrlErrorKind,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::key_refresh::{A, set_of};

/// What the server does once it has read a request.
#[derive(Clone)]
enum Answer {
    Close,
    Silence,
    Write(String),
    /// Without an end, as long as somebody reads.
    Forever,
}

struct Server {
    address: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let read = socket.read(&mut request).await.unwrap();
                assert!(request[..read].starts_with(b"GET /jwks.json HTTP/1.1\r\n"));
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move {
                    match answer {
                        Answer::Close => {}
                        Answer::Silence => std::future::pending().await,
                        Answer::Write(text) => socket.write_all(text.as_bytes()).await.unwrap(),
                        Answer::Forever => {
                            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                            let _ = socket.write_all(head.as_bytes()).await;
                            while socket.write_all(&[b' '; 4096]).await.is_ok() {}
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    fn keys(&self) -> Keys {
        KeySource::url(&self.address).unwrap().into_keys()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Answer {
    let len = body.len();
    Answer::Write(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {len}\r\n\r\n{body}"
    ))
}

fn fetch_error(error: &KeysError) -> FetchErrorKind {
    assert_eq!(error.kind(), KeysErrorKind::Fetch);
    let cause: &FetchError = error.source().unwrap().downcast_ref().unwrap();
    cause.kind()
}

#[tokio::test]
async fn a_document_is_fetched_and_read() {
    // Providers send several content types, so none is asked for.
    for header in [
        "",
        "content-type: application/json\r\n",
        "content-type: text/plain\r\n",
    ] {
        let server = Server::start(answer("200 OK", header, &set_of(&[A]))).await;
        let keys = server.keys();
        keys.load().await.unwrap();
        assert_eq!(keys.status(), KeysStatus::Ready);
        assert!(keys.current().set().find(Some("a")).is_some());
        // A second fetch opens a connection of its own.
        keys.load().await.unwrap();
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::start(answer("200 OK", "", &set_of(&[A]))).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let location = format!("location: {}\r\n", target.address);
        let server = Server::start(answer(status, &location, &set_of(&[A]))).await;
        let keys = server.keys();
        let error = keys.load().await.unwrap_err();
        assert_eq!(fetch_error(&error), FetchErrorKind::Redirected, "{status}");
        assert_eq!(keys.status(), KeysStatus::NotLoaded);
    }
    assert_eq!(target.requests(), 0);
}

#[tokio::test]
async fn another_status_than_200_is_a_failed_fetch() {
    for status in [
        "201 Created",
        "204 No Content",
        "404 Not Found",
        "500 Oops",
        "503 Down",
    ] {
        let server = Server::start(answer(status, "", &set_of(&[A]))).await;
        let error = server.keys().load().await.unwrap_err();
        assert_eq!(fetch_error(&error), FetchErrorKind::Status, "{status}");
    }
}

#[tokio::test]
async fn an_error_page_is_no_key_set() {
    for header in [
        "content-type: text/html\r\n",
        "content-type: application/json\r\n",
    ] {
        let server = Server::start(answer("200 OK", header, "<html>maintenance</html>")).await;
        let error = server.keys().load().await.unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::KeySet);
    }
}

#[tokio::test]
async fn a_document_is_read_up_to_its_limit_and_no_further() {
    let text = set_of(&[A]);
    let server = Server::start(answer("200 OK", "", &text)).await;
    for (cap, ready) in [(text.len(), true), (text.len() - 1, false)] {
        let keys = KeySource::url(&server.address)
            .unwrap()
            .with_policy(AdmissionPolicy::new().with_max_document_bytes(cap))
            .into_keys();
        let loaded = keys.load().await;
        assert_eq!(loaded.is_ok(), ready);
        if let Err(error) = loaded {
            assert_eq!(fetch_error(&error), FetchErrorKind::TooLarge);
        }
    }
    let endless = Server::start(Answer::Forever).await;
    let error = endless.keys().load().await.unwrap_err();
    assert_eq!(fetch_error(&error), FetchErrorKind::TooLarge);
}

#[tokio::test]
async fn a_server_that_keeps_silent_costs_the_time_limit() {
    let start = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    let refresh = RefreshPolicy::new().with_fetch_limit(Duration::from_millis(200));
    for answer in [
        Answer::Silence,
        Answer::Write(format!("{start}{}", " ".repeat(9))),
    ] {
        let silent = matches!(answer, Answer::Silence);
        let server = Server::start(answer).await;
        let keys = KeySource::url(&server.address)
            .unwrap()
            .with_refresh(refresh.clone())
            .into_keys();
        let error = keys.load().await.unwrap_err();
        // The second one closes the connection after a tenth of what it promised.
        let expected = if silent {
            FetchErrorKind::TimedOut
        } else {
            FetchErrorKind::Unreachable
        };
        assert_eq!(fetch_error(&error), expected);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_failed_fetch() {
    let server = Server::start(Answer::Close).await;
    let error = server.keys().load().await.unwrap_err();
    assert_eq!(fetch_error(&error), FetchErrorKind::Unreachable);

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let keys = KeySource::url(&address).unwrap().into_keys();
    assert_eq!(
        fetch_error(&keys.load().await.unwrap_err()),
        FetchErrorKind::Unreachable
    );
    assert_eq!(keys.status(), KeysStatus::NotLoaded);
}

#[test]
fn an_address_is_checked_when_it_is_given() {
    for url in [
        "http://localhost/jwks.json",
        "http://localhost:8080/jwks.json",
        "http://127.0.0.1/",
        "http://127.1.2.3:1/",
        "http://[::1]:8080/",
    ] {
        assert!(KeySource::url(url).is_ok(), "{url}");
    }
    for (url, kind) in [
        ("http://tokens.internal/jwks.json", UrlErrorKind::PlainHttp),
        ("http://localhost.example/", UrlErrorKind::PlainHttp),
        ("http://127.0.0.1.example/", UrlErrorKind::PlainHttp),
        ("http://128.0.0.1/", UrlErrorKind::PlainHttp),
        ("http://169.254.169.254/", UrlErrorKind::PlainHttp),
        ("http://[::2]/", UrlErrorKind::PlainHttp),
        ("http://2130706433/", UrlErrorKind::PlainHttp),
        ("https://user@tokens.internal/", UrlErrorKind::UserInfo),
        ("https://user:word@tokens.internal/", UrlErrorKind::UserInfo),
        ("http://localhost@tokens.internal/", UrlErrorKind::UserInfo),
        (
            "https://tokens.internal/jwks.json#a",
            UrlErrorKind::Fragment,
        ),
        ("https://tokens.internal/#", UrlErrorKind::Fragment),
        ("ftp://localhost/jwks.json", UrlErrorKind::Scheme),
        ("file:///etc/jwks.json", UrlErrorKind::Invalid),
        ("/jwks.json", UrlErrorKind::Invalid),
        ("tokens.internal", UrlErrorKind::Invalid),
        ("https:///jwks.json", UrlErrorKind::Invalid),
        ("https://", UrlErrorKind::Invalid),
        ("", UrlErrorKind::Invalid),
        ("https://tokens internal/", UrlErrorKind::Invalid),
    ] {
        assert_eq!(KeySource::url(url).unwrap_err().kind(), kind, "{url}");
    }
    // Said out loud, plain text may go to other machines; the rest still holds.
    assert!(KeySource::danger_plain_http_url("http://tokens.internal/jwks.json").is_ok());
    let refused = KeySource::danger_plain_http_url("http://user@tokens.internal/").unwrap_err();
    assert_eq!(refused.kind(), UrlErrorKind::UserInfo);
}
