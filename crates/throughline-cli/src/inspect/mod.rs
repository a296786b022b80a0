//! `throughline inspect`: what a token says, shown to a person and marked as not verified.
//!
//! Everything shown was written by whoever made the token, so it is made printable first, and
//! nothing here is decided by it.

mod calendar;

use std::fmt::Write as _;
use std::io::{self, Read};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use throughline::SystemClock;
use throughline_core::context::Claimed;
use throughline_core::json;
use throughline_core::refusal::shown;
use throughline_core::time::{Clock, Timestamp};

use self::calendar::moment;
use crate::cli::InspectArgs;

const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HEADING: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// The longest text that is looked at. A token of a hop has at most 8 KiB.
const MAX_LEN: u64 = 1024 * 1024;

/// What a transaction token must say, in the order in which a hop misses it.
const REQUIRED: [&[&str]; 12] = [
    &["aud"],
    &["rctx"],
    &["iat"],
    &["exp"],
    &["rctx", "as_of"],
    &["txn"],
    &["sub"],
    &["scope"],
    &["req_wl"],
    &["tctx", "kind"],
    &["tctx", "idp"],
    &["tctx", "sub"],
];

pub(crate) fn run(args: &InspectArgs) -> ExitCode {
    let text = if args.token == "-" {
        let mut text = Vec::new();
        if let Err(error) = io::stdin().lock().take(MAX_LEN).read_to_end(&mut text) {
            anstream::eprintln!("throughline inspect: standard input: {error}");
            return ExitCode::from(1);
        }
        text
    } else {
        args.token.as_encoded_bytes().to_vec()
    };
    match inspect(&text, SystemClock.now()) {
        Ok(page) => {
            anstream::print!("{page}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            anstream::eprintln!("throughline inspect: not a token: {problem}");
            ExitCode::from(1)
        }
    }
}

/// The page about a token, with styles; or why the text is none.
fn inspect(text: &[u8], now: Timestamp) -> Result<String, String> {
    let token = text.trim_ascii();
    if token.is_empty() {
        return Err("there is no text".into());
    }
    let mut parts = token.splitn(4, |byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("it does not have three parts with a dot between them".into());
    };
    let header = object("header", header)?;
    let (claims, payload) = object("payload", payload)?;

    let mut page = Page::new(now);
    page.line(format_args!(
        "{WARNING}NOT VERIFIED{WARNING:#} anybody can write this; nothing below has been checked"
    ));
    page.heading("header");
    for (name, value) in &header.0 {
        page.member(name, &plain(value));
    }
    page.member("signature", &signature_text(signature));
    page.context(&claims);
    page.heading("all claims");
    page.tree(&claims, 1);
    page.missing(&claims, &payload);
    Ok(page.text)
}

/// A part as a JSON object, and its bytes.
fn object(part: &str, text: &[u8]) -> Result<(Map<String, Value>, Vec<u8>), String> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| format!("its {part} is not base64url"))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok((members, bytes)),
        Ok(_) => Err(format!("its {part} is json, but no object")),
        Err(_) => Err(format!("its {part} is not json")),
    }
}

fn signature_text(signature: &[u8]) -> String {
    match (signature.len(), URL_SAFE_NO_PAD.decode(signature)) {
        (0, _) => "none".into(),
        (_, Ok(bytes)) => format!("{} bytes, not checked", bytes.len()),
        (len, Err(_)) => format!("{len} characters that are not base64url"),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text.as_bytes()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            shown(value.to_string().as_bytes())
        }
    }
}

fn find<'v>(claims: &'v Map<String, Value>, path: &[&str]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    let value = claims.get(*first)?;
    rest.iter().try_fold(value, |value, name| value.get(name))
}

struct Page {
    text: String,
    now: Timestamp,
}

