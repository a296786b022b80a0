use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Timestamp;
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};

use crate::{code, run, stderr, stdout};

const NOW: u64 = 1_700_000_000;
const DOMAIN: &str = "prod.example";
const ISSUER: &str = "https://tokens.example";

/// An issuer, and its keys in a file.
struct Fixture {
    issuer: TokenIssuer,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let issuer = TokenIssuer::new(
            TrustDomainName::new(DOMAIN).unwrap(),
            SigningKey::generate().unwrap(),
        )
        .with_issuer(ISSUER)
        .with_clock(|| Timestamp::from_unix(NOW));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("jwks.json"), issuer.jwks()).unwrap();
        Self { issuer, folder }
    }

    fn token(&self) -> String {
        self.minted(&self.issuer)
    }

    fn minted(&self, issuer: &TokenIssuer) -> String {
        let ada = Principal::new("okta", Tenant::new("acme").unwrap(), "ada").unwrap();
        let draft = Draft::user(ada, Timestamp::from_unix(NOW))
            .unwrap()
            .with_grant(Grant::new(Scope::new("orders.read").unwrap()))
            .with_transaction("t-1")
            .unwrap();
        issuer.mint(draft).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `verify` at the time of the tokens, with these arguments behind the usual ones.
    fn verify(&self, more: &[&str], input: &[u8]) -> (i32, Vec<Value>, String) {
        let jwks = self.file("jwks.json");
        let now = NOW.to_string();
        let mut args = vec!["verify", "--jwks", jwks.to_str().unwrap()];
        args.extend(["--audience", DOMAIN, "--now", &now]);
        args.extend(more);
        let output = run(&args, input);
        let lines = stdout(&output)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (code(&output), lines.collect(), stderr(&output).to_owned())
    }
}

fn reasons(lines: &[Value]) -> Vec<Option<&str>> {
    for line in lines {
        let accepted = line["verdict"] == "accepted";
        assert_eq!(line.get("context").is_some(), accepted, "{line}");
        assert_eq!(line["reason"].is_null(), accepted, "{line}");
    }
    lines.iter().map(|line| line["reason"].as_str()).collect()
}

#[test]
fn a_good_token_is_accepted_with_its_context() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let (code, lines, errors) = fixture.verify(&[&token], b"");
    assert_eq!(code, 0, "{errors}");
    assert_eq!(reasons(&lines), [None]);
    let context = &lines[0]["context"];
    for (member, expected) in [
        ("tenant", Value::from("acme")),
        ("subject", "ada".into()),
        ("principal", "okta/acme/ada".into()),
        ("kind", "user".into()),
        ("scope", "orders.read".into()),
        ("txn", "t-1".into()),
        ("issuer", ISSUER.into()),
        ("as_of", NOW.into()),
        ("expires_at", (NOW + 300).into()),
        ("actors", Value::Array(Vec::new())),
    ] {
        assert_eq!(context[member], expected, "{member}");
    }
    // The order of the members is part of what a script may read.
    let jwks = fixture.file("jwks.json");
    let now = NOW.to_string();
    let args = ["--audience", DOMAIN, "--now", &now, &token];
    let output = run(
        &[&["verify", "--jwks", jwks.to_str().unwrap()], &args[..]].concat(),
        b"",
    );
    let start = r#"{"verdict":"accepted","reason":null,"context":{"tenant":"acme""#;
    assert!(stdout(&output).starts_with(start), "{}", stdout(&output));
}

#[test]
fn every_line_gets_a_verdict_and_none_is_skipped() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let mut input = Vec::new();
    input.extend(token.as_bytes());
    input.extend(b"\n\n");
    input.extend(token.as_bytes());
    input.extend(b"\r\n\r\n\xff\xfe\x00\n ");
    input.extend(token.as_bytes());
    input.extend(b"\na.b.c\n");
    input.extend(vec![b'x'; 3 * 1024 * 1024]);
    input.extend(b"\n");
    input.extend(&token.as_bytes()[..token.len() - 1]);
    input.extend(b"\n");
    input.extend(token.as_bytes());
    let (code, lines, _) = fixture.verify(&["-"], &input);
    assert_eq!(code, 1);
    let expected = [
        None,
        Some("context_missing"),
        None,
        Some("context_missing"),
        Some("context_malformed"),
        Some("context_malformed"),
        Some("context_malformed"),
        Some("context_oversized"),
        Some("context_truncated"),
        None,
    ];
    assert_eq!(reasons(&lines), expected);

    let two = format!("{token}\n{token}\n");
    let (code, lines, _) = fixture.verify(&["-"], two.as_bytes());
    assert_eq!((code, lines.len()), (0, 2));
    let (code, lines, _) = fixture.verify(&["-"], b"\n");
    assert_eq!((code, reasons(&lines)), (1, vec![Some("context_missing")]));
    let (code, lines, _) = fixture.verify(&[""], b"");
    assert_eq!((code, reasons(&lines)), (1, vec![Some("context_missing")]));
}

