use crate::{code, run, stderr, stdout};

/// RFC 7519 §3.1: a token, and no transaction token.
const EXAMPLE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn a_token_is_shown_and_marked_as_not_verified() {
    for output in [
        run(&["inspect", EXAMPLE], b""),
        run(&["inspect", "-"], format!("  {EXAMPLE}\r\n").as_bytes()),
    ] {
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let page = stdout(&output);
        assert!(page.starts_with("NOT VERIFIED"), "{page}");
        assert!(page.contains("2011-03-22 18:43:00 UTC"), "{page}");
        assert!(page.contains("joe"), "{page}");
        assert!(page.contains("lacks"), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
    }
}

#[test]
fn garbage_is_told_from_a_token_and_harms_nobody() {
    let huge = "x".repeat(4 * 1024 * 1024);
    let dots = ".".repeat(100_000);
    let deep = vec![b'['; 100_000];
    let inputs: [&[u8]; 9] = [
        b"",
        b"\n",
        b"hello",
        b"..",
        b"a.b.c",
        b"\xff\xfe\x00.\x01.\x02",
        huge.as_bytes(),
        dots.as_bytes(),
        &deep,
    ];
    for input in inputs {
        let output = run(&["inspect", "-"], input);
        assert_eq!(code(&output), 1);
        assert!(stdout(&output).is_empty());
        assert!(
            stderr(&output).contains("not a token"),
            "{}",
            stderr(&output)
        );
    }
    assert_eq!(code(&run(&["inspect", "--", "-x.y"], b"")), 1);
    assert_eq!(code(&run(&["inspect", "--no-such-flag"], b"")), 2);
    assert_eq!(code(&run(&["inspect"], b"")), 2);
}
