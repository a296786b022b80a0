//! What a log and a refusal must not say: tokens, pieces of them and keys in the log, whoever is
//! meant in a refusal.
//!
//! The log is every line that the demo's process writes, ours and those of hyper, h2 and tonic
//! below, down to `trace`. Each search here is also shown something that it must find.

mod find;

use std::collections::HashSet;
use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use self::find::{PIECE, Pieces, findings, has_word, secret_in};
use crate::hold::Held;
use crate::throughline;

/// Else nothing was looked at.
fn assert_has_lines(log: &str, signs: &[&str]) {
    for sign in signs {
        assert!(log.contains(sign), "no line has `{sign}`");
    }
}

#[test]
fn no_line_that_the_demo_logs_holds_a_token_or_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let status = throughline()
        .args(["demo", "--json", "--log", "trace"])
        .stdout(Stdio::null())
        .stderr(File::create(&path).unwrap())
        .status()
        .unwrap();
    let log = std::fs::read_to_string(&path).unwrap();
    assert_eq!(status.code(), Some(0));
    assert_has_lines(
        &log,
        &[
            " INFO throughline_jose::source",
            " WARN throughline: call refused",
            " ERROR throughline: call refused",
            " DEBUG throughline::demo",
            " TRACE Connection",
        ],
    );
    // About 200 attacks, most of them several calls.
    assert!(log.matches("call refused").count() > 200);
    let found = findings(&log, &Pieces::default());
    assert!(
        found.is_empty(),
        "{} lines: {:#?}",
        found.len(),
        &found[..1]
    );
}

/// A demo that is up, and where its log goes.
#[cfg(unix)]
struct Logging {
    held: Held,
    folder: tempfile::TempDir,
}

