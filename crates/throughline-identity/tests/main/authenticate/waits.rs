//! Waits: for a token service, for a key. Nothing passes meanwhile, and who waits is called on the
//! instance that was ready.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use throughline::Reason;
use throughline_jose::KeySource;
use throughline_jose::source::{FetchError, FetchErrorKind, FetchLimits, Fetched};
use tower::{Layer as _, Service, ServiceExt as _};

use super::{Handler, How, Mint, NAME, bearer, edge, fronts, get, issuers, send, signed, usual};
use crate::issuers::{claims, issuer};
use crate::kit::{Key, NOW, jwks, now, one, set};

#[tokio::test]
async fn a_token_service_elsewhere_is_waited_for() {
    let (mint, handler) = (Mint::new(How::Later), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        let request = get("/t/acme/orders", &[("authorization", &bearer("acme"))]);
        send(&app, request).await.assert_served(front);
        assert_eq!(
            handler.last().principal(),
            Ok("one/acme/ada".into()),
            "{front}"
        );
        assert!(
            !handler.last().headers.contains_key("authorization"),
            "{front}"
        );
        let other = get("/t/globex/orders", &[("authorization", &bearer("acme"))]);
        send(&app, other)
            .await
            .assert_refused(Reason::TenantMismatch, front);
    }
    assert_eq!(mint.minted(), 2);
}

#[tokio::test]
async fn a_token_service_that_is_down_is_503() {
    let (mint, handler) = (Mint::new(How::Down), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        let request = get("/t/acme/orders", &[("authorization", &bearer("acme"))]);
        let answer = send(&app, request).await;
        answer.assert_refused(Reason::ExchangeUnavailable, front);
        assert_eq!(answer.status, 503);
        send(&app, get("/health", &[])).await.assert_served(front);
    }
    assert_eq!(handler.runs(), 2);
}

/// A document that the test changes, and how often it was fetched.
#[derive(Clone)]
struct Published {
    document: Arc<Mutex<Option<String>>>,
    fetched: Arc<AtomicUsize>,
}

impl Published {
    fn new(document: Option<String>) -> Self {
        Self {
            document: Arc::new(Mutex::new(document)),
            fetched: Arc::default(),
        }
    }

