//! The report: for a script as one JSON object, for a person as a table.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::attacks::Hop as AttackedHop;
use super::log::Hop;
use super::net::Failure;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const HEADING: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// Everything a demo found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    journeys: Vec<Journey>,
    attacks: Vec<AttackReport>,
    counts: Counts,
    ok: bool,
    #[serde(skip)]
    time: Duration,
}

/// One honest piece of work.
#[derive(Debug, Serialize)]
pub(super) struct Journey {
    pub(super) name: String,
    pub(super) hops: Vec<Hop>,
    pub(super) ok: bool,
    #[serde(skip)]
    pub(super) problem: Option<String>,
}

impl Journey {
    /// One that ended before its time.
    pub(super) fn failed(name: String, error: &Failure) -> Self {
        Self {
            name,
            hops: Vec::new(),
            ok: false,
            problem: Some(error.to_string()),
        }
    }
}

/// One attack.
#[derive(Debug, Serialize)]
pub(super) struct AttackReport {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) hop: String,
    pub(super) expected: String,
    pub(super) got: String,
    pub(super) held: bool,
    pub(super) twin_ok: bool,
}

impl AttackReport {
    /// Whether the attack was refused, and its twin shows that this means something.
    pub(super) fn is_ok(&self) -> bool {
        self.held && self.twin_ok
    }
}

#[derive(Debug, Serialize)]
struct Counts {
    journeys: usize,
    attacks: usize,
    held: usize,
}

impl Report {
    pub(super) fn new(journeys: Vec<Journey>, attacks: Vec<AttackReport>, time: Duration) -> Self {
        let held = attacks.iter().filter(|attack| attack.is_ok()).count();
        let ok = !journeys.is_empty()
            && !attacks.is_empty()
            && journeys.iter().all(|journey| journey.ok)
            && held == attacks.len();
        let counts = Counts {
            journeys: journeys.len(),
            attacks: attacks.len(),
            held,
        };
        Self {
            journeys,
            attacks,
            counts,
            ok,
            time,
        }
    }

    /// Whether every journey succeeded and every attack held, each beside a twin that was served.
    pub(super) fn is_ok(&self) -> bool {
        self.ok
    }

    /// The report for a script: one line of JSON.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The report for a person, with styles that the stream drops where nobody sees them.
    pub(super) fn to_table(&self) -> String {
        let mut table = Table::default();
        table.heading("journeys", "four tenants at work, all at the same time");
        let width = widest(self.journeys.iter().map(|journey| journey.name.as_str()));
        for journey in &self.journeys {
            table.journey(journey, width);
        }
        let ids = widest(self.attacks.iter().map(|attack| attack.id.as_str()));
        let titles = widest(self.attacks.iter().map(|attack| attack.title.as_str()));
        let expected = self.attacks.iter().map(|attack| short(&attack.expected));
        let expected = expected.map(|word| word.chars().count()).max().unwrap_or(0);
        for hop in AttackedHop::ALL {
            let attacks = || {
                self.attacks
                    .iter()
                    .filter(|attack| attack.hop == hop.as_str())
            };
            if attacks().next().is_some() {
                table.heading(hop.as_str(), about(hop));
            }
            for attack in attacks() {
                table.attack(attack, [ids, titles, expected]);
            }
        }
        table.summary(self);
        table.0
    }
}

fn about(hop: AttackedHop) -> &'static str {
    match hop {
        AttackedHop::Edge => "where a foreign credential becomes a context",
        AttackedHop::Tokens => "where a context becomes a narrower one",
        AttackedHop::Orders => "an axum service that calls another one",
        AttackedHop::Agent => "who acts for a user, with less",
        AttackedHop::Proxy => "between orders, billing and the ledger, and no friend",
        AttackedHop::Billing => "a bare hyper service that calls over gRPC",
        AttackedHop::Ledger => "a tonic service, the last hop",
        AttackedHop::ThirdParty => "outside of the domain",
        AttackedHop::Carry => "a call that leaves, or is not sent",
        AttackedHop::Process => "work beside a request, inside one process",
        AttackedHop::Build => "before there is any request",
        AttackedHop::Kit => "whether these attacks prove anything",
    }
}

