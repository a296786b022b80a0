//! The search: what is a secret in a line of text.

use std::collections::HashSet;

/// How short a piece of a token is still looked for.
pub(crate) const PIECE: usize = 16;

/// A thumbprint is 43, and an attack writes one that is a little longer. A signature is 86.
const LONGEST_KEY_ID: usize = 64;

/// Pieces of tokens that are known to the test.
#[derive(Default)]
pub(crate) struct Pieces(HashSet<Vec<u8>>);

impl Pieces {
    pub(crate) fn of<'t>(tokens: impl IntoIterator<Item = &'t str>) -> Self {
        // All of a token but its header, which is the same for all and says nothing.
        let parts = tokens
            .into_iter()
            .flat_map(|token| token.split('.').skip(1));
        let windows = parts.flat_map(|part| part.as_bytes().windows(PIECE));
        Self(windows.map(<[u8]>::to_vec).collect())
    }

    fn are_in(&self, run: &[u8]) -> bool {
        !self.0.is_empty() && run.windows(PIECE).any(|window| self.0.contains(window))
    }
}

/// What a log line says that it must not.
pub(crate) fn secret_in(line: &str, known: &Pieces) -> Option<&'static str> {
    let key = key_id(line);
    if key.len() > LONGEST_KEY_ID {
        return Some("a key id that is none");
    }
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let runs = line.as_bytes().split(|byte| !is_base64url(byte));
    for run in runs.filter(|run| run.len() >= PIECE) {
        if known.are_in(run) {
            return Some("a piece of a known token");
        }
        // How a JSON object begins in base64, and goes on.
        if run[..=run.len() - PIECE]
            .windows(3)
            .any(|start| start == b"eyJ")
        {
            return Some("something like a JWS");
        }
        if looks_random(run) && !key.contains(str::from_utf8(run).unwrap()) {
            return Some("something random");
        }
    }
    holds_bytes(line).then_some("bytes of something")
}

/// Sixteen numbers below 256 in a row, or as many escapes: how `Debug` writes bytes.
fn holds_bytes(line: &str) -> bool {
    let many = |byte| line.bytes().filter(|found| *found == byte).count() >= PIECE - 1;
    let numbers = line.split(", ").map(|number| {
        let number = number.rsplit(['[', '(']).next().unwrap_or(number);
        number
            .split([']', ')'])
            .next()
            .unwrap_or(number)
            .parse::<u8>()
            .is_ok()
    });
    let escapes = line.split('\\').skip(1).map(|escape| {
        let digits = escape.strip_prefix('x').unwrap_or_default();
        digits.len() >= 2 && digits.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit)
    });
    many(b',') && longest_run(numbers) >= PIECE || many(b'\\') && longest_run(escapes) >= PIECE
}

fn longest_run(held: impl Iterator<Item = bool>) -> usize {
    let mut run = 0;
    held.map(|held| {
        run = if held { run + 1 } else { 0 };
        run
    })
    .max()
    .unwrap_or(0)
}

/// The id of the key that a refused token named: a thumbprint, random as a signature is, and what
/// the log is read for.
fn key_id(line: &str) -> &str {
    let named = line.split_once("kid is `");
    named
        .and_then(|(_, rest)| Some(rest.split_once('`')?.0))
        .unwrap_or_default()
}

/// Base64url of nothing readable, or many digits of hexadecimal. Names and ids have few capitals, or
/// hyphens where a UUID has them.
fn looks_random(run: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| run.iter().filter(|byte| is(byte)).count();
    let is_mixed = || {
        count(u8::is_ascii_uppercase) >= 3
            && count(u8::is_ascii_lowercase) >= 3
            && count(u8::is_ascii_digit) >= 1
    };
    run.len() >= 24 && is_mixed() || run.len() >= 40 && run.iter().all(u8::is_ascii_hexdigit)
}

/// The lines in which something was found, with what it was.
pub(crate) fn findings<'l>(log: &'l str, known: &Pieces) -> Vec<(&'static str, &'l str)> {
    log.lines()
        .filter_map(|line| Some((secret_in(line, known)?, line)))
        .collect()
}

/// Not in the middle of another word, as a short name is in many a UUID.
#[cfg(unix)]
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let mut pieces = text.split(word).peekable();
    while let (Some(before), Some(after)) = (pieces.next(), pieces.peek()) {
        let is_part = |c: char| c.is_ascii_alphanumeric();
        if !before.ends_with(is_part) && !after.starts_with(is_part) {
            return true;
        }
    }
    false
}

#[test]
fn what_must_not_be_in_a_line_is_found_and_what_may_be_is_not() {
    const SIGNATURE: &str = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6\
                             dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    let known = Pieces::of(["eyJhbGciOiJFZERTQSJ9.e30.0123456789abcdefgh"]);
    for bad in [
        "call=\"123456789abcdefg\"".to_owned(),
        "token=eyJhbGciOiJFZERTQSJ9".to_owned(),
        format!("signature={SIGNATURE}"),
        format!("half of it: {}", SIGNATURE.get(10..40).unwrap()),
        format!("kid is `{SIGNATURE}`"),
        format!("kid is `{THUMBPRINT}`, signature is {SIGNATURE}"),
        format!("key=[{}]", ["7"; 32].join(", ")),
        format!("key=b\"{}\"", "\\xa7".repeat(32)),
        format!("key={}", "0f".repeat(32)),
    ] {
        assert!(secret_in(&bad, &known).is_some(), "{bad}");
    }
    for good in [
        format!("key_unknown: the token's key is not known: kid is `{THUMBPRINT}`"),
        "id=c737d737-dc96-4306-a445-b21dbdb0efe2 reason=\"tenant_mismatch\"".to_owned(),
        "call=\"X18-baggage-twin-0\" service=\"billing\" tenant.id=\"acme\"".to_owned(),
        "Indices { head: 1, tail: 0 }, window_size: Window(65535)".to_owned(),
        "123456789abcdef, one less than a piece".to_owned(),
    ] {
        assert_eq!(secret_in(&good, &known), None, "{good}");
    }
}
