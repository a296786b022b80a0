//! The key server fails as it says, and the key handle of a service takes it as it should.

use std::future::Future;
use std::time::Duration;

use throughline_core::Reason;
use throughline_jose::TrustDomain;
use throughline_jose::source::{KeySource, KeysErrorKind, KeysStatus, RefreshPolicy};
use throughline_testing::{KeyFault, KeyServer, TestDomain, TestKey};
use tokio::time::timeout;

use Reason::{KeyUnknown, KeysUnavailable, SignatureInvalid};

/// Beyond the time of a fetch.
const TOO_SLOW: Duration = Duration::from_secs(6);

/// A fault, and why an honest token is refused under it: where nothing was loaded before, and where
/// a good set was.
type Row = (KeyFault, Option<Reason>, Option<Reason>);

const TABLE: &[Row] = &[
    (
        KeyFault::DuplicateKids,
        Some(KeysUnavailable),
        Some(KeysUnavailable),
    ),
    (
        KeyFault::Empty,
        Some(KeysUnavailable),
        Some(KeysUnavailable),
    ),
    (KeyFault::Gone, Some(KeysUnavailable), None),
    (KeyFault::Half, Some(KeysUnavailable), None),
    (KeyFault::Html, Some(KeysUnavailable), None),
    (KeyFault::Huge, Some(KeysUnavailable), None),
    (
        KeyFault::PrivateKeys,
        Some(KeysUnavailable),
        Some(KeysUnavailable),
    ),
    (KeyFault::Redirect, Some(KeysUnavailable), None),
    (
        KeyFault::Shrinking,
        Some(KeysUnavailable),
        Some(KeysUnavailable),
    ),
    (KeyFault::Slow(Duration::from_secs(1)), None, None),
    (KeyFault::Slow(TOO_SLOW), Some(KeysUnavailable), None),
    (KeyFault::Stalled, Some(KeysUnavailable), None),
    (KeyFault::Status(404), Some(KeysUnavailable), None),
    (KeyFault::Status(500), Some(KeysUnavailable), None),
    (
        KeyFault::Stranger,
        Some(SignatureInvalid),
        Some(SignatureInvalid),
    ),
    (KeyFault::Unpublished, Some(KeyUnknown), Some(KeyUnknown)),
];

fn refused(domain: &TrustDomain, token: &str) -> Option<Reason> {
    let verified = domain.verify(token.as_bytes());
    verified.err().map(|refusal| refusal.reason())
}

/// Fails where nothing more can happen, instead of waiting for ever.
async fn soon<F: Future>(future: F) -> F::Output {
    let in_time = timeout(Duration::from_secs(600), future);
    in_time.await.expect("nothing happened for ten minutes")
}