    fn source(&self) -> KeySource {
        let this = self.clone();
        KeySource::fetch(move |_: FetchLimits| {
            this.fetched.fetch_add(1, Ordering::SeqCst);
            let document = this.document.lock().unwrap().clone();
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let down = || FetchError::from(FetchErrorKind::Unreachable);
                document.map(Fetched::new).ok_or_else(down)
            }
        })
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_new_is_fetched_once_for_all_who_wait() {
    let [old, new] = [Key::ed(0), Key::ed(1).with_kid("key-2023-12")];
    let published = Published::new(Some(jwks(&[&old])));
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let issuers = one(issuer("one", NAME).with_keys(published.source()));
    let [(_, app), (_, bare)] = fronts(&edge(issuers, &mint).build().unwrap(), &handler);
    let as_bearer = |key: &Key| format!("Bearer {}", key.sign_access(&claims(NAME, "acme")));
    // The first request waits for the first set.
    let by_old = as_bearer(&old);
    send(&app, get("/orders", &[("authorization", &by_old)]))
        .await
        .assert_served("first");
    assert_eq!(published.fetched(), 1);

    *published.document.lock().unwrap() = Some(jwks(&[&old, &new]));
    // Within the cool-down nobody asks again, and what is known goes on.
    let by_new = as_bearer(&new);
    let early = send(&app, get("/orders", &[("authorization", &by_new)])).await;
    early.assert_refused(Reason::KeyUnknown, "within the cool-down");
    send(&bare, get("/orders", &[("authorization", &by_old)]))
        .await
        .assert_served("known");
    assert_eq!(published.fetched(), 1);

    tokio::time::advance(Duration::from_secs(31)).await;
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let (app, credential) = (app.clone(), by_new.clone());
            tokio::spawn(async move {
                send(&app, get("/orders", &[("authorization", &credential)])).await
            })
        })
        .collect();
    for answer in waiting {
        answer.await.unwrap().assert_served("after one fetch");
    }
    assert_eq!(published.fetched(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_503_and_its_keys_are_not_lost() {
    let key = Key::ed(0);
    let published = Published::new(None);
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let issuers = one(issuer("one", NAME).with_keys(published.source()));
    let [(_, app), (_, bare)] = fronts(&edge(issuers, &mint).build().unwrap(), &handler);
    let credential = format!("Bearer {}", key.sign_access(&claims(NAME, "acme")));
    let request = || get("/t/acme/orders", &[("authorization", &credential)]);
    for app in [&app, &bare] {
        let answer = send(app, request()).await;
        answer.assert_refused(Reason::KeysUnavailable, "down");
        assert_eq!(answer.status, 503);
    }
    assert_eq!((handler.runs(), mint.minted()), (0, 0));
    *published.document.lock().unwrap() = Some(jwks(&[&key]));
    tokio::time::advance(Duration::from_secs(31)).await;
    send(&app, request()).await.assert_served("up");
    *published.document.lock().unwrap() = None;
    tokio::time::advance(Duration::from_secs(600)).await;
    for _ in 0..3 {
        send(&bare, request())
            .await
            .assert_served("down again, keys at hand");
    }
}

/// A service that says which instance was polled ready, and which was called.
#[derive(Debug)]
struct Counted {
    instance: usize,
    ready: bool,
    called: Arc<Mutex<Vec<(usize, bool)>>>,
    clones: Arc<AtomicUsize>,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self {
            instance: self.clones.fetch_add(1, Ordering::SeqCst) + 1,
            ready: false,
            called: Arc::clone(&self.called),
            clones: Arc::clone(&self.clones),
        }
    }
}

impl Service<Request<Body>> for Counted {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        self.called
            .lock()
            .unwrap()
            .push((self.instance, self.ready));
        self.ready = false;
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

#[tokio::test]
async fn the_instance_that_was_ready_is_the_one_that_is_called() {
    for how in [How::AtOnce, How::Later] {
        let mint = Mint::new(how);
        let called: Arc<Mutex<Vec<(usize, bool)>>> = Arc::default();
        let counted = Counted {
            instance: 0,
            ready: false,
            called: Arc::clone(&called),
            clones: Arc::default(),
        };
        let mut service = edge(issuers(), &mint).build().unwrap().layer(counted);
        for _ in 0..3 {
            let request = get("/orders", &[("authorization", &bearer("acme"))]);
            let response = service.ready().await.unwrap().call(request).await.unwrap();
            assert!(response.status().is_success());
        }
        let called = called.lock().unwrap().clone();
        assert_eq!(called.len(), 3);
        assert!(called.iter().all(|(_, ready)| *ready), "{called:?}");
    }
}

#[tokio::test]
async fn a_credential_that_nobody_behind_would_believe_is_refused_so_that_its_client_renews() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    // The domain of these tests believes what is an hour old.
    let old = one(issuer("one", NAME)
        .with_keys(set(&[&Key::ed(0)]))
        .with_max_lifetime(Duration::from_secs(3 * 3600)));
    let aged = |age: u64| {
        let mut claims = claims(NAME, "acme");
        claims["iat"] = (NOW - age).into();
        claims["exp"] = (NOW + 600).into();
        format!("Bearer {}", signed(&claims))
    };
    for (front, app) in fronts(&edge(old, &mint).build().unwrap(), &handler) {
        let sent = async |age| send(&app, get("/orders", &[("authorization", &aged(age))])).await;
        sent(3600).await.assert_served(front);
        sent(3601)
            .await
            .assert_refused(Reason::ContextExpired, front);
    }
}

#[tokio::test]
async fn a_context_ends_with_the_credential_it_was_made_from() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let skew = 30;
    // A context of these tests lives for five minutes where nothing ends before.
    for (left, lives) in [(3_600, 300), (100, 100 + skew), (1 - skew, 1)] {
        let mut claims = claims(NAME, "acme");
        claims["iat"] = (NOW - 100).into();
        claims["exp"] = (NOW as i64 + left).into();
        let bearer = format!("Bearer {}", signed(&claims));
        for (front, app) in usual(&mint, &handler) {
            let request = get("/orders", &[("authorization", &bearer)]);
            send(&app, request).await.assert_served(front);
            let seen = handler.last();
            let ends = seen.context().unwrap().lifetime().expires_at;
            assert_eq!(ends.as_unix() as i64, NOW as i64 + lives, "{front}");
        }
    }
}

/// A request is refused for want of keys, and they arrive before anybody asks whether to wait.
#[tokio::test(start_paused = true)]
async fn keys_that_come_between_a_refusal_and_the_wait_are_looked_at() {
    let issuers = one(issuer("one", NAME).with_keys(set(&[&Key::ed(0)])));
    let unavailable = Reason::KeysUnavailable.into();
    let token = signed(&claims(NAME, "acme"));
    let wait = issuers.keys_wait(token.as_bytes(), &unavailable);
    wait.expect("they are there now").await;
    assert!(issuers.verify(token.as_bytes(), now()).is_ok());
    // So is one key of a set that had others.
    let unknown = Reason::KeyUnknown.into();
    let wait = issuers.keys_wait(token.as_bytes(), &unknown);
    wait.expect("it is there now").await;
    let other = Key::ed(0)
        .with_kid("never")
        .sign_access(&claims(NAME, "acme"));
    assert!(issuers.keys_wait(other.as_bytes(), &unknown).is_none());
    // What no key can mend is worth no wait.
    let invalid = Reason::SignatureInvalid.into();
    assert!(issuers.keys_wait(token.as_bytes(), &invalid).is_none());
}
