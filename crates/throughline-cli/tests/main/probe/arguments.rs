//! What the probe refuses to begin with, and that it keeps tokens to itself meanwhile.

use std::process::Output;

use crate::throughline;

const URL: &str = "http://127.0.0.1:9/t/acme/orders";
const SECRET: &str = "s3cr3t-4f9a1c77e0b2";

fn probe(args: &[&str]) -> Output {
    let output = throughline()
        .arg("probe")
        .args(args)
        .env("OWN", SECRET)
        .env("OTHER", SECRET.repeat(2))
        .output()
        .unwrap();
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        for part in [SECRET.split_at(10).0, SECRET.split_at(9).1] {
            assert!(!text.contains(part), "{args:?}: {text}");
        }
    }
    output
}

#[test]
fn what_cannot_be_carried_out_is_a_usage_error_with_its_reason() {
    let own = ["--token-from", "env:OWN"];
    let tenants = ["--tenant", "acme", "--other-tenant", "globex"];
    for (args, reason) in [
        (&[URL][..], "--token-from"),
        (&[URL, "--token-from", SECRET], "expected `env:NAME`"),
        (&[URL, "--token-from", "env:NO_SUCH"], "`NO_SUCH`"),
        (&[URL, "--token-from", "file:/no/such"], "`/no/such`"),
        (&[URL, "--token-from", "command:exit 7"], "token command"),
        (&["ftp://a.b/", own[0], own[1]], "http"),
        (
            &["http://u:s3cr3t-4f9a1c77e0b2@a.b/", own[0], own[1]],
            "user name",
        ),
        (&[URL, own[0], own[1]], "give `--tenant`"),
        (
            &[
                URL,
                own[0],
                own[1],
                "--tenant",
                "acme",
                "--other-tenant",
                "acme",
            ],
            "both tenants",
        ),
        (
            &[URL, own[0], own[1], "--other-token-from", "env:OWN"],
            "both tokens",
        ),
        (
            &[URL, own[0], own[1], "--tenant", "a/b"],
            "no name of a tenant",
        ),
        (&[URL, own[0], own[1], "--rate", "0"], "20/s"),
        (&[URL, own[0], own[1], "--timeout", "0"], "--timeout"),
        (&[URL, own[0], own[1], "--credential", "basic"], "bearer"),
        (&[URL, own[0], own[1], "--json", "--sarif"], "--sarif"),
        (
            &[URL, own[0], own[1], "--method", "DELETE"],
            "--allow-changes",
        ),
        (&[URL, own[0], own[1], "--grpc", "a.B/C"], "--allow-changes"),
    ] {
        let output = probe(args);
        assert_eq!(crate::code(&output), 2, "{args:?}");
        let text = crate::stderr(&output);
        assert!(text.contains(reason), "{args:?}: {text}");
        assert!(output.stdout.is_empty());
    }
    for flag in ["--only", "--skip"] {
        let args = [&[URL], &own[..], &tenants[..], &[flag, "no/such"]].concat();
        let output = probe(&args);
        assert_eq!(crate::code(&output), 2);
        assert!(crate::stderr(&output).contains("`no/such`"));
    }
}

#[test]
fn a_token_that_the_shell_put_behind_the_source_is_not_repeated() {
    const JWT: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.s3cr3t-4f9a1c77e0b2";
    let opaque = format!("{SECRET}.a");
    for (source, reason) in [
        (format!("env:{JWT}"), "without `$`"),
        (format!("env:{opaque}"), "without `$`"),
        (format!("file:{JWT}"), "looks like a token"),
        (format!("file:/run/{JWT}"), "looks like a token"),
        (format!("file:{}", SECRET.repeat(4)), "looks like a token"),
    ] {
        for option in ["--token-from", "--other-token-from"] {
            let mut args = vec![URL, option, &source];
            if option != "--token-from" {
                args.extend(["--token-from", "env:OWN"]);
            }
            let output = probe(&args);
            assert_eq!(crate::code(&output), 2);
            let text = crate::stderr(&output);
            assert!(text.contains(reason), "{text}");
            assert!(!text.contains("eyJ"), "{text}");
        }
    }
    // A name is a name.
    for (source, name) in [
        ("env:NO_SUCH_TOKEN", "`NO_SUCH_TOKEN`"),
        ("file:../no/such.jwt", "`../no/such.jwt`"),
    ] {
        let output = probe(&[URL, "--token-from", source]);
        assert_eq!(crate::code(&output), 2);
        assert!(crate::stderr(&output).contains(name));
    }
}

#[test]
fn a_given_expired_token_may_be_skipped_although_another_attack_is_chosen() {
    let flags = ["--tenant", "acme", "--other-tenant", "globex", "--dry-run"];
    let tokens = ["--token-from", "env:OWN", "--expired-token-from", "env:OLD"];
    let choice = ["--only", "tokens/none", "--skip", "times/expired-given"];
    let output = throughline()
        .args(["probe", URL])
        .args([&flags[..], &tokens, &choice].concat())
        .env("OWN", SECRET)
        .env("OLD", "e30.e30.c2ln")
        .output()
        .unwrap();
    assert_eq!(crate::code(&output), 0, "{}", crate::stderr(&output));
    let text = crate::stdout(&output);
    assert!(text.contains("tokens/none"), "{text}");
    // Both choices of the same attack leave nothing, and say so.
    let output = throughline()
        .args(["probe", URL])
        .args([&flags[..], &tokens[..2]].concat())
        .args(["--only", "tokens/none", "--skip", "tokens/none"])
        .env("OWN", SECRET)
        .output()
        .unwrap();
    assert_eq!(crate::code(&output), 2);
    let text = crate::stderr(&output);
    assert!(text.contains("no attack is left"), "{text}");
}

#[test]
fn a_dry_run_lists_every_request_and_sends_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/t/acme/orders", listener.local_addr().unwrap());
    let flags = ["--tenant", "acme", "--other-tenant", "globex", "--dry-run"];
    let tokens = ["--token-from", "env:OWN", "--other-token-from", "env:OTHER"];
    let args = [&[url.as_str()], &flags[..], &tokens[..]].concat();

    let output = probe(&args);
    assert_eq!(crate::code(&output), 0, "{}", crate::stderr(&output));
    let text = crate::stdout(&output);
    for part in [
        "nothing is sent",
        "/t/{tenant}/orders, for tenant acme, attacked from globex",
        "2000 requests, 20/s, 600 seconds",
        "headers/tenant-of-another",
        "GET /t/acme/orders",
        "authorization: Bearer ‹token of acme, 19 bytes›",
        "x-tenant-id: globex",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let output = probe(
        &[
            &args[..],
            &["--json", "--only", "headers/tenant-of-another"],
        ]
        .concat(),
    );
    assert_eq!(crate::code(&output), 0);
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["attacks"].as_array().unwrap().len(), 1);
    assert_eq!(plan["attacks"][0]["id"], "headers/tenant-of-another");
    let requests = plan["attacks"][0]["requests"].as_array().unwrap();
    assert_eq!(plan["requests"], requests.len());
    assert!(requests.len() >= 3 && requests.iter().all(|request| request["sent"] == true));

    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn help_says_what_is_sent_and_what_the_exit_status_means() {
    let output = probe(&["--help"]);
    let text = crate::stdout(&output);
    for part in [
        "Exit status",
        "--dry-run",
        "--allow-changes",
        "SSL_CERT_FILE",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
