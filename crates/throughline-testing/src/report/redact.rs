//! Requests and answers as a person may see them: with the names of tokens, never the tokens.

use std::fmt::Write as _;

use http::header::HeaderValue;

use crate::attack::Fill;
use crate::run::{Answer, Failure, Outgoing};

/// No line of a report is longer.
const MAX_LINE: usize = 400;
/// No report shows more lines of a body.
const MAX_LINES: usize = 8;
/// A run of a token's letters this long is taken for one.
const LIKE_A_TOKEN: usize = 32;
/// A piece of a known token this long is taken for one. A shorter one is a word by chance.
const LIKE_A_PIECE: usize = 10;

/// Knows the tokens of a run, and replaces them.
#[derive(Clone)]
pub(crate) struct Redact {
    known: Vec<(String, String)>,
}

impl Redact {
    pub(crate) fn new(fill: &Fill) -> Self {
        let known = [&fill.own, &fill.other].map(|side| (&side.token, &side.tenant));
        Self {
            known: known
                .into_iter()
                .filter(|(token, _)| !token.is_empty())
                .map(|(token, tenant)| {
                    let label = format!("‹token of {tenant}, {} bytes›", token.len());
                    (token.clone(), label)
                })
                .collect(),
        }
    }

    /// The lines of a request.
    pub(crate) fn request(&self, outgoing: &Outgoing) -> Vec<String> {
        let request = &outgoing.request;
        let mut lines = vec![self.line(&format!("{} {}", request.method(), request.uri()))];
        for (name, value) in request.headers() {
            lines.push(self.line(&format!("{name}: {}", text(value))));
        }
        lines.extend(self.body(request.body()));
        for (name, value) in &outgoing.trailers {
            lines.push(self.line(&format!("(trailer) {name}: {}", text(value))));
        }
        lines
    }

    /// The lines of an answer.
    pub(crate) fn answer(&self, answer: Result<&Answer, &Failure>) -> Vec<String> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return vec![self.line(&failure.to_string())],
        };
        let mut lines = vec![answer.status().to_string()];
        for (name, value) in answer.headers() {
            lines.push(self.line(&format!("{name}: {}", text(value))));
        }
        lines.extend(self.body(answer.body()));
        for (name, value) in answer.trailers() {
            lines.push(self.line(&format!("(trailer) {name}: {}", text(value))));
        }
        lines
    }

    fn body(&self, body: &[u8]) -> Vec<String> {
        let Ok(text) = std::str::from_utf8(body) else {
            return vec![format!("({} bytes that are no text)", body.len())];
        };
        if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
            return vec![format!("({} bytes that are no text)", body.len())];
        }
        let mut lines: Vec<_> = text.lines().take(MAX_LINES).map(|l| self.line(l)).collect();
        if text.lines().nth(MAX_LINES).is_some() {
            lines.push("…".into());
        }
        lines
    }

    /// A text without the tokens that it holds, whole or in part, and of bounded length.
    pub(crate) fn line(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (token, label) in &self.known {
            text = text.replace(token.as_str(), label);
        }
        let mut line = Line::default();
        for letter in text.chars() {
            if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '=') {
                line.run.push(letter);
            } else {
                line.flush(&self.known);
                line.push(letter);
            }
        }
        line.flush(&self.known);
        let mut out = line.out;
        if out.chars().count() > MAX_LINE {
            let length = out.len();
            out = out.chars().take(MAX_LINE).collect();
            let _ = write!(out, "… ({length} bytes)");
        }
        out
    }
}

/// A line that is being redacted.
#[derive(Default)]
struct Line {
    out: String,
    /// What could become a token.
    run: String,
    /// Behind a token, until the word ends: what a broken letter cut off from it.
    hidden: bool,
}

impl Line {
    fn push(&mut self, letter: char) {
        if letter.is_whitespace() || letter == '"' {
            self.hidden = false;
        }
        if self.hidden {
            return;
        }
        match letter.is_control() {
            true => self.out.extend(letter.escape_debug()),
            false => self.out.push(letter),
        }
    }

    /// Takes over what was collected, unless it could be a token, or is a piece of one.
    fn flush(&mut self, known: &[(String, String)]) {
        let run = std::mem::take(&mut self.run);
        if self.hidden || run.is_empty() {
            return;
        }
        let is_piece = || known.iter().any(|(token, _)| token.contains(&run));
        if run.len() >= LIKE_A_TOKEN && (run.contains('.') || run.len() >= 2 * LIKE_A_TOKEN) {
            let _ = write!(self.out, "‹a made-up token, {} bytes›", run.len());
            self.hidden = true;
        } else if run.len() >= LIKE_A_PIECE && is_piece() {
            let _ = write!(self.out, "‹a piece of a token, {} bytes›", run.len());
            self.hidden = true;
        } else {
            // An id, a host, a word: nothing that opens a door.
            self.out.push_str(&run);
        }
    }
}

fn text(value: &HeaderValue) -> String {
    match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Side;

    #[test]
    fn no_token_is_shown_whole_or_in_part() {
        let token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
        let side = |tenant: &str, token: &str| Side {
            tenant: tenant.into(),
            token: token.into(),
            ..Side::default()
        };
        let redact = Redact::new(&Fill {
            own: side("acme", token),
            other: side("globex", ""),
            credential_header: String::new(),
            tenant_header: String::new(),
            copy_header: String::new(),
            nonce: String::new(),
        });
        let long = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJldmUifQ.aaaaaaaaaaaaa";
        for (text, expected) in [
            (
                format!("txn-token: {token}"),
                "txn-token: ‹token of acme, 66 bytes›",
            ),
            (
                format!("authorization: Bearer {token},{token}"),
                "authorization: Bearer ‹token of acme, 66 bytes›,‹token of acme, 66 bytes›",
            ),
            (
                format!("txn-token: {long}"),
                "txn-token: ‹a made-up token, 52 bytes›",
            ),
            (
                format!("txn-token: {long}^abc"),
                "txn-token: ‹a made-up token, 52 bytes›",
            ),
            (
                "x: eyJhbGciOiJFZ".into(),
                "x: ‹a piece of a token, 13 bytes›",
            ),
            ("x-tenant-id: acme".into(), "x-tenant-id: acme"),
            ("x: a\u{7}b".into(), "x: a\\u{7}b"),
            (
                "urn:uuid:0b9e7c8e-9d55-4a6c-8a43-1b8f4f7b6d1e".into(),
                "urn:uuid:0b9e7c8e-9d55-4a6c-8a43-1b8f4f7b6d1e",
            ),
        ] {
            assert_eq!(redact.line(&text), expected);
        }
    }

    #[test]
    fn lines_and_bodies_are_bounded() {
        let redact = Redact { known: Vec::new() };
        let line = redact.line(&"a b ".repeat(1000));
        assert!(
            line.ends_with("… (4000 bytes)") && line.len() < 450,
            "{line}"
        );
        assert_eq!(redact.body(&b"x\n".repeat(50)).len(), MAX_LINES + 1);
        assert_eq!(redact.body(&[0xff, 0]), ["(2 bytes that are no text)"]);
    }
}
