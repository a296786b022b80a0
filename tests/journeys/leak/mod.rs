//! Leaks: what many tenants see of each other over few connections, which must be nothing.
//!
//! A driver sends requests of 200 tenants to an entry service, which calls a second one, over
//! pooled connections of HTTP/1.1, HTTP/2 or gRPC. Everything that loses or mixes contexts in practice happens all the time:
//! futures are dropped after a few polls, handlers panic, work is spawned, retried, raced and timed
//! out, tokens are narrowed and renewed on the way. Each place that sees a tenant says which
//! request it saw it for; the truth is a table that no request can change.
//!
//! The choices follow from a seed, which a failure prints: `THROUGHLINE_SEED=… cargo test leak`
//! makes them again. `THROUGHLINE_LEAK_REQUESTS=…` runs longer.

mod chance;
mod drive;
mod ledger;
mod services;
mod truth;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tracing::dispatcher::set_default;

use self::truth::{Place, Truth};
use self::watch::Watch;

/// Over all runs: the promise is at least 10,000.
const REQUESTS: u64 = 12_000;
const RUNS: u64 = 6;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire {
    Http1,
    Http2,
    /// From the entry on; the entry is called over HTTP/2.
    Grpc,
}

#[test]
fn no_tenant_sees_anything_of_another_one_over_http1_on_one_thread() {
    run(Wire::Http1, Builder::new_current_thread());
}

#[test]
fn no_tenant_sees_anything_of_another_one_over_http2_on_one_thread() {
    run(Wire::Http2, Builder::new_current_thread());
}

#[test]
fn no_tenant_sees_anything_of_another_one_over_grpc_on_one_thread() {
    run(Wire::Grpc, Builder::new_current_thread());
}

#[test]
fn no_tenant_sees_anything_of_another_one_over_http1_on_many_threads() {
    run(Wire::Http1, Builder::new_multi_thread());
}

#[test]
fn no_tenant_sees_anything_of_another_one_over_http2_on_many_threads() {
    run(Wire::Http2, Builder::new_multi_thread());
}

#[test]
fn no_tenant_sees_anything_of_another_one_over_grpc_on_many_threads() {
    run(Wire::Grpc, Builder::new_multi_thread());
}

fn run(wire: Wire, mut builder: Builder) {
    let all = chance::from_environment("THROUGHLINE_LEAK_REQUESTS").unwrap_or(REQUESTS);
    let requests = all.div_ceil(RUNS);
    let seed = chance::from_environment("THROUGHLINE_SEED").unwrap_or_else(chance::seed);
    // A test that passes shows nothing of this.
    println!("THROUGHLINE_SEED={seed} {wire:?}");
    let truth = Arc::new(Truth::new(seed));
    let log = Watch::over(Arc::clone(&truth));
    let guard = set_default(&log);
    builder.worker_threads(3).enable_all();
    builder.on_thread_start(move || std::mem::forget(set_default(&log)));
    let runtime: Runtime = builder.build().unwrap();
    runtime.block_on(async {
        let limit = Duration::from_secs(60).max(Duration::from_millis(requests * 20));
        let driven = tokio::time::timeout(limit, drive::drive(wire, requests, Arc::clone(&truth)));
        driven.await.expect("the run did not end");
        assert!(throughline::scope::current().is_err());
    });
    // Drops whatever is still under way, and with it what it held.
    drop(runtime);
    drop(guard);
    assert!(throughline::scope::current().is_err());

    println!("{truth}");
    let wrong = truth.wrong();
    assert!(
        wrong.is_empty(),
        "THROUGHLINE_SEED={seed}: {} of {} sightings are wrong, first {:#?}",
        wrong.len(),
        truth.sightings(),
        wrong.iter().take(5).collect::<Vec<_>>()
    );
    // A run that saw nothing proves nothing.
    for place in Place::ALL {
        let seen = truth.seen_at(place);
        assert!(
            seen >= requests / 100,
            "{place:?} was seen {seen} times only"
        );
    }
    // Far fewer connections than tenants: each handler has up to three to the second service, and
    // those that were cut short take a moment to close.
    assert!(truth.connections() <= drive::WORKERS as u64 * 8, "{truth}");
}
