//! `throughline verify`: what a hop would say to these tokens, one JSON line for each.
//!
//! Steps 1 to 5 of the hop, in its order. Step 6 needs a feed and steps 7 and 8 a request, so they
//! are left to real hops.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use throughline::{Freshness, KeySource, TrustDomain};
use throughline_core::carrier::{OwnedFields, TOKEN_FIELD};
use throughline_core::time::Timestamp;
use throughline_core::{Actor, Context, Reason, Refusal, Verified, hop};
use throughline_jose::keys::{AdmissionPolicy, KeySet};
use throughline_jose::verify::TokenType;

use crate::cli::VerifyArgs;
use crate::edge;

/// What a hop has room for beside the field's name.
const MAX_LEN: usize = OwnedFields::DEFAULT_MAX_BYTES - TOKEN_FIELD.len();

pub(crate) fn run(args: &VerifyArgs) -> ExitCode {
    match try_run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("throughline verify: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all tokens were accepted.
fn try_run(args: &VerifyArgs) -> Result<bool, Box<dyn Error>> {
    if let Some(config) = &args.config {
        return edge::verify::run(config, args.now, &args.token);
    }
    let domain = domain(args)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut all = true;
    let mut answer = |line: u64, token: &[u8]| -> io::Result<()> {
        let verdict = verify(&domain, token);
        if let Err(refusal) = &verdict {
            all = false;
            anstream::eprintln!("token {line}: {refusal}");
        }
        serde_json::to_writer(&mut out, &Line::of(&verdict))?;
        out.write_all(b"\n")
    };
    if args.token == "-" {
        let mut lines = Lines::new(BufReader::new(io::stdin().lock()), MAX_LEN);
        let mut count = 0;
        while let Some(line) = lines
            .next_line()
            .map_err(|e| format!("standard input: {e}"))?
        {
            count += 1;
            answer(count, line)?;
        }
        if count == 0 {
            return Err("no token given: standard input is empty".into());
        }
    } else {
        answer(1, args.token.as_encoded_bytes())?;
    }
    out.flush()?;
    Ok(all)
}

fn domain(args: &VerifyArgs) -> Result<TrustDomain, Box<dyn Error>> {
    let admission = AdmissionPolicy::new();
    // clap demands both where there is no configuration.
    let (Some(jwks), Some(audience)) = (&args.jwks, &args.audience) else {
        return Err("expected `--jwks` and `--audience`, or `--config`".into());
    };
    let name = jwks.display();
    let document = read_capped(jwks).map_err(|error| format!("{name}: {error}"))?;
    let keys = KeySet::parse(&document, &admission).map_err(|error| format!("{name}: {error}"))?;
    for skipped in keys.skipped() {
        anstream::eprintln!(
            "{name}: key {} is not used: {}",
            skipped.index(),
            skipped.reason()
        );
    }
    if keys.is_empty() {
        return Err(format!("{name}: no usable key").into());
    }
    let day = Duration::from_secs(24 * 60 * 60);
    let forever = Duration::from_secs(Timestamp::MAX.as_unix());
    let types = if args.any_typ {
        TokenType::DangerAny
    } else {
        TokenType::Transaction
    };
    let lifetime = Duration::from_secs(args.max_lifetime);
    let mut domain = TrustDomain::new(audience)?
        .with_keys(KeySource::set(keys))
        .with_freshness(Freshness::lifetime_only(forever))
        .with_token_type(types)
        .with_policy(|policy| {
            let policy = policy
                .with_max_lifetime(lifetime)
                .with_max_chain_age(day.max(lifetime));
            match &args.issuer {
                Some(issuer) => policy.with_issuer(issuer),
                None => policy,
            }
        });
    if let Some(now) = args.now {
        if now > Timestamp::MAX.as_unix() {
            return Err(format!("--now {now} is out of range, expected seconds").into());
        }
        domain = domain.with_clock(move || Timestamp::from_unix(now));
    }
    Ok(domain)
}

/// The file, up to a size at which it is no key set anyway.
fn read_capped(path: &Path) -> io::Result<Vec<u8>> {
    let mut document = Vec::new();
    std::fs::File::open(path)?
        .take(16 * 1024 * 1024)
        .read_to_end(&mut document)?;
    Ok(document)
}

/// Steps 1 to 5, in the order of a hop.
fn verify(domain: &TrustDomain, token: &[u8]) -> Result<Verified, Refusal> {
    if token.len() > MAX_LEN {
        return Err(Refusal::new(Reason::ContextOversized)
            .because(format!("has more than {MAX_LEN} bytes")));
    }
    let token = hop::present((!token.is_empty()).then_some(token))?;
    domain.verify(token)
}

/// Lines of any length in bounded memory: of one that is too long, only the beginning is kept.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    /// The longest line that is no longer than any token.
    max: usize,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R, max: usize) -> Self {
        Self {
            input,
            line: Vec::new(),
            max,
        }
    }

    pub(crate) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        // One byte too many, and the CR that may follow.
        let kept = self.max + 2;
        self.line.clear();
        let mut dropped = false;
        let mut last = None;
        let mut any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let (text, used) = match end {
                Some(end) => (chunk.split_at(end).0, end + 1),
                None => (chunk, chunk.len()),
            };
            let room = kept.saturating_sub(self.line.len());
            self.line.extend(text.iter().take(room));
            dropped |= text.len() > room;
            last = text.last().copied().or(last);
            self.input.consume(used);
            if end.is_some() {
                // CRLF ends a line as LF does; what was dropped is too long with or without it.
                if last == Some(b'\r') && !dropped {
                    self.line.pop();
                }
                break;
            }
        }
        Ok(any.then_some(self.line.as_slice()))
    }
}