/// What the table says, of services that `service` makes.
async fn check(row: Row, world: &TestDomain, service: impl Fn() -> TrustDomain) {
    let (fault, first, later) = row;
    let honest = world.token("acme");

    let cold = service();
    world.keys().fail(fault);
    let _ = cold.load().await;
    assert_eq!(refused(&cold, &honest), first, "{fault:?}, first load");
    world.keys().mend();
    cold.load().await.unwrap();
    assert_eq!(refused(&cold, &honest), None, "{fault:?}, mended");

    let warm = service();
    warm.load().await.unwrap();
    assert_eq!(refused(&warm, &honest), None, "{fault:?}, before");
    world.keys().fail(fault);
    let _ = warm.load().await;
    assert_eq!(
        refused(&warm, &honest),
        later,
        "{fault:?}, good set at hand"
    );
    world.keys().mend();
    warm.load().await.unwrap();
    assert_eq!(refused(&warm, &honest), None, "{fault:?}, after");
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_refused_with_its_reason_and_its_twin_passes() {
    for row in TABLE {
        let world = TestDomain::new();
        let service = || world.another_trust_domain(RefreshPolicy::new());
        soon(check(*row, &world, service)).await;
        assert_eq!(world.keys().fetches(), 5, "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_first_keys_no_longer_than_its_limit() {
    let world = TestDomain::new();
    let honest = world.token("acme");
    world.keys().fail(KeyFault::Stalled);
    let refused = soon(world.admit(&honest)).await.unwrap_err();
    assert_eq!(refused.reason(), KeysUnavailable);

    // The fetch that stalls is shared until its own limit, and the next one is honest.
    world.keys().mend();
    assert!(soon(world.load()).await.is_err());
    assert_eq!(world.keys().fetches(), 1);
    tokio::time::advance(Duration::from_secs(30)).await;
    soon(world.admit(&honest)).await.unwrap();
    assert_eq!(world.keys().fetches(), 2);

    // Slower than one request waits, and still in time for the next.
    let world = TestDomain::new();
    let honest = world.token("acme");
    world.keys().fail(KeyFault::Slow(Duration::from_secs(3)));
    let refused = soon(world.admit(&honest)).await.unwrap_err();
    assert_eq!(refused.reason(), KeysUnavailable);
    soon(world.admit(&honest)).await.unwrap();
    assert_eq!(world.keys().fetches(), 1);
}

#[tokio::test]
async fn a_shrinking_set_loses_its_newest_key_first() {
    let world = TestDomain::new();
    let service = world.trust_domain();
    let newest = TestKey::generate();
    world.publish_key(&newest).unwrap();
    let old = world.token("acme");
    world.sign_with(newest.kid()).unwrap();
    let new = world.token("acme");
    world.load().await.unwrap();
    assert_eq!(
        (refused(&service, &old), refused(&service, &new)),
        (None, None)
    );

    world.keys().fail(KeyFault::Shrinking);
    world.load().await.unwrap();
    assert_eq!(refused(&service, &old), None);
    assert_eq!(refused(&service, &new), Some(KeyUnknown));
    let error = world.load().await.unwrap_err();
    assert_eq!(error.kind(), KeysErrorKind::NoUsableKey);
    assert_eq!(refused(&service, &old), Some(KeysUnavailable));

    // It starts anew when it is set anew.
    world.keys().fail(KeyFault::Shrinking);
    world.load().await.unwrap();
    assert_eq!(refused(&service, &old), None);
}

#[tokio::test]
async fn who_publishes_is_believed_until_the_next_fetch() {
    let world = TestDomain::new();
    let service = world.trust_domain();
    let stranger = world.keys().stranger().clone().with_kid(world.key().kid());
    let forged = stranger.sign(&stranger.header(), &world.claims("acme"));
    world.load().await.unwrap();
    assert_eq!(refused(&service, &forged), Some(SignatureInvalid));
    world.keys().fail(KeyFault::Stranger);
    world.load().await.unwrap();
    assert_eq!(refused(&service, &forged), None);
    world.keys().mend();
    world.load().await.unwrap();
    assert_eq!(refused(&service, &forged), Some(SignatureInvalid));
}

#[tokio::test]
async fn a_published_secret_raises_an_alarm() {
    let server = KeyServer::new(TestKey::generate());
    let keys = KeySource::fetch(server.clone()).into_keys();
    keys.load().await.unwrap();
    assert_eq!(keys.metrics().alarms(), 0);
    server.fail(KeyFault::PrivateKeys);
    keys.load().await.unwrap_err();
    assert_eq!(keys.metrics().alarms(), 1);
    assert_eq!(keys.status(), KeysStatus::NoUsableKey);
}

#[tokio::test]
async fn fetches_are_counted_and_can_be_waited_for() {
    let server = KeyServer::new(TestKey::generate());
    let keys = KeySource::fetch(server.clone()).into_keys();
    assert_eq!(server.fetches(), 0);
    server.fail(KeyFault::Stalled);
    // A use starts the fetch in the background.
    assert_eq!(keys.status(), KeysStatus::NotLoaded);
    server.until_fetched(1).await;
    assert_eq!(server.fetches(), 1);
    let two = server.until_fetched(2);
    assert!(timeout(Duration::ZERO, two).await.is_err());
    assert_eq!(server.fault(), Some(KeyFault::Stalled));
}

#[cfg(feature = "network")]
mod over_http {
    use std::error::Error as _;

    use throughline::Freshness;
    use throughline_jose::source::{FetchError, FetchErrorKind, Keys};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    fn service(world: &TestDomain, url: &str) -> TrustDomain {
        let source = KeySource::url(url).unwrap();
        TrustDomain::new(TestDomain::NAME)
            .unwrap()
            .with_keys(source.for_issuer(TestDomain::ISSUER))
            .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)))
            .with_clock(world.clock().clone())
    }

    fn url(url: &str) -> Keys {
        KeySource::url(url).unwrap().into_keys()
    }

    async fn failure(keys: &Keys) -> FetchErrorKind {
        let error = keys.load().await.unwrap_err();
        let cause: &FetchError = error.source().unwrap().downcast_ref().unwrap();
        cause.kind()
    }

    #[tokio::test]
    async fn the_other_face_shows_the_same_faults() {
        // Those that take their time would take real time here.
        let takes_time = |fault| matches!(fault, KeyFault::Slow(_) | KeyFault::Stalled);
        let quick = TABLE.iter().filter(|row| !takes_time(row.0));
        let soon = (KeyFault::Slow(Duration::from_millis(5)), None, None);
        for row in quick.chain([&soon]) {
            let world = TestDomain::new();
            let listening = world.keys().listen().await.unwrap();
            check(*row, &world, || service(&world, listening.url())).await;
            assert_eq!(world.keys().fetches(), 5, "{row:?}");
            assert_eq!(listening.strayed(), 0, "{row:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_stalls_lasts_as_long_as_the_server() {
        let world = TestDomain::new();
        let listening = world.keys().listen().await.unwrap();
        let service = service(&world, listening.url());
        let honest = world.token("acme");
        service.load().await.unwrap();
        world.keys().fail(KeyFault::Stalled);
        let loading = tokio::spawn({
            let service = service.clone();
            async move { service.load().await }
        });
        world.keys().until_fetched(2).await;
        assert!(!loading.is_finished());
        assert_eq!(refused(&service, &honest), None, "good set at hand");
        drop(listening);
        assert!(loading.await.unwrap().is_err());
        assert_eq!(refused(&service, &honest), None);
    }

    #[tokio::test]
    async fn each_fault_of_the_way_is_told_apart() {
        let server = KeyServer::new(TestKey::generate());
        let listening = server.listen().await.unwrap();
        let keys = url(listening.url());
        keys.load().await.unwrap();
        for (fault, kind) in [
            (KeyFault::Gone, FetchErrorKind::Unreachable),
            (KeyFault::Half, FetchErrorKind::Unreachable),
            (KeyFault::Huge, FetchErrorKind::TooLarge),
            (KeyFault::Redirect, FetchErrorKind::Redirected),
            (KeyFault::Status(503), FetchErrorKind::Status),
        ] {
            server.fail(fault);
            assert_eq!(failure(&keys).await, kind, "{fault:?}");
            server.mend();
            keys.load().await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_follows_the_redirect_meets_a_stranger_and_is_noticed() {
        let server = KeyServer::new(TestKey::generate());
        let listening = server.listen().await.unwrap();
        server.fail(KeyFault::Redirect);
        assert_eq!(
            failure(&url(listening.url())).await,
            FetchErrorKind::Redirected
        );
        assert_eq!(listening.strayed(), 0);

        let address = listening.url().trim_start_matches("http://");
        let address = address.split('/').next().unwrap();
        let ask = async |path: &str| {
            let mut socket = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
            socket.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            socket.read_to_string(&mut text).await.unwrap();
            text
        };
        let redirect = ask("/jwks.json").await;
        let (_, target) = redirect.split_once("location: ").unwrap();
        let elsewhere = ask(target.lines().next().unwrap()).await;
        let x = server.stranger().public_jwk()["x"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(elsewhere.contains(&x), "{elsewhere}");
        assert_eq!(listening.strayed(), 1);
    }

    #[tokio::test]
    async fn a_server_that_is_dropped_refuses_connections() {
        let server = KeyServer::new(TestKey::generate());
        let listening = server.listen().await.unwrap();
        let keys = url(listening.url());
        keys.load().await.unwrap();
        drop(listening);
        // The task that listens ends at its next turn.
        tokio::task::yield_now().await;
        assert_eq!(failure(&keys).await, FetchErrorKind::Unreachable);
        assert_eq!(keys.status(), KeysStatus::Ready, "the keys at hand stay");
        assert_eq!(server.fetches(), 1);
    }

    #[tokio::test]
    async fn both_faces_share_the_count() {
        let world = TestDomain::new();
        let listening = world.keys().listen().await.unwrap();
        world.load().await.unwrap();
        url(listening.url()).load().await.unwrap();
        assert_eq!(world.keys().fetches(), 2);
    }
}
