//! Work beside and behind a request: with a helper it keeps its context, without one it has none.

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use throughline::scope::{NoScopeError, current};
use throughline::{AcceptLayer, Freshness, KeySource, Reason, TenantContext, TrustDomain};
use throughline_core::freshness::{Mark, Marks, Target};
use throughline_core::time::Timestamp;
use throughline_core::{Context, Refusal, Tenant};
use throughline_jose::{AdmissionPolicy, KeySet};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn, spawn_blocking};
use tower::ServiceExt;

use super::kit::*;

async fn context(tenant: &str) -> TenantContext {
    TenantContext::of(&admitted_extensions(&claims(tenant)).await).unwrap()
}

fn tenant() -> Result<String, NoScopeError> {
    current().map(|cx| cx.tenant().to_string())
}

// failure: A1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spawned_work_has_the_context_it_is_given_and_no_other() {
    let cx = context("acme").await;
    cx.scope(async {
        // Without a helper: an error the caller must handle, never a default.
        let mut set = JoinSet::new();
        set.spawn(async { tenant() });
        let in_set = set.join_next().await.unwrap().unwrap();
        for (how, seen) in [
            ("spawn", spawn(async { tenant() }).await.unwrap()),
            ("spawn_blocking", spawn_blocking(tenant).await.unwrap()),
            ("JoinSet", in_set),
            ("thread", thread::spawn(tenant).join().unwrap()),
        ] {
            assert!(seen.is_err(), "{how}: {seen:?}");
        }
        // With one: the same context, token and all.
        let cx = current().unwrap();
        let token = || current().map(|cx| cx.admitted().token().clone());
        let mut set = JoinSet::new();
        cx.spawn_on(&mut set, async move { token() });
        let in_set = set.join_next().await.unwrap().unwrap();
        for (how, seen) in [
            ("spawn", cx.spawn(async move { token() }).await.unwrap()),
            ("spawn_blocking", cx.spawn_blocking(token).await.unwrap()),
            ("JoinSet", in_set),
            ("thread", thread::spawn(cx.bind(token)).join().unwrap()),
        ] {
            assert_eq!(seen.as_ref(), Ok(cx.admitted().token()), "{how}");
        }
    })
    .await;
}

// failure: A2
#[test]
fn no_task_reads_the_tenant_of_another_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let wrong = runtime.block_on(async {
        let contexts = [context("acme").await, context("globex").await];
        let mut tasks = JoinSet::new();
        for n in 0..400 {
            let cx = contexts[n % 2].clone();
            let expected = Ok(cx.tenant().to_string());
            let scoped = contexts[n % 2].spawn_on(&mut tasks, async move {
                let mut wrong = 0;
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                    wrong += usize::from(tenant() != expected);
                }
                wrong
            });
            drop((cx, scoped));
        }
        let mut wrong = 0;
        while let Some(task) = tasks.join_next().await {
            wrong += task.unwrap();
        }
        wrong
    });
    assert_eq!(wrong, 0, "of 400 tasks");
}

// failure: A2
#[test]
fn nothing_is_kept_per_thread() {
    fn scan(folder: &Path, found: &mut Vec<String>, scanned: &mut usize) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // What a test of its own keeps per thread is no identity.
                if !path.ends_with("tests") {
                    scan(&path, found, scanned);
                }
            } else if path.extension().is_some_and(|end| end == "rs") {
                *scanned += 1;
                let text = fs::read_to_string(&path).unwrap();
                // In two parts, so that this line is not found.
                if text.contains(concat!("thread_", "local!")) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut found, mut scanned) = (Vec::new(), 0);
    scan(crates, &mut found, &mut scanned);
    assert!(scanned > 100, "{scanned} files is not the workspace");
    assert_eq!(found, [""; 0]);
}

#[tokio::test]
async fn a_handler_that_fans_out_gives_each_part_its_context() {
    let router = Router::new().fallback(any(|cx: TenantContext| async move {
        let mut set = JoinSet::new();
        for _ in 0..4 {
            cx.spawn_on(&mut set, async {
                tokio::task::yield_now().await;
                tenant()
            });
        }
        let mut seen = vec![cx.spawn_blocking(tenant).await.unwrap()];
        seen.extend(set.join_all().await);
        // What is not handed over has none, although a handler is not in a scope at all.
        seen.push(tenant().or_else(|_| Ok("none".into())));
        let seen: Result<Vec<_>, _> = seen.into_iter().collect();
        seen.unwrap().join(",")
    }));
    let app = router.layer(AcceptLayer::new(domain()));
    let (one, two) = tokio::join!(
        app.clone()
            .oneshot(request("/", &token("acme"), &[]).map(Body::from)),
        app.clone()
            .oneshot(request("/", &token("globex"), &[]).map(Body::from)),
    );
    for (answer, tenant) in [(one, "acme"), (two, "globex")] {
        let body = answer.unwrap().into_body().collect().await.unwrap();
        let expected = format!("{},none", [tenant; 5].join(","));
        assert_eq!(body.to_bytes(), expected);
    }
}