fn widest<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

#[derive(Default)]
struct Table(String);

impl Table {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn heading(&mut self, name: &str, about: &str) {
        self.line(format_args!(
            "\n{HEADING}{name}{HEADING:#}  {QUIET}{about}{QUIET:#}"
        ));
    }

    fn journey(&mut self, journey: &Journey, width: usize) {
        let mark = mark(journey.ok);
        let name = &journey.name;
        let way = way(&journey.hops);
        match (&journey.problem, journey.hops.first()) {
            (None, Some(hop)) if journey.ok => self.line(format_args!(
                "  {mark} {name:<width$}  {way}  {QUIET}{} · {} · txn {}{QUIET:#}",
                shown(&hop.tenant),
                shown(&hop.subject),
                shown(&hop.txn)
            )),
            (problem, _) => {
                let problem = problem.as_deref().unwrap_or("the hops do not agree");
                self.line(format_args!(
                    "  {mark} {name:<width$}  {BAD}{problem}{BAD:#}"
                ));
                for hop in &journey.hops {
                    self.line(format_args!(
                        "      {}: {} · {} · txn {} · {}",
                        hop.service,
                        shown(&hop.tenant),
                        shown(&hop.subject),
                        shown(&hop.txn),
                        hop.verdict
                    ));
                }
            }
        }
    }

    fn attack(&mut self, attack: &AttackReport, [ids, titles, words]: [usize; 3]) {
        let AttackReport {
            id,
            title,
            expected,
            got,
            ..
        } = attack;
        let mark = mark(attack.is_ok());
        let expected = short(expected);
        let row =
            format!("  {mark} {id:<ids$}  {title:<titles$}  {QUIET}{expected:<words$} →{QUIET:#}");
        match (attack.held, attack.twin_ok) {
            (true, true) => {
                let got = short(got);
                self.line(format_args!("{row} {GOOD}{got}{GOOD:#}"));
            }
            (true, false) => {
                let got = short(got);
                self.line(format_args!(
                    "{row} {got} {BAD}the honest twin failed{BAD:#}"
                ));
            }
            (false, true) => self.line(format_args!("{row} {BAD}{got}{BAD:#}")),
            (false, false) => self.line(format_args!(
                "{row} {BAD}{got}, and the honest twin failed{BAD:#}"
            )),
        }
    }

    fn summary(&mut self, report: &Report) {
        let Counts {
            journeys,
            attacks,
            held,
        } = report.counts;
        let arrived = report.journeys.iter().filter(|journey| journey.ok).count();
        let seconds = report.time.as_secs_f64();
        let (style, sentence) = if report.ok {
            (
                GOOD,
                format!(
                    "All {journeys} journeys arrived with their tenant intact, and all {attacks} \
                     attacks were refused beside an honest twin that was served, in {seconds:.1} s."
                ),
            )
        } else {
            (
                BAD,
                format!(
                    "{arrived} of {journeys} journeys arrived, and {held} of {attacks} attacks \
                     held beside an honest twin, in {seconds:.1} s."
                ),
            )
        };
        self.line(format_args!("\n{style}{sentence}{style:#}"));
    }
}

/// The services in order; the same few several times are written once.
fn way(hops: &[Hop]) -> String {
    let services: Vec<_> = hops.iter().map(|hop| hop.service.as_str()).collect();
    for length in 1..=2 {
        let Some(at) = services.len().checked_sub(3 * length) else {
            continue;
        };
        let (front, end) = services.split_at(at);
        let mut rounds = end.chunks(length);
        let round = rounds.next().unwrap_or_default();
        if rounds.all(|other| other == round) {
            let front: String = front.iter().map(|name| format!("{name} → ")).collect();
            return format!("{front}3 × ({})", round.join(" → "));
        }
    }
    services.join(" → ")
}

fn shown(member: &Option<String>) -> &str {
    member.as_deref().unwrap_or("nobody")
}

fn mark(ok: bool) -> String {
    match ok {
        true => format!("{GOOD}✓{GOOD:#}"),
        false => format!("{BAD}✗{BAD:#}"),
    }
}

