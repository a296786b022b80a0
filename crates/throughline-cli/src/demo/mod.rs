//! `throughline demo`: a whole system on loopback sockets, at work and under attack.
//!
//! ```text
//!  users ── credential ────▶ edge ── context ──▶ orders ──▶ proxy ──▶ billing ──▶ proxy ──▶ ledger
//!       three idps ── keys ──▶ ╎ │                ▲   ╰╌╌╌╌ nothing ╌╌╌▶ third party        (gRPC)
//!                members ────▶ ╎ ╰──▶ agent ──────╯ narrower
//!                              ╰── tokens ── keys ──▶ every service inside
//! ```
//!
//! Everything goes over real sockets. Each service reports what it saw, and a log shows which
//! handlers ran, so that "refused" means that nothing happened behind the refusal.

mod agent;
mod api_keys;
mod attacks;
mod billing;
mod directory;
mod edge;
mod hold;
mod hooli;
mod idp;
mod journeys;
mod ledger;
mod log;
mod members;
mod net;
mod orders;
mod outbound;
mod proxy;
mod report;
mod roster;
mod signer;
mod system;
mod third_party;
mod tokens;
mod visitors;
mod workos;

use std::io::Write as _;
use std::process::ExitCode;

use tokio::time::Instant;

use self::net::Failure;
use self::report::{Progress, Report};
use self::system::System;
use crate::cli::DemoArgs;

pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    match try_run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("throughline demo: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything held.
fn try_run(args: &DemoArgs) -> Result<bool, Failure> {
    if let Some(level) = args.log {
        log::to_stderr(level)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if args.hold {
        runtime.block_on(hold::run())?;
        return Ok(true);
    }
    let report = runtime.block_on(report())?;
    let mut out = anstream::stdout().lock();
    if args.json {
        writeln!(out, "{}", report.to_json())?;
    } else {
        write!(out, "{}", report.to_table())?;
    }
    out.flush()?;
    Ok(report.is_ok())
}

async fn report() -> Result<Report, Failure> {
    let start = Instant::now();
    let mut progress = Progress::new();
    progress.stage("starting an edge, the services behind it and a third party");
    let system = System::start().await?;
    progress.stage("letting users of four tenants work");
    let journeys = journeys::run(&system).await;
    let attacks = attacks::run(&system, &mut progress).await?;
    system.stop().await;
    progress.done();
    Ok(Report::new(journeys, attacks, start.elapsed()))
}