/// A domain whose feed is turned by hand.
fn domain_with_feed() -> (TrustDomain, Arc<Mutex<Marks>>) {
    let marks = Arc::new(Mutex::new(Marks::new(Duration::from_secs(60))));
    for tenant in ["acme", "globex"] {
        let tenant = Tenant::new(tenant).unwrap();
        let to = Timestamp::from_unix(NOW);
        marks.lock().unwrap().confirm(&tenant, to);
    }
    let feed = Arc::clone(&marks);
    let check = move |cx: &Context, now| feed.lock().unwrap().check(cx, now);
    let keys = KeySet::parse(jwks().as_bytes(), &AdmissionPolicy::new()).unwrap();
    let domain = TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(KeySource::set(keys))
        .with_freshness(Freshness::feed(check))
        .with_clock(|| Timestamp::from_unix(NOW));
    (domain, marks)
}

#[tokio::test]
async fn a_stream_that_outlives_its_request_ends_when_its_session_is_revoked() {
    /// Events as a handler of server-sent events takes them.
    struct Events(mpsc::UnboundedReceiver<&'static str>);

    impl futures_core::Stream for Events {
        type Item = String;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<String>> {
            let event = std::task::ready!(self.0.poll_recv(cx));
            let event = event.map(|event| format!("{event} for {}", tenant().unwrap()));
            std::task::Poll::Ready(event)
        }
    }

    type Senders = Arc<Mutex<Vec<mpsc::UnboundedSender<&'static str>>>>;
    let (domain, marks) = domain_with_feed();
    let senders = Senders::default();
    let (own, opened) = (domain.clone(), Arc::clone(&senders));
    let handler = move |request: Request<Body>| {
        let cx = TenantContext::of(request.extensions()).unwrap();
        let (send, receive) = mpsc::unbounded_channel();
        opened.lock().unwrap().push(send);
        let events = cx.guard_stream(own.clone(), Events(receive));
        async move { Response::new(Body::from_stream(events)) }
    };
    let app = Router::new()
        .fallback(any(handler))
        .layer(AcceptLayer::new(domain.clone()));
    let mut bodies = Vec::new();
    for tenant in ["acme", "globex"] {
        let token = sign(&but(claims(tenant), "/rctx/sid", json!("s-1")));
        let sent = request("/events", &token, &[]).map(Body::from);
        let answer = app.clone().oneshot(sent).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        bodies.push(answer.into_body());
    }
    let tell = |event| {
        for send in &*senders.lock().unwrap() {
            send.send(event).unwrap();
        }
    };
    let frame = async |body: &mut Body| -> Result<Bytes, axum::Error> {
        let frame = body.frame().await.unwrap();
        frame.map(|frame| frame.into_data().unwrap())
    };
    tell("one");
    assert_eq!(frame(&mut bodies[0]).await.unwrap(), "one for acme");
    assert_eq!(frame(&mut bodies[1]).await.unwrap(), "one for globex");

    // The same session id of another tenant is another session.
    let session = Target::Session {
        tenant: Tenant::new("acme").unwrap(),
        session: "s-1".into(),
    };
    let mark = Mark::not_before(session, Timestamp::from_unix(NOW));
    marks.lock().unwrap().apply(mark);
    tell("two");
    let error = frame(&mut bodies[0]).await.unwrap_err();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let refusal = cause.downcast_ref::<Refusal>().unwrap();
    assert_eq!(refusal.reason(), Reason::Revoked);
    assert!(bodies[0].frame().await.is_none());
    assert_eq!(frame(&mut bodies[1]).await.unwrap(), "two for globex");
}

#[tokio::test]
async fn a_body_made_from_a_scoped_stream_is_polled_in_its_context() {
    struct Once(bool);

    impl futures_core::Stream for Once {
        type Item = Result<http_body::Frame<Bytes>, NoScopeError>;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            let first = !std::mem::replace(&mut self.0, true);
            let frame = || tenant().map(|tenant| http_body::Frame::data(tenant.into()));
            std::task::Poll::Ready(first.then(frame))
        }
    }

    let cx = context("acme").await;
    let scoped = StreamBody::new(cx.scope_stream(Once(false)));
    // Somebody else's task polls it, as a server does.
    let body = spawn(scoped.collect()).await.unwrap().unwrap();
    assert_eq!(body.to_bytes(), "acme");
    let bare = StreamBody::new(Once(false));
    assert!(cx.scope(spawn(bare.collect())).await.unwrap().is_err());
}
