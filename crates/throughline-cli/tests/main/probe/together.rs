//! Attacks of many requests at once: they are under way together, and those that are dropped were
//! sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use http::StatusCode;
use tokio::sync::Barrier;

use super::broken::token;
use super::{Probe, ids};

/// How many requests wait for each other.
const MANY: usize = 12;

#[derive(Default)]
struct Seen {
    asked: AtomicUsize,
    met: AtomicUsize,
}

/// A service each of whose requests waits a moment for eleven others.
fn waiting(runtime: &tokio::runtime::Runtime) -> (SocketAddr, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let barrier = Arc::new(Barrier::new(MANY));
    let kept = Arc::clone(&seen);
    let serve = move |request: Request| {
        let (seen, barrier) = (Arc::clone(&kept), Arc::clone(&barrier));
        async move {
            seen.asked.fetch_add(1, Ordering::SeqCst);
            let met = tokio::time::timeout(Duration::from_millis(60), barrier.wait()).await;
            seen.met
                .fetch_add(usize::from(met.is_ok()), Ordering::SeqCst);
            let line = request.headers().get("authorization");
            let tenant = ["acme", "globex"].into_iter().find(|tenant| {
                let path = request.uri().path() == format!("/t/{tenant}/orders");
                path && line.is_some_and(|line| *line == format!("Bearer {}", token(tenant)))
            });
            match tenant {
                Some(tenant) => (StatusCode::OK, format!("orders of {tenant}")),
                None => (StatusCode::FORBIDDEN, String::new()),
            }
        }
    };
    let bound = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = runtime.block_on(bound).unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(serve);
    runtime.spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

fn probe(address: SocketAddr, attack: &str) -> Probe {
    let probe = Probe::new(address, "/t/acme/orders", token("acme"), token("globex"));
    let names = ["--tenant", "acme", "--other-tenant", "globex"];
    probe.flags(&names).flags(&["--only", attack])
}

#[test]
fn requests_of_both_tenants_are_under_way_together_at_any_rate() {
    let runtime = super::runtime();
    let (address, seen) = waiting(&runtime);
    let attack = "process/interleaved";
    let (status, report) = probe(address, attack).slow("50/s").report();
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(ids(&report, "neutralised"), [attack]);
    let met = seen.met.load(Ordering::SeqCst);
    assert!(met >= MANY, "{met}");
}

#[test]
fn a_request_that_is_dropped_was_sent() {
    let runtime = super::runtime();
    let (address, seen) = waiting(&runtime);
    let attack = "process/abandoned";
    let (status, report) = probe(address, attack).slow("50/s").report();
    assert_eq!(status, 0, "{report:#}");
    // Eight to get acquainted, four more, two twins, and the own tenant's twenty-four.
    let answered = 8 + 4 + 2 + 24;
    let asked = seen.asked.load(Ordering::SeqCst);
    assert!(asked > answered + 12, "{asked}");
}