/// The first of several words, and how many more there are.
fn short(words: &str) -> String {
    let mut all = words.split('|');
    let first = all.next().unwrap_or_default();
    match all.count() {
        0 => first.into(),
        more => format!("{first} (+{more})"),
    }
}

/// What happens while it happens, on standard error: one line that is written over on a terminal,
/// one line for each stage elsewhere.
#[derive(Debug)]
pub(super) struct Progress {
    is_terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    pub(super) fn stage(&self, what: &str) {
        if self.is_terminal {
            self.over(what);
        } else {
            anstream::eprintln!("{what}");
        }
    }

    pub(super) fn attack(&self, number: usize, of: usize, id: &str) {
        if self.is_terminal {
            self.over(&format!("attack {number} of {of}: {id}"));
        } else if number == 1 || number.is_multiple_of(25) || number == of {
            anstream::eprintln!("attack {number} of {of}");
        }
    }

    /// Leaves nothing behind on a terminal.
    pub(super) fn done(&self) {
        if self.is_terminal {
            self.over("");
        }
    }

    fn over(&self, text: &str) {
        // CR, then "erase in line": a terminal is there, or this is not called.
        let mut err = anstream::stderr();
        let _ = write!(err, "\r\u{1b}[2K{text}");
        let _ = err.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attack(held: bool, twin_ok: bool) -> AttackReport {
        AttackReport {
            id: "H1".into(),
            title: "a client's tenant header names another tenant".into(),
            hop: "orders".into(),
            expected: "tenant_mismatch".into(),
            got: if held {
                "tenant_mismatch"
            } else {
                "handled by orders for globex"
            }
            .into(),
            held,
            twin_ok,
        }
    }

    fn journey(ok: bool) -> Journey {
        Journey {
            name: "ada of acme reads orders".into(),
            hops: Vec::new(),
            ok,
            problem: None,
        }
    }

    fn report(journeys: Vec<Journey>, attacks: Vec<AttackReport>) -> Report {
        Report::new(journeys, attacks, Duration::from_millis(1234))
    }

    #[test]
    fn one_attack_that_got_through_spoils_the_report() {
        let attacks = vec![attack(true, true), attack(false, true)];
        let report = report(vec![journey(true)], attacks);
        assert!(!report.is_ok());
        assert_eq!(report.counts.held, 1);
        let table = anstream::adapter::strip_str(&report.to_table()).to_string();
        assert!(table.contains("✗ H1"), "{table}");
        assert!(
            table.contains("tenant_mismatch → handled by orders for globex"),
            "{table}"
        );
        assert!(table.contains("1 of 2 attacks"), "{table}");
    }

    // failure: X32
    #[test]
    fn a_refusal_beside_a_twin_that_failed_counts_as_not_held() {
        let report = report(vec![journey(true)], vec![attack(true, false)]);
        assert!(!report.is_ok());
        assert_eq!(report.counts.held, 0);
        let table = anstream::adapter::strip_str(&report.to_table()).to_string();
        assert!(table.contains("the honest twin failed"), "{table}");
    }

    #[test]
    fn an_honest_call_that_was_refused_spoils_the_report() {
        assert!(!report(vec![journey(false)], vec![attack(true, true)]).is_ok());
    }

    #[test]
    fn a_report_about_nothing_is_not_ok() {
        assert!(!report(Vec::new(), vec![attack(true, true)]).is_ok());
        assert!(!report(vec![journey(true)], Vec::new()).is_ok());
    }

    #[test]
    fn what_is_printed_for_scripts_has_exactly_the_promised_members() {
        let report = report(vec![journey(true)], vec![attack(true, true)]);
        assert!(report.is_ok());
        assert_eq!(
            report.to_json(),
            concat!(
                r#"{"journeys":[{"name":"ada of acme reads orders","hops":[],"ok":true}],"#,
                r#""attacks":[{"id":"H1","title":"a client's tenant header names another tenant","#,
                r#""hop":"orders","expected":"tenant_mismatch","got":"tenant_mismatch","#,
                r#""held":true,"twin_ok":true}],"#,
                r#""counts":{"journeys":1,"attacks":1,"held":1},"ok":true}"#,
            )
        );
    }
}
