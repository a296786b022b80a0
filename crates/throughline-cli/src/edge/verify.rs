//! `throughline verify --config`: what an edge would say to these credentials.
//!
//! Steps 3 to 6 of the edge, without a request: who vouches, of which kind, for which tenant, with
//! what authority. Witnesses and memberships are left to a running edge.

use std::error::Error;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use throughline::SystemClock;
use throughline_core::time::{Clock as _, Timestamp};
use throughline_core::{Reason, Refusal};
use throughline_identity::credential::MAX_CREDENTIAL_BYTES;
use throughline_identity::{EdgeConfig, Identity, OpaqueCredentials};

use crate::verify::Lines;

/// Whether all credentials were accepted.
pub(crate) fn run(
    file: &Path,
    now: Option<u64>,
    token: &std::ffi::OsStr,
) -> Result<bool, Box<dyn Error>> {
    let config = EdgeConfig::read(file)?;
    // Why keys could not be had is said where they were fetched.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(io::stderr)
        .with_ansi(false)
        .without_time()
        .try_init()
        .map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut all = true;
    let mut answer = |line: u64, token: &[u8]| -> io::Result<()> {
        let now = now.map_or_else(|| SystemClock.now(), Timestamp::from_unix);
        let verdict = runtime.block_on(verify(&config, token, now));
        if let Err(refusal) = &verdict {
            all = false;
            anstream::eprintln!("credential {line}: {refusal}");
        }
        serde_json::to_writer(&mut out, &Line::of(&verdict))?;
        out.write_all(b"\n")
    };
    if token == "-" {
        let mut lines = Lines::new(BufReader::new(io::stdin().lock()), MAX_CREDENTIAL_BYTES);
        let mut count = 0;
        while let Some(line) = lines.next_line()? {
            count += 1;
            answer(count, line)?;
        }
        if count == 0 {
            return Err("no credential given: standard input is empty".into());
        }
    } else {
        answer(1, token.as_encoded_bytes())?;
    }
    out.flush()?;
    // Fetches that nobody waits for any more do not hold the process up.
    runtime.shutdown_timeout(Duration::ZERO);
    Ok(all)
}

async fn verify(
    config: &EdgeConfig,
    token: &[u8],
    now: Timestamp,
) -> Result<Arc<Identity>, Refusal> {
    if token.is_empty() {
        return Err(Reason::ContextMissing.into());
    }
    if token.len() > MAX_CREDENTIAL_BYTES {
        return Err(Refusal::new(Reason::ContextOversized)
            .because(format!("has more than {MAX_CREDENTIAL_BYTES} bytes")));
    }
    let is_for = |source: &&OpaqueCredentials| source.is_for(token);
    if let Some(source) = config.opaque().iter().find(is_for) {
        return source.verify(token, now).await;
    }
    let issuers = config.issuers();
    match issuers.verify(token, now) {
        Ok(identity) => Ok(identity),
        Err(refusal) => match issuers.keys_wait(token, &refusal) {
            Some(wait) => {
                wait.await;
                issuers.verify(token, now)
            }
            None => Err(refusal),
        },
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
enum Line {
    Accepted {
        issuer: String,
        kind: &'static str,
        tenant: String,
        principal: String,
        actors: Vec<String>,
        scope: String,
        dropped: Vec<String>,
        as_of: u64,
        expires_at: u64,
    },
    Refused {
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<String>,
    },
}

impl Line {
    fn of(verdict: &Result<Arc<Identity>, Refusal>) -> Self {
        match verdict {
            Ok(identity) => Self::Accepted {
                issuer: identity.issuer().to_owned(),
                kind: identity.kind().as_str(),
                tenant: identity.tenant().to_string(),
                principal: identity.principal().to_string(),
                actors: identity
                    .actors()
                    .map(|actor| actor.principal().to_string())
                    .collect(),
                scope: identity.scope().as_str().to_owned(),
                dropped: identity.dropped().map(str::to_owned).collect(),
                as_of: identity.as_of().as_unix(),
                expires_at: identity.expires_at().as_unix(),
            },
            Err(refusal) => Self::Refused {
                reason: refusal.reason().code(),
                place: refusal.place().map(ToString::to_string),
            },
        }
    }
}