#[test]
fn what_is_demanded_is_checked() {
    let fixture = Fixture::new();
    let token = fixture.token();
    let reason = |args: &[&str]| {
        let (code, lines, _) = fixture.verify(args, b"");
        assert_eq!(code, 1);
        lines[0]["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        reason(&["--issuer", "https://other.example", &token]),
        "issuer_untrusted"
    );
    assert_eq!(fixture.verify(&["--issuer", ISSUER, &token], b"").0, 0);

    let jwks = fixture.file("jwks.json");
    let verdict = |audience: &str, now: u64, token: &str| {
        let now = now.to_string();
        let args = [
            "verify",
            "--jwks",
            jwks.to_str().unwrap(),
            "--audience",
            audience,
        ];
        let output = run(&[&args[..], &["--now", &now, token]].concat(), b"");
        let line: Value = serde_json::from_str(stdout(&output)).unwrap();
        line["reason"].as_str().unwrap_or("accepted").to_owned()
    };
    assert_eq!(verdict("other.example", NOW, &token), "audience_mismatch");
    assert_eq!(verdict(DOMAIN, NOW + 329, &token), "accepted");
    assert_eq!(verdict(DOMAIN, NOW + 330, &token), "context_expired");
    assert_eq!(verdict(DOMAIN, NOW - 31, &token), "context_not_yet_valid");

    let stranger = TokenIssuer::new(
        TrustDomainName::new(DOMAIN).unwrap(),
        SigningKey::generate().unwrap(),
    )
    .with_clock(|| Timestamp::from_unix(NOW));
    assert_eq!(reason(&[&fixture.minted(&stranger)]), "key_unknown");

    // Of a lifetime, the day of the tool is the cap, unless it is told another one.
    let hour = fixture
        .issuer
        .clone()
        .with_lifetime(Duration::from_secs(3_600));
    let hour = fixture.minted(&hour);
    assert_eq!(fixture.verify(&[&hour], b"").0, 0);
    assert_eq!(
        reason(&["--max-lifetime", "900", &hour]),
        "lifetime_excessive"
    );
    let week = fixture
        .issuer
        .clone()
        .with_lifetime(Duration::from_secs(7 * 86_400));
    assert_eq!(reason(&[&fixture.minted(&week)]), "lifetime_excessive");

    // Without `--now` it is now, and these tokens are of 2023.
    let args = [
        "verify",
        "--jwks",
        jwks.to_str().unwrap(),
        "--audience",
        DOMAIN,
        &token,
    ];
    let output = run(&args, b"");
    assert!(
        stdout(&output).contains("context_expired"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn bad_usage_is_told_from_a_refusal() {
    let fixture = Fixture::new();
    let token = fixture.token();
    for (name, document) in [
        ("empty.json", r#"{"keys":[]}"#),
        ("html.json", "<html>"),
        ("nothing.json", ""),
        (
            "oct.json",
            r#"{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}"#,
        ),
    ] {
        std::fs::write(fixture.file(name), document).unwrap();
        let file = fixture.file(name);
        let args = [
            "verify",
            "--jwks",
            file.to_str().unwrap(),
            "--audience",
            DOMAIN,
            &token,
        ];
        let output = run(&args, b"");
        assert_eq!(code(&output), 2, "{name}");
        assert!(
            stdout(&output).is_empty() && stderr(&output).contains(name),
            "{name}"
        );
    }
    let file = fixture.file("jwks.json");
    let file = file.to_str().unwrap();
    for args in [
        &[
            "verify",
            "--jwks",
            "no-such-file",
            "--audience",
            DOMAIN,
            &token,
        ][..],
        &[
            "verify",
            "--jwks",
            file,
            "--audience",
            "Not A Domain",
            &token,
        ],
        &["verify", "--jwks", file, "--audience", "", &token],
        &["verify", "--jwks", file, "--audience", DOMAIN],
        &["verify", "--jwks", file, &token],
        &["verify", "--audience", DOMAIN, &token],
        &[
            "verify",
            "--jwks",
            file,
            "--audience",
            DOMAIN,
            "--now",
            "soon",
            &token,
        ],
        &[
            "verify",
            "--jwks",
            file,
            "--audience",
            DOMAIN,
            "--now",
            "-1",
            &token,
        ],
        &[
            "verify",
            "--jwks",
            file,
            "--audience",
            DOMAIN,
            "--now",
            "1700000000000",
            &token,
        ],
        &[
            "verify",
            "--jwks",
            file,
            "--audience",
            DOMAIN,
            "--no-such-flag",
            &token,
        ],
        &["verify", "--jwks", file, "--audience", DOMAIN, "-"],
        &["no-such-command"],
        &[],
    ] {
        let output = run(args, b"");
        assert_eq!(code(&output), 2, "{args:?}: {}", stdout(&output));
        assert!(stdout(&output).is_empty(), "{args:?}");
        assert!(!stderr(&output).is_empty(), "{args:?}");
    }
}
