use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tower_service::Service;

use super::reach::Resolver;
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_internet_is_neither_this_machine_nor_a_network_around_it() {
    for public in [
        "1.1.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "64:ff9b::101:101",
        "::ffff:1.1.1.1",
    ] {
        assert!(Reach::Internet.admits(ip(public)), "{public}");
        assert!(Reach::Network.admits(ip(public)), "{public}");
        assert!(!Reach::Loopback.admits(ip(public)), "{public}");
    }
    for private in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "fd12:3456::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
    ] {
        assert!(!Reach::Internet.admits(ip(private)), "{private}");
        assert!(Reach::Network.admits(ip(private)), "{private}");
        assert!(!Reach::Loopback.admits(ip(private)), "{private}");
    }
    for loopback in ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"] {
        assert!(!Reach::Internet.admits(ip(loopback)), "{loopback}");
        assert!(!Reach::Network.admits(ip(loopback)), "{loopback}");
        assert!(Reach::Loopback.admits(ip(loopback)), "{loopback}");
    }
    for special in [
        "0.0.0.0",
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::7f00:1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "2001:0:1::1",
        "2001:db8::1",
        "64:ff9b:1::1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::ffff:169.254.169.254",
    ] {
        for reach in [Reach::Internet, Reach::Network, Reach::Loopback] {
            assert!(!reach.admits(ip(special)), "{special}");
        }
        assert!(Reach::Anywhere.admits(ip(special)), "{special}");
    }
}

#[test]
fn a_host_that_is_out_of_reach_by_itself_is_refused_when_the_endpoint_is_made() {
    for host in [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "[fe80::1]",
    ] {
        for reach in [Reach::Internet, Reach::Network] {
            let error = Endpoint::new(&format!("https://{host}/"), reach).unwrap_err();
            assert_eq!(error.kind(), UrlErrorKind::OutOfReach, "{host}");
        }
    }
    let private = "https://10.0.0.7/";
    assert!(Endpoint::new(private, Reach::Network).is_ok());
    assert!(Endpoint::new(private, Reach::Internet).is_err());
    assert!(Endpoint::new("https://id.example/", Reach::Internet).is_ok());
    // Plain text stays on this machine.
    assert!(Endpoint::new("http://127.0.0.1/", Reach::Loopback).is_ok());
    for reach in [Reach::Anywhere, Reach::Internet, Reach::Network] {
        let error = Endpoint::new("http://id.example/", reach).unwrap_err();
        assert_eq!(error.kind(), UrlErrorKind::PlainHttp);
    }
    let error = Endpoint::new("http://id.example/", Reach::Loopback).unwrap_err();
    assert_eq!(error.kind(), UrlErrorKind::OutOfReach);
}

#[test]
fn an_origin_has_one_spelling() {
    let origin = |url: &str| Origin::parse(url).unwrap();
    let id = origin("https://id.example");
    for same in [
        "https://id.example/",
        "https://ID.example:443/keys?a=b",
        "HTTPS://id.example/..",
    ] {
        assert_eq!(origin(same), id, "{same}");
    }
    for other in [
        "http://id.example",
        "https://id.example:8443",
        "https://id.example.",
        "https://a.id.example",
        "https://id.example.evil.test",
    ] {
        assert_ne!(origin(other), id, "{other}");
    }
    assert_eq!(id.to_string(), "https://id.example");
    for none in [
        "https://id.example:/",
        "https://id.example:99999/",
        "https://u@id.example",
    ] {
        assert!(Origin::parse(none).is_err(), "{none}");
    }
}

#[test]
fn what_is_asked_beside_an_endpoint_is_asked_in_the_same_way() {
    let endpoint = Endpoint::new("https://id.example/document", Reach::Internet).unwrap();
    assert!(endpoint.beside("https://keys.example/set").is_ok());
    for (url, kind) in [
        ("http://keys.example/set", UrlErrorKind::Scheme),
        ("https://127.0.0.1/set", UrlErrorKind::OutOfReach),
        ("https://10.0.0.1/set", UrlErrorKind::OutOfReach),
        ("https://id.example@evil.test/set", UrlErrorKind::UserInfo),
        ("/set", UrlErrorKind::Invalid),
    ] {
        assert_eq!(endpoint.beside(url).unwrap_err().kind(), kind, "{url}");
    }
}

/// Names that lead to another address each time.
#[derive(Clone)]
struct Rebinding {
    answers: Arc<Vec<Vec<SocketAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Service<Name> for Rebinding {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(self.answers[turn].clone().into_iter()))
    }
}

// CVE-2026-32301 Centrifugo: the second resolution leads to loopback.
#[tokio::test]
async fn a_name_that_leads_to_this_machine_the_second_time_gives_no_connection() {
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = canary.local_addr().unwrap();
    let metadata = SocketAddr::from(([169, 254, 169, 254], 80));
    let names = |answers: Vec<Vec<SocketAddr>>| Rebinding {
        answers: Arc::new(answers),
        asked: Arc::default(),
    };
    let uri: Uri = format!("http://id.example:{}/", here.port())
        .parse()
        .unwrap();
    let hostile = names(vec![vec![here], vec![here, metadata]]);
    for _ in 0..2 {
        let resolver = Resolver::over(hostile.clone(), Reach::Internet);
        let mut connector = HttpConnector::new_with_resolver(resolver);
        assert!(connector.call(uri.clone()).await.is_err());
    }
    assert_eq!(hostile.asked.load(Ordering::SeqCst), 2);

    // The same connector, where this machine is what is meant: the one connection that came.
    let resolver = Resolver::over(names(vec![vec![metadata, here]]), Reach::Loopback);
    let mut connector = HttpConnector::new_with_resolver(resolver);
    let connection = connector.call(uri).await.unwrap();
    let (_, peer) = canary.accept().await.unwrap();
    drop(connection);
    let waiting = tokio::select! {
        biased;
        again = canary.accept() => again.is_ok(),
        () = tokio::task::yield_now() => false,
    };
    assert!(peer.ip().is_loopback() && !waiting);
}

// CVE-2026-32301 Centrifugo: an address that looks like a name until it is resolved.
#[tokio::test]
async fn a_name_that_the_system_reads_as_this_machine_gives_no_connection() {
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    for host in ["127.1", "2130706433", "0x7f000001"] {
        let url = format!("http://{host}:{port}/");
        for reach in [Reach::Internet, Reach::Network] {
            let endpoint = Endpoint::danger_plain_http(&url, reach).unwrap();
            let error = tokio::select! {
                answer = endpoint.get("*/*", 1024) => answer.unwrap_err(),
                _ = canary.accept() => panic!("`{host}` led here"),
            };
            assert_eq!(error.kind(), AskErrorKind::Unreachable);
        }
    }
    // The twin is the first who comes through.
    let url = format!("http://127.1:{port}/twin");
    let endpoint = Endpoint::danger_plain_http(&url, Reach::Anywhere).unwrap();
    let asking = tokio::spawn(async move { endpoint.get("*/*", 1024).await });
    let (mut socket, _) = canary.accept().await.unwrap();
    let mut start = [0; 9];
    socket.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"GET /twin");
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    socket.write_all(answer).await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap().body(), "ok");
}

#[test]
fn an_address_is_named_without_its_query() {
    let endpoint = Endpoint::new("https://a.example/keys?token=secret", Reach::Anywhere);
    assert_eq!(endpoint.unwrap().name(), "https://a.example/keys");
}
