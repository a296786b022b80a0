//! `trust` and `verify --config`.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use throughline_testing::{KeyServer, Listening, TestKey};
use tokio::runtime::Runtime;

use crate::{code, run, stderr, stdout};

const NOW: u64 = 1_700_000_000;

/// Two issuers with keys of their own, which are published over HTTP, and a file that knows both.
struct Fixture {
    folder: TempDir,
    workforce: TestKey,
    partners: TestKey,
    _servers: [Listening; 2],
    // Last, as the servers run on it.
    _runtime: Runtime,
}

impl Fixture {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let [workforce, partners] = ["a", "b"].map(|kid| TestKey::generate().with_kid(kid));
        let listen = |key: &TestKey| {
            runtime
                .block_on(KeyServer::new(key.clone()).listen())
                .unwrap()
        };
        let servers = [listen(&workforce), listen(&partners)];
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"trust_domain = "prod.example"
freshness = {{ lifetime_only = 3600 }}

[[issuer]]
name = "workforce"
profile = "rfc9068"
issuer = "https://id.workforce.example"
keys = "{}"
audience = "api://orders"
tenancy = {{ claim = "org", only = ["acme", "globex"] }}
attributes = {{ role = "role", plan = "plan" }}

[[issuer]]
name = "partners"
profile = "rfc9068"
issuer = "https://id.partners.example"
keys = "{}"
audience = "api://orders"
tenancy = {{ tenant = "initech" }}

[ownership]
authentication = "identity team"
rules = "platform security"
attributes.role = "workforce"
attributes.plan = "billing"
read = ["role"]
"#,
            servers[0].url(),
            servers[1].url()
        );
        std::fs::write(folder.path().join("edge.toml"), text).unwrap();
        Self {
            folder,
            workforce,
            partners,
            _servers: servers,
            _runtime: runtime,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("edge.toml")
    }

    fn verify(&self, tokens: &[String]) -> (i32, Vec<Value>, String) {
        let file = self.file();
        let now = NOW.to_string();
        let args = [
            "verify",
            "--config",
            file.to_str().unwrap(),
            "--now",
            &now,
            "-",
        ];
        let output = run(&args, (tokens.join("\n") + "\n").as_bytes());
        let lines = stdout(&output)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (code(&output), lines.collect(), stderr(&output).to_owned())
    }
}

fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "aud": "api://orders", "sub": "ada", "client_id": "web", "jti": "1",
        "iat": NOW - 10, "exp": NOW + 290, "org": "acme", "scope": "orders.read", "role": "admin",
        "plan": "enterprise",
    })
}

fn sign(key: &TestKey, claims: &Value) -> String {
    let mut header = key.header();
    header["typ"] = "at+jwt".into();
    key.sign(&header, claims)
}

#[test]
fn credentials_are_accepted_and_refused_by_issuer() {
    let fixture = Fixture::new();
    let (workforce, partners) = (
        claims("https://id.workforce.example"),
        claims("https://id.partners.example"),
    );
    let mut unknown_tenant = workforce.clone();
    unknown_tenant["org"] = "hooli".into();
    let mut late = workforce.clone();
    late["exp"] = (NOW - 60).into();
    let stranger = claims("https://id.example");
    let tokens = [
        sign(&fixture.workforce, &workforce),
        sign(&fixture.partners, &partners),
        // Each key is good, and not for the other issuer.
        sign(&fixture.partners, &workforce),
        sign(&fixture.workforce, &partners),
        sign(&fixture.workforce, &unknown_tenant),
        sign(&fixture.workforce, &late),
        sign(&fixture.workforce, &stranger),
        String::new(),
        "not-a-token".to_owned(),
    ];
    let (code, lines, errors) = fixture.verify(&tokens);
    assert_eq!(code, 1, "{errors}");
    let reasons: Vec<_> = lines.iter().map(|line| line["reason"].as_str()).collect();
    let expected = [
        None,
        None,
        Some("key_unknown"),
        Some("key_unknown"),
        Some("tenant_invalid"),
        Some("context_expired"),
        Some("issuer_untrusted"),
        Some("context_missing"),
        Some("context_malformed"),
    ];
    assert_eq!(reasons, expected, "{errors}");
    assert_eq!(lines[0]["principal"], "workforce/acme/ada");
    assert_eq!(lines[0]["kind"], "session");
    assert_eq!(lines[0]["scope"], "orders.read");
    assert_eq!(lines[0]["as_of"], NOW - 10);
    assert_eq!(lines[0]["dropped"], json!(["plan"]), "billing owns it");
    assert_eq!(lines[1]["principal"], "partners/initech/ada");
    for secret in tokens.iter().filter(|token| token.len() > 100) {
        assert!(
            !errors.contains(secret.get(..40).unwrap()),
            "a token is in the errors"
        );
    }

    let (code, lines, errors) = fixture.verify(&tokens[..2]);
    assert_eq!((code, lines.len()), (0, 2), "{errors}");
}