#[derive(Serialize)]
struct Line<'v> {
    verdict: &'static str,
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Shown<'v>>,
}

impl<'v> Line<'v> {
    fn of(verdict: &'v Result<Verified, Refusal>) -> Self {
        match verdict {
            Ok(context) => Self {
                verdict: "accepted",
                reason: None,
                context: Some(Shown::of(context)),
            },
            Err(refusal) => Self {
                verdict: "refused",
                reason: Some(refusal.reason().code()),
                context: None,
            },
        }
    }
}

/// The members of a context that a person or a script compares.
#[derive(Serialize)]
struct Shown<'c> {
    tenant: Option<&'c str>,
    principal: String,
    provider: &'c str,
    subject: &'c str,
    kind: &'static str,
    actors: Vec<ShownActor<'c>>,
    scope: &'c str,
    task: Option<&'c str>,
    purpose: Option<&'c str>,
    deadline: Option<u64>,
    txn: &'c str,
    requester: &'c str,
    issuer: Option<&'c str>,
    session: Option<&'c str>,
    auth_time: Option<u64>,
    as_of: u64,
    issued_at: u64,
    expires_at: u64,
}

#[derive(Serialize)]
struct ShownActor<'c> {
    principal: String,
    kind: &'static str,
    session: Option<&'c str>,
}

impl<'c> Shown<'c> {
    fn of(context: &'c Context) -> Self {
        let task = context.grant().task();
        let actor = |actor: &'c Actor| ShownActor {
            principal: actor.principal().to_string(),
            kind: actor.kind().as_str(),
            session: actor.session(),
        };
        Self {
            tenant: context.tenant().map(|tenant| tenant.as_str()),
            principal: context.principal().to_string(),
            provider: context.principal().provider(),
            subject: context.principal().subject(),
            kind: context.kind().as_str(),
            actors: context.actors().iter().map(actor).collect(),
            scope: context.grant().scope().as_str(),
            task: task.map(|task| task.id()),
            purpose: task.and_then(|task| task.purpose()),
            deadline: task
                .and_then(|task| task.deadline())
                .map(Timestamp::as_unix),
            txn: context.transaction(),
            requester: context.requester(),
            issuer: context.lifetime().issuer.as_deref(),
            session: context.authentication().session(),
            auth_time: context.authentication().time().map(Timestamp::as_unix),
            as_of: context.as_of().as_unix(),
            issued_at: context.lifetime().issued_at.as_unix(),
            expires_at: context.lifetime().expires_at.as_unix(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<Vec<u8>> {
        // A tiny buffer, so that lines and their ends fall across reads.
        let mut lines = Lines::new(BufReader::with_capacity(3, input), MAX_LEN);
        std::iter::from_fn(|| lines.next_line().unwrap().map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn a_line_ends_with_lf_or_crlf_or_the_input() {
        assert_eq!(lines(b""), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"\n"), [b""]);
        assert_eq!(lines(b"ab\ncd"), [b"ab", b"cd"]);
        assert_eq!(lines(b"ab\r\ncd\r\n"), [b"ab", b"cd"]);
        assert_eq!(lines(b"\r\n\n"), [b"", b""]);
        // A bare CR is no end of a line, and so a byte that no token has.
        assert_eq!(lines(b"a\rb\nc\r"), [&b"a\rb"[..], b"c\r"]);
        assert_eq!(lines(b"ab\r\r\n"), [b"ab\r"]);
    }

    #[test]
    fn a_long_line_stays_one_line_and_stays_too_long() {
        let mut input = vec![b'a'; 3 * MAX_LEN];
        input.extend(b"\r\nb\n");
        let found = lines(&input);
        assert_eq!(found.len(), 2);
        assert!(found[0].len() > MAX_LEN && found[0].len() <= MAX_LEN + 2);
        assert_eq!(found[1], b"b");

        for (len, fits) in [(MAX_LEN, true), (MAX_LEN + 1, false)] {
            let mut input = vec![b'a'; len];
            input.extend(b"\r\n");
            assert_eq!(lines(&input)[0].len() <= MAX_LEN, fits, "{len}");
        }
    }
}
