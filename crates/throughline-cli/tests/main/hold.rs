//! `demo --hold`, attacked with tools of our own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::throughline;

/// Everything that listens.
const SERVICES: [&str; 11] = [
    "agent",
    "billing",
    "edge",
    "hooli-idp",
    "idp",
    "ledger",
    "orders",
    "proxy",
    "third-party",
    "tokens",
    "workos",
];

pub(crate) struct Held {
    child: Child,
    pub(crate) line: Value,
}

impl Held {
    fn start() -> Self {
        Self::start_with(&[], Stdio::null())
    }

    /// With more flags, and what it writes to standard error in `stderr`.
    pub(crate) fn start_with(flags: &[&str], stderr: Stdio) -> Self {
        let mut child = throughline()
            .args(["demo", "--hold"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        Self {
            child,
            line: serde_json::from_str(&line).unwrap(),
        }
    }

    fn address(&self, service: &str) -> &str {
        let url = self.line["services"][service].as_str().unwrap();
        url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn get(&self, service: &str, path: &str, field: &str) -> (u16, String) {
        get(self.address(service), path, field)
    }

    #[cfg(unix)]
    pub(crate) fn stop(mut self, signal: &str) -> ExitStatus {
        let addresses = SERVICES.map(|name| self.address(name).to_owned());
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
        let status = wait(&mut self.child);
        for address in addresses {
            assert!(TcpStream::connect(&address).is_err(), "{address} is open");
        }
        status
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    for _ in 0..500 {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it does not stop");
}

fn get(address: &str, path: &str, field: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{field}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[cfg(unix)]
#[test]
fn the_printed_tokens_open_their_own_tenant_and_no_other() {
    let held = Held::start();
    let line = &held.line;
    assert_eq!(line["trust_domain"], "demo.internal");
    let services: Vec<_> = line["services"].as_object().unwrap().keys().collect();
    assert_eq!(services, SERVICES);

    let users = line["users"].as_array().unwrap();
    assert!(users.len() >= 3);
    for user in users {
        let (name, tenant) = (
            user["name"].as_str().unwrap(),
            user["tenant"].as_str().unwrap(),
        );
        let bearer = format!("authorization: Bearer {}", user["bearer"].as_str().unwrap());
        let (status, answer) = held.get("edge", &format!("/t/{tenant}/orders"), &bearer);
        assert_eq!(status, 200, "{answer}");
        assert!(
            answer.contains(&format!("\"subject\":\"{name}\"")),
            "{answer}"
        );
        let other = users
            .iter()
            .find(|other| other["tenant"] != tenant)
            .unwrap();
        let other = other["tenant"].as_str().unwrap();
        let (status, answer) = held.get("edge", &format!("/t/{other}/orders"), &bearer);
        assert_eq!(status, 403, "{answer}");
        assert!(answer.contains("tenant_mismatch"), "{answer}");
        assert!(
            !answer.contains(other) && !answer.contains(tenant),
            "{answer}"
        );
    }

    for context in line["contexts"].as_array().unwrap() {
        let tenant = context["tenant"].as_str().unwrap();
        let field = format!("txn-token: {}", context["txn_token"].as_str().unwrap());
        for (service, what) in [("orders", "orders"), ("billing", "invoices")] {
            let (status, answer) = held.get(service, &format!("/t/{tenant}/{what}"), &field);
            assert_eq!(status, 200, "{answer}");
            let (status, answer) = held.get(service, &format!("/t/nobody/{what}"), &field);
            assert_eq!(status, 403, "{answer}");
            let (status, answer) = held.get(service, &format!("/t/{tenant}/{what}"), "x-a: b");
            assert_eq!(status, 400, "{answer}");
            assert!(answer.contains("context_missing"), "{answer}");
        }
    }

    // The keys that were promised verify the contexts that were given.
    let jwks = line["jwks"]
        .as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap();
    let (address, path) = jwks.split_once('/').unwrap();
    let (status, answer) = get(address, &format!("/{path}"), "accept: */*");
    assert_eq!(status, 200);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let (_, document) = answer.split_once("\r\n\r\n").unwrap();
    std::fs::write(&file, document).unwrap();
    for context in line["contexts"].as_array().unwrap() {
        let token = context["txn_token"].as_str().unwrap();
        let file = file.to_str().unwrap();
        let args = [
            "verify",
            "--jwks",
            file,
            "--audience",
            "demo.internal",
            token,
        ];
        let output = crate::run(&args, b"");
        assert_eq!(crate::code(&output), 0, "{}", crate::stdout(&output));
        let verdict: Value = serde_json::from_str(crate::stdout(&output)).unwrap();
        assert_eq!(verdict["context"]["tenant"], context["tenant"]);
        assert_eq!(verdict["context"]["subject"], context["subject"]);
    }

    assert_eq!(held.stop("-TERM").code(), Some(0));
}

#[cfg(unix)]
#[test]
fn every_printed_credential_opens_its_own_tenant_for_whom_it_says() {
    let held = Held::start();
    let visitors = held.line["visitors"].as_array().unwrap();
    assert_eq!(visitors.len(), 11);
    for visitor in visitors {
        let text = |member: &str| visitor[member].as_str().unwrap();
        let field = format!("{}: {}", text("field"), text("value"));
        let own = format!("/t/{}/orders", text("tenant"));
        let (status, answer) = held.get("edge", &own, &field);
        assert_eq!(status, 200, "{visitor}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("cache-control: private, no-store"), "{head}");
        let answer: Value = serde_json::from_str(body).unwrap();
        for hop in answer["hops"].as_array().unwrap() {
            for member in ["tenant", "idp", "subject", "kind", "actors"] {
                assert_eq!(hop[member], visitor[member], "{member} of {visitor}");
            }
        }
        for other in ["initech", "nobody"] {
            let (status, answer) = held.get("edge", &format!("/t/{other}/orders"), &field);
            assert_eq!(status, 403, "{visitor}: {answer}");
            assert!(answer.contains("tenant_mismatch"), "{answer}");
        }
    }
    // Whoever has none learns where to get one.
    let (status, answer) = held.get("edge", "/t/acme/orders", "x-a: b");
    assert_eq!(status, 401, "{answer}");
    let edge = held.line["services"]["edge"].as_str().unwrap();
    let document = "/.well-known/oauth-protected-resource";
    let challenge = format!("resource_metadata=\"{edge}{document}\"");
    assert!(answer.contains(&challenge), "{answer}");
    let (status, answer) = held.get("edge", document, "x-a: b");
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("https://idp.demo.internal"), "{answer}");
    assert_eq!(held.stop("-TERM").code(), Some(0));
}

#[cfg(unix)]
#[test]
fn the_proxy_mistreats_a_call_to_whichever_service_as_it_is_told() {
    let held = Held::start();
    let context = &held.line["contexts"][0];
    let tenant = context["tenant"].as_str().unwrap();
    let token = context["txn_token"].as_str().unwrap();
    let orders = held.address("orders");
    let through = |order: &str| {
        let fields = format!("txn-token: {token}\r\nx-demo-proxy: to {orders}; {order}");
        held.get("proxy", &format!("/t/{tenant}/orders"), &fields)
    };
    let (status, answer) = through("reorder");
    assert_eq!(status, 200, "{answer}");
    for (order, reason) in [
        ("drop txn-token", "context_missing"),
        ("duplicate txn-token", "context_ambiguous"),
        ("join txn-token", "context_ambiguous"),
        ("rename txn-token", "context_ambiguous"),
        ("truncate txn-token 100", "context_malformed"),
        ("connection txn-token", "context_stripped"),
        ("set x-tenant-id nobody", "tenant_mismatch"),
    ] {
        let (_, answer) = through(order);
        assert!(answer.contains(reason), "{order}: {answer}");
    }
    let (status, answer) = through("redirect http://elsewhere.example/");
    assert_eq!(status, 307, "{answer}");
    let (status, _) = through("to 192.0.2.1:80");
    assert_eq!(status, 502, "only this machine");
    // The third party tells lies to whoever asks it directly.
    let (status, answer) = held.get("third-party", "/shipments", "x-a: b");
    assert_eq!(status, 200);
    assert!(answer.contains("x-tenant: globex"), "{answer}");
    assert_eq!(held.stop("-INT").code(), Some(0));
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_it_cleanly() {
    assert_eq!(Held::start().stop("-INT").code(), Some(0));
}