impl Page {
    fn new(now: Timestamp) -> Self {
        Self {
            text: String::new(),
            now,
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn heading(&mut self, name: &str) {
        self.line(format_args!("\n{HEADING}{name}{HEADING:#}"));
    }

    fn member(&mut self, name: &str, value: &str) {
        let name = shown(name.as_bytes());
        self.line(format_args!("  {QUIET}{name:<12}{QUIET:#} {value}"));
    }

    /// Who, for which tenant, with what authority, until when: where the claims say so.
    fn context(&mut self, claims: &Map<String, Value>) {
        self.heading("context");
        let rows: [(&str, &[&str]); 12] = [
            ("tenant", &["tctx", "tenant"]),
            ("subject", &["tctx", "sub"]),
            ("provider", &["tctx", "idp"]),
            ("principal", &["sub"]),
            ("kind", &["tctx", "kind"]),
            ("scope", &["scope"]),
            ("task", &["tctx", "task"]),
            ("data", &["tctx", "data"]),
            ("domain", &["aud"]),
            ("issuer", &["iss"]),
            ("transaction", &["txn"]),
            ("asked by", &["req_wl"]),
        ];
        for (name, path) in rows {
            if let Some(value) = find(claims, path) {
                self.member(name, &plain(value));
            }
        }
        let mut actor = claims.get("act");
        let mut depth = 0;
        while let Some(act) = actor.filter(|_| depth < 16) {
            let name = if depth == 0 { "acted by" } else { "behind it" };
            let text = |member| act.get(member).map_or("?".into(), plain);
            self.member(name, &format!("{} ({})", text("sub"), text("kind")));
            actor = act.get("act");
            depth += 1;
        }
        let times: [(&str, &[&str]); 6] = [
            ("issued", &["iat"]),
            ("not before", &["nbf"]),
            ("expires", &["exp"]),
            ("true as of", &["rctx", "as_of"]),
            ("signed in", &["rctx", "auth_time"]),
            ("deadline", &["tctx", "task", "deadline"]),
        ];
        for (name, path) in times {
            if let Some(value) = find(claims, path) {
                let text = moment(value, self.now).unwrap_or_else(|| {
                    format!("{} is no time in seconds since 1970", plain(value))
                });
                self.member(name, &text);
            }
        }
    }

    fn tree(&mut self, members: &Map<String, Value>, depth: usize) {
        for (name, value) in members {
            let name = shown(name.as_bytes());
            let indent = "  ".repeat(depth);
            // Deeper than any token of ours goes; what is below stays on one line.
            let below = value
                .as_object()
                .filter(|below| depth < 4 && !below.is_empty());
            if let Some(below) = below {
                self.line(format_args!("{indent}{QUIET}{name}{QUIET:#}"));
                self.tree(below, depth + 1);
            } else {
                let value = plain(value);
                self.line(format_args!("{indent}{QUIET}{name}{QUIET:#} {value}"));
            }
        }
    }

    /// What keeps these claims from being those of a transaction token.
    fn missing(&mut self, claims: &Map<String, Value>, payload: &[u8]) {
        self.heading("as a transaction token");
        let mut absent: Vec<String> = REQUIRED
            .iter()
            .filter(|path| find(claims, path).is_none())
            .map(|path| path.join("."))
            .collect();
        let is_platform =
            find(claims, &["tctx", "kind"]).and_then(Value::as_str) == Some("platform");
        if !is_platform && find(claims, &["tctx", "tenant"]).is_none() {
            absent.push("tctx.tenant".into());
        }
        if !absent.is_empty() {
            self.member("lacks", &absent.join(", "));
        }
        match (json::check(payload), Claimed::read(payload)) {
            (Err(error), _) => self.member("refused for", &shown(error.to_string().as_bytes())),
            (Ok(()), Err(refusal)) => self.member("refused for", &refusal.to_string()),
            (Ok(()), Ok(_)) => {
                self.member(
                    "form",
                    "complete; `throughline verify` says whether it is genuine",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

    fn token(payload: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"k","typ":"txntoken+jwt"}"#);
        format!("{header}.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn what_is_shown_is_marked_as_not_verified_and_cannot_move_the_cursor() {
        let page = inspect(
            token(r#"{"sub":"okta/acme/\u001b[2Jada","iat":1699999700,"exp":1700000060}"#)
                .as_bytes(),
            NOW,
        )
        .unwrap();
        let page = anstream::adapter::strip_str(&page).to_string();
        assert!(page.starts_with("NOT VERIFIED"), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
        assert!(page.contains("2023-11-14 22:14:20 UTC, in 1 min"), "{page}");
        assert!(
            page.contains("lacks        aud, rctx, rctx.as_of, txn"),
            "{page}"
        );
    }

    #[test]
    fn what_is_no_token_is_told_from_one() {
        for text in [
            &b""[..],
            b" \n",
            b"...",
            b"a.b",
            b"a.b.c.d",
            b"\xff\xfe.\0.",
            b"e30.W10.",
            b"W10.e30.",
            b"e30.e30=.",
        ] {
            assert!(inspect(text, NOW).is_err(), "{text:?}");
        }
        assert!(inspect(b"e30.e30.", NOW).is_ok());
        assert!(inspect(token("{}").as_bytes(), NOW).is_ok());
        let deep = format!("{}1{}", "{\"act\":".repeat(100), "}".repeat(100));
        assert!(inspect(token(&deep).as_bytes(), NOW).is_ok());
    }
}