#[test]
fn keys_that_cannot_be_had_refuse_and_say_so() {
    let fixture = Fixture::new();
    let token = sign(&fixture.workforce, &claims("https://id.workforce.example"));
    let text = std::fs::read_to_string(fixture.file()).unwrap();
    let address = fixture._servers[0].url().to_string();
    // Port 9 of this machine is nobody's.
    let broken = text.replace(&address, "http://127.0.0.1:9/jwks.json");
    std::fs::write(fixture.file(), broken).unwrap();
    let (code, lines, errors) = fixture.verify(std::slice::from_ref(&token));
    assert_eq!(code, 1, "{errors}");
    assert_eq!(lines[0]["reason"], "keys_unavailable");

    std::fs::write(fixture.file(), text).unwrap();
    let (code, _, errors) = fixture.verify(&[token]);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn a_file_that_cannot_be_is_told_with_its_line() {
    let fixture = Fixture::new();
    let text = std::fs::read_to_string(fixture.file()).unwrap();
    let odd = text.replacen("audience = \"api://orders\"\n", "", 1);
    std::fs::write(fixture.file(), odd).unwrap();
    let file = fixture.file();
    let file = file.to_str().unwrap();
    for args in [
        &["trust", file][..],
        &["trust", "--json", file],
        &["verify", "--config", file, "-"],
    ] {
        let output = run(args, b"x\n");
        let expected = if args[0] == "trust" { 1 } else { 2 };
        assert_eq!(code(&output), expected, "{args:?}");
        let errors = stderr(&output);
        assert!(errors.contains("edge.toml:4: "), "{errors}");
        assert!(errors.contains("audience = \"none\""), "{errors}");
        assert!(stdout(&output).is_empty());
    }
    let both = [
        "verify",
        "--config",
        file,
        "--jwks",
        file,
        "--audience",
        "x",
        "-",
    ];
    assert_eq!(code(&run(&both, b"")), 2, "one or the other");
    assert_eq!(code(&run(&["verify", "-"], b"")), 2, "neither");
}

#[test]
fn the_map_of_trust_is_a_table_and_json() {
    let fixture = Fixture::new();
    let file = fixture.file();
    let file = file.to_str().unwrap();
    let output = run(&["trust", file], b"");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let table = stdout(&output);
    for line in [
        "authentication  identity team",
        "rules           platform security",
        "attribute plan  billing",
        "attribute role  workforce          read by rules",
        "workforce  rfc9068  session, machine",
        "note: issuer `workforce` asserts attribute `plan`, which `billing` owns",
    ] {
        assert!(table.contains(line), "`{line}` is not in\n{table}");
    }
    let output = run(&["trust", "--json", file], b"");
    let map: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(map["trust_domain"], "prod.example");
    assert_eq!(map["owners"].as_array().unwrap().len(), 4);
    assert_eq!(map["issuers"][0]["counts"], json!(["role"]));
    assert_eq!(map["issuers"][0]["dropped"], json!(["plan"]));
    assert_eq!(map["issuers"][1]["tenants"], "`initech`");

    // A rule reads what nobody owns: refused, at the line of the table.
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(
        file,
        text.replace("read = [\"role\"]", "read = [\"clearance\"]"),
    )
    .unwrap();
    let output = run(&["trust", file], b"");
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("edge.toml:21: "),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("`clearance`, which nobody owns"));
}