#[cfg(unix)]
impl Logging {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        Self {
            held: Held::start_with(&["--log", "trace"], log.into()),
            folder,
        }
    }

    /// Bearers and contexts, each with its tenant.
    fn tokens(&self) -> [Vec<(String, String)>; 2] {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        [("users", "bearer"), ("contexts", "txn_token")].map(|(list, token)| {
            let list = self.held.line[list].as_array().unwrap().iter();
            list.map(|one| (text(&one["tenant"]), text(&one[token])))
                .collect()
        })
    }

    /// What `service` wants to see from a user of `tenant`.
    fn honest(&self, service: &str, tenant: &str) -> String {
        let [bearers, contexts] = self.tokens();
        let of = |tokens: Vec<(String, String)>| {
            let own = tokens.into_iter().find(|(of, _)| of == tenant);
            own.unwrap().1
        };
        match service {
            "edge" => format!("authorization: Bearer {}", of(bearers)),
            _ => format!("txn-token: {}", of(contexts)),
        }
    }

    fn context(&self, of: usize) -> String {
        let context = &self.held.line["contexts"][of]["txn_token"];
        context.as_str().unwrap().to_owned()
    }

    /// Its log, once it has stopped.
    fn stop(self) -> String {
        assert_eq!(self.held.stop("-TERM").code(), Some(0));
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

#[cfg(unix)]
#[test]
fn no_piece_of_a_token_is_logged_wherever_a_client_puts_it() {
    let system = Logging::start();
    let held = &system.held;
    let [bearers, contexts] = system.tokens();
    for (tenant, token) in [&bearers[0], &contexts[1]] {
        // Whole, cut at its end, and cut at its front.
        let (_, headless) = token.split_once('.').unwrap();
        let (_, signature) = headless.split_once('.').unwrap();
        for token in [
            token,
            token.get(..token.len() - 20).unwrap(),
            headless,
            signature,
        ] {
            // In the right place, and in wrong ones beside what is honest.
            let alone = [
                format!("txn-token: {token}"),
                format!("authorization: Bearer {token}"),
                format!("authorization: {token}"),
            ];
            let beside = [
                format!("x-tenant-id: {token}"),
                format!("x-tenant-id: {tenant}; {token}"),
                format!("x_tenant_id: {token}"),
                format!("x-forwarded-host: {token}.acme.example"),
                format!("cookie: token={token}"),
                format!("baggage: tenant.id={token}"),
                format!("traceparent: {token}"),
                format!("connection: {token}"),
                format!("content-length: {token}"),
                format!("{token}: txn-token"),
            ];
            let paths = [
                format!("/t/{token}/orders"),
                format!("/t/{token}/invoices"),
                format!("/t/{tenant}/orders?tenant={token}"),
                format!("/{token}"),
            ];
            let own = format!("/t/{tenant}/orders");
            for service in [
                "edge",
                "orders",
                "agent",
                "billing",
                "proxy",
                "tokens",
                "third-party",
            ] {
                let honest = system.honest(service, tenant);
                for field in &alone {
                    held.get(service, &own, field);
                }
                for field in &beside {
                    held.get(service, &own, &format!("{honest}\r\n{field}"));
                }
                for path in &paths {
                    held.get(service, path, &honest);
                }
            }
        }
    }
    let log = system.stop();
    let signs = [
        "reason=\"tenant_mismatch\"",
        "reason=\"context_malformed\"",
        " TRACE ",
    ];
    assert_has_lines(&log, &signs);
    let tokens = bearers.iter().chain(&contexts).map(|(_, token)| token);
    let found = findings(&log, &Pieces::of(tokens.map(String::as_str)));
    assert!(
        found.is_empty(),
        "{} lines: {:#?}",
        found.len(),
        &found[..1]
    );
}

#[cfg(unix)]
#[test]
fn a_token_that_is_logged_on_purpose_is_found() {
    let system = Logging::start();
    let token = system.context(0);
    let tenant = system.held.line["contexts"][0]["tenant"].as_str().unwrap();
    // The log repeats by what name a call goes, so a call is given the name of a secret.
    let (_, signature) = token.rsplit_once('.').unwrap();
    let names = [token.as_str(), signature.get(5..5 + PIECE).unwrap()];
    for name in names {
        let fields = format!("txn-token: {token}\r\nx-demo-call: {name}");
        let path = format!("/t/{tenant}/orders");
        let (status, answer) = system.held.get("orders", &path, &fields);
        assert_eq!(status, 200, "{answer}");
    }
    let known = Pieces::of([token.as_str()]);
    let log = system.stop();
    for name in names {
        let lines = log.lines().filter(|line| line.contains(name));
        let mut found = lines.map(|line| secret_in(line, &known));
        assert!(found.next().is_some_and(|found| found.is_some()), "{name}");
        assert!(found.all(|found| found.is_some()), "{name}");
    }
    // And nothing else.
    for (_, line) in findings(&log, &known) {
        assert!(line.contains("handler runs"), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn no_refusal_names_a_tenant_a_user_a_key_or_an_issuer() {
    let system = Logging::start();
    let held = &system.held;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let users = held.line["users"].as_array().unwrap();
    let contexts = held.line["contexts"].as_array().unwrap();
    let domain = text(&held.line["trust_domain"]);
    let (_, keys) = held.get("tokens", "/jwks.json", "accept: */*");
    let (_, keys) = keys.split_once("\r\n\r\n").unwrap();
    let keys: Value = serde_json::from_str(keys).unwrap();
    let mut secrets: HashSet<String> = [domain].into();
    secrets.extend(
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| text(&key["kid"])),
    );
    for user in users {
        secrets.extend([text(&user["tenant"]), text(&user["name"])]);
    }
    let named = |answer: &str| {
        let mut secrets = secrets.iter();
        secrets.find(|secret| has_word(answer, secret)).cloned()
    };

    let mut refusals = 0;
    let mut refused = |service: &str, path: &str, fields: &str| {
        let (status, answer) = held.get(service, path, fields);
        assert!(
            (400..600).contains(&status),
            "{service} {path} {fields}: {answer}"
        );
        // A path and a name that the client chose are in its own request only.
        assert_eq!(named(&answer), None, "{service} {path} {fields}: {answer}");
        refusals += usize::from(answer.contains("application/problem+json"));
    };
    for (n, context) in contexts.iter().enumerate() {
        let (tenant, token) = (text(&context["tenant"]), text(&context["txn_token"]));
        let bearer = text(&users[n]["bearer"]);
        let foreign = contexts
            .iter()
            .find(|other| other["tenant"] != context["tenant"]);
        let foreign = text(&foreign.unwrap()["tenant"]);
        let (own, other) = (format!("/t/{tenant}"), format!("/t/{foreign}"));
        let credential = |service: &str, token: &str| match service {
            "edge" => format!("authorization: Bearer {token}"),
            _ => format!("txn-token: {token}"),
        };
        for (service, what) in [
            ("edge", "orders"),
            ("orders", "orders"),
            ("agent", "summaries"),
            ("billing", "invoices"),
            ("proxy", "invoices"),
        ] {
            let honest = if service == "edge" { &bearer } else { &token };
            let field = credential(service, honest);
            let (status, answer) = held.get(service, &format!("{own}/{what}"), &field);
            assert_eq!(status, 200, "{service}: {answer}");
            assert!(
                named(&answer).is_some(),
                "what is served names its tenant: {answer}"
            );

            let own = format!("{own}/{what}");
            refused(service, &format!("{other}/{what}"), &field);
            refused(service, &own, "x-a: b");
            refused(service, &own, &format!("{field}\r\n{field}"));
            refused(service, &own, field.get(..field.len() - 1).unwrap());
            refused(service, &own, &field.replace('.', ""));
            // The agent compares the path only.
            if service != "agent" {
                let witness = format!("{field}\r\nx-tenant-id: {foreign}");
                refused(service, &own, &witness);
            }
            let crossed = if service == "edge" { &token } else { &bearer };
            refused(service, &own, &credential(service, crossed));
        }
    }
    assert!(refusals >= 90, "{refusals}");
    system.stop();
}
