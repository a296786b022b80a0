//! Several instances behind one address, asked by turns: their names belong to no tenant.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use http::StatusCode;
use serde_json::json;

use super::broken::token;
use super::{Probe, ids};

/// Longer than anything that belongs to a tenant.
const NAMES: [&str; 3] = [
    "orders-instance-kingfisher-0001",
    "orders-instance-albatross-00002",
    "orders-instance-nightingale-003",
];

const ITEMS: [(&str, &str); 2] = [("acme", "anvil-7731"), ("globex", "lever-4402")];

/// A service whose every request goes to the next of so many instances, and that knows these
/// tokens and no other.
pub(super) fn balanced(
    instances: usize,
    token: fn(&str) -> String,
) -> (SocketAddr, tokio::runtime::Runtime) {
    let count = Arc::new(AtomicUsize::new(0));
    let serve = move |request: Request| {
        let n = count.fetch_add(1, Ordering::SeqCst) % instances;
        let lines: Vec<_> = request.headers().get_all("authorization").iter().collect();
        let item = ITEMS.iter().find(|(tenant, _)| {
            let path = request.uri().path() == format!("/t/{tenant}/orders");
            path && lines.len() == 1 && lines[0] == &format!("Bearer {}", token(tenant))
        });
        let answer = match item {
            Some((_, item)) => (
                StatusCode::OK,
                json!({"item": item, "by": NAMES[n]}).to_string(),
            ),
            None => (StatusCode::FORBIDDEN, String::new()),
        };
        async move { answer }
    };
    let runtime = super::runtime();
    let bound = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = runtime.block_on(bound).unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(serve);
    runtime.spawn(async move { axum::serve(listener, app).await });
    (address, runtime)
}

#[test]
fn the_names_of_instances_are_nobodys_data() {
    for instances in 1..=NAMES.len() {
        let (address, _runtime) = balanced(instances, token);
        let (own, other) = (token("acme"), token("globex"));
        let probe = Probe::new(address, "/t/acme/orders", own, other);
        let names = ["--tenant", "acme", "--other-tenant", "globex"];
        let (status, report) = probe.flags(&names).report();
        let accepted = ids(&report, "accepted");
        assert_eq!(
            status, 0,
            "{instances}: {accepted:?} {}",
            report["unjudged"]
        );
        assert!(ids(&report, "refused").len() > 20, "{report:#}");
    }
}
