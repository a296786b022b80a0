//! `throughline probe`: the attack catalogue against somebody's running service.
//!
//! 1. **Nothing is sent that was not asked for**: honest requests first, one attack after the other,
//!    at a bounded rate, up to a bounded number; no method that changes something without
//!    `--allow-changes`; no redirect is followed.
//! 2. **It always ends**: each request and each answer has its limits, and so has the whole run.
//! 3. **It accuses on evidence**: a service that does not serve the honest request, or whose answers
//!    say nothing, is not judged.
//! 4. **Tokens stay out of everything but the requests.**

mod address;
mod args;
mod expired;
mod json;
mod markers;
mod pace;
mod plan;
mod sarif;
mod scrub;
mod sender;
mod setup;
mod tenants;
mod text;
mod tokens;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;

use throughline_testing::judge::Verdict;
use throughline_testing::report::{Outcome, Report};
use throughline_testing::run::Run;

pub(crate) use self::args::ProbeArgs;
use self::pace::{Achieved, Pace};
use self::sender::Paced;
use self::setup::Setup;

/// Whatever keeps the command from being carried out; it is only ever shown to a person.
type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn run(args: &ProbeArgs) -> ExitCode {
    match try_run(args) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            let mut text = format!("throughline probe: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            anstream::eprintln!("{text}");
            ExitCode::from(2)
        }
    }
}

/// The exit status.
fn try_run(args: &ProbeArgs) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let status = runtime.block_on(probe(args));
    // Nothing that a service leaves hanging keeps the process.
    runtime.shutdown_background();
    status
}

async fn probe(args: &ProbeArgs) -> Result<u8, Failure> {
    let mut setup = Setup::read(args).await?;
    if args.dry_run {
        let text = if args.json {
            format!("{}\n", json::plan(&setup))
        } else {
            plan::text(&setup)
        };
        print(&setup.scrub.clean(&text))?;
        return Ok(0);
    }
    let pace = Pace::new(setup.limits);
    let network = setup.network.clone();
    let sender = Paced::new(&network, &pace, args.allow_changes);
    setup.learn(&sender).await;
    let run = Run::new(&setup.catalogue, setup.world.clone());
    let report = run
        .against_each(&sender, |_| match pace.stopped() {
            Some(stopped) => ControlFlow::Break(stopped.to_string()),
            None => ControlFlow::Continue(()),
        })
        .await;
    let probed = Probed {
        url: setup.address.to_string(),
        notes: setup.notes.clone(),
        report,
        unsendable: sender.into_unsendable(),
        achieved: pace.achieved(),
    };
    let text = if args.sarif {
        format!("{:#}\n", sarif::log(&probed))
    } else if args.json {
        format!("{}\n", json::report(&probed))
    } else {
        text::report(&probed)
    };
    print(&setup.scrub.clean(&text))?;
    Ok(probed.status())
}

fn print(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A run that came to its end.
#[derive(Debug)]
struct Probed {
    url: String,
    /// What a reader has to know about it.
    notes: Vec<String>,
    report: Report,
    /// Why attacks were not run that are none over this protocol, or that were not allowed.
    unsendable: BTreeSet<String>,
    achieved: Achieved,
}

impl Probed {
    fn status(&self) -> u8 {
        let counts = self.report.counts();
        if counts.accepted > 0 {
            1
        } else if self.unjudged().is_some() {
            3
        } else {
            0
        }
    }

    /// Why the service, or some attack, could not be judged.
    fn unjudged(&self) -> Option<String> {
        let counts = self.report.counts();
        if let Some(why) = self.report.why_unreached() {
            return Some(format!("the honest request was not served: {why}"));
        }
        if counts.tried() == 0 {
            return Some("no attack applies, so nothing was tried".into());
        }
        let open: Vec<_> = self.report.outcomes().filter(|o| self.is_open(o)).collect();
        if open.is_empty() && counts.accepted + counts.held + counts.neutralised == 0 {
            return Some("no attack could be sent, so nothing was judged".into());
        }
        let first = open.first()?;
        let first = format!("{}, {}", first.id(), first.verdict());
        Some(match open.len() {
            1 => format!("1 attack could not be judged: {first}"),
            many => format!("{many} attacks could not be judged; the first is {first}"),
        })
    }

    /// Whether an attack was tried, or should have been, and nothing is known of it.
    fn is_open(&self, outcome: &Outcome) -> bool {
        if let Verdict::NotRun { why } = outcome.verdict() {
            // The reason may be that of a twin, in front of its own words.
            let mut unsendable = self.unsendable.iter();
            return !unsendable.any(|reason| why.ends_with(reason.as_str()));
        }
        matches!(outcome.verdict(), Verdict::NotJudged { .. })
    }
}
