//! The probe against every hop of the demo that is called over HTTP or gRPC: nothing is accepted.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;

use super::{Probe, ids};
use crate::hold::Held;

fn address(held: &Held, service: &str) -> SocketAddr {
    let url = held.line["services"][service].as_str().unwrap();
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// What ada of a tenant is let in with: at the edge, and inside.
fn token(held: &Held, tenant: &str, inside: bool) -> String {
    let (list, name, token) = match inside {
        true => ("contexts", "subject", "txn_token"),
        false => ("users", "name", "bearer"),
    };
    let all = held.line[list].as_array().unwrap();
    let ada = all
        .iter()
        .find(|user| user["tenant"] == tenant && user[name] == "ada")
        .unwrap();
    ada[token].as_str().unwrap().to_owned()
}

fn probe(held: &Held, service: &str, path: &str, inside: bool) -> Probe {
    let tokens = ["acme", "globex"].map(|tenant| token(held, tenant, inside));
    let [own, other] = tokens;
    let probe = Probe::new(address(held, service), path, own, other);
    let markers = ["\"tenant\":\"acme\"", "\"tenant\":\"globex\""];
    let probe = probe.flags(&["--tenant", "acme", "--other-tenant", "globex"]);
    probe.flags(&["--marker", markers[0], "--other-marker", markers[1]])
}

#[track_caller]
fn holds(service: &str, report: &(i32, Value)) {
    let (status, report) = report;
    let found: Vec<_> = report["report"]["attacks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|attack| {
            let verdict = attack["verdict"].as_str().unwrap();
            ["accepted", "not judged", "not run"].contains(&verdict)
        })
        .collect();
    assert_eq!(*status, 0, "{service}: {found:#?} {}", report["unjudged"]);
    assert!(ids(report, "refused").len() > 40, "{service}: {report:#}");
}

/// A service inside, called with a context.
fn inside_holds(service: &str, path: &str, flags: &[&str]) {
    let held = Held::start_with(&[], Stdio::null());
    let probe = probe(&held, service, path, true).flags(&["--credential", "txn-token"]);
    holds(service, &probe.flags(flags).report());
}

#[test]
fn the_edge_holds() {
    let held = Held::start_with(&[], Stdio::null());
    let probe = probe(&held, "edge", "/t/acme/orders", false);
    let probe = probe.flags(&["--tenant-header", "x-tenant-id"]);
    holds("edge", &probe.report());
}

#[test]
fn orders_holds() {
    inside_holds(
        "orders",
        "/t/acme/orders",
        &["--tenant-header", "x-tenant-id"],
    );
}

#[test]
fn billing_holds() {
    inside_holds("billing", "/t/acme/invoices", &[]);
}

#[test]
fn billing_holds_behind_the_proxy() {
    inside_holds("proxy", "/t/acme/invoices", &[]);
}

#[test]
fn the_agent_holds() {
    inside_holds("agent", "/t/acme/summaries", &[]);
}

#[test]
fn the_token_service_holds() {
    let folder = tempfile::tempdir().unwrap();
    let wish = folder.path().join("wish.json");
    std::fs::write(&wish, r#"{"scope": "orders.read"}"#).unwrap();
    let body = ["--body", wish.to_str().unwrap(), "--method", "POST"];
    let flags = [&body[..], &["--allow-changes"]].concat();
    inside_holds("tokens", "/t/acme/narrow", &flags);
}

#[test]
fn the_ledger_holds_over_grpc() {
    let held = Held::start_with(&[], Stdio::null());
    let [own, other] = ["acme", "globex"].map(|tenant| token(&held, tenant, true));
    // Field 1 of the message names the tenant, whose requests are so not made into the other's by a
    // word: those that are sent for both tenants are left out.
    let folder = tempfile::tempdir().unwrap();
    let entry = folder.path().join("entry.bin");
    std::fs::write(&entry, b"\x0a\x04acme").unwrap();
    let probe = Probe::new(address(&held, "ledger"), "", own, other).flags(&[
        "--grpc",
        "throughline.demo.Ledger/Record",
        "--allow-changes",
        "--body",
        entry.to_str().unwrap(),
        "--skip",
        "process/interleaved",
        "--skip",
        "process/interleaved-headers",
        "--credential",
        "txn-token",
        "--tenant-header",
        "x-tenant-id",
        "--header",
        "baggage: tenant.id={tenant}",
        "--header",
        "x-tenant: {tenant}",
        "--marker",
        "acme",
        "--other-marker",
        "globex",
    ]);
    holds("ledger", &probe.report());
}
