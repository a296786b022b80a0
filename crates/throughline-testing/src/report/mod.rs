//! The report: what became of every attack, for people, for tests and for machines.

mod json;
pub(crate) mod redact;
mod text;

use crate::attack::{Attack, Expect, Source, Wire};
use crate::judge::Verdict;
use crate::run::{Answer, Failure, Outgoing};

pub(crate) use self::redact::Redact;

/// What became of every attack of a run.
#[derive(Clone, Debug)]
#[must_use = "a report that nobody looks at proves nothing"]
pub struct Report {
    target: String,
    wire: Wire,
    outcomes: Vec<Outcome>,
    left_out: Vec<(String, String)>,
    unreached: Option<String>,
    requests: usize,
}

/// What became of one attack. No token is in it.
#[derive(Clone, Debug)]
pub struct Outcome {
    id: String,
    title: String,
    why: String,
    imitates: Source,
    expected: Vec<&'static str>,
    may_be_served: bool,
    verdict: Verdict,
    exchange: Option<Exchange>,
    twin: Option<Exchange>,
    unsent: usize,
}

/// A request and its answer in lines, tokens named and not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    sent: Vec<String>,
    came: Vec<String>,
}

/// How many attacks came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Got through.
    pub accepted: usize,
    /// Refused.
    pub held: usize,
    /// Of those refused, how many with a reason that was not expected, or none.
    pub held_otherwise: usize,
    /// Served as if they were not there.
    pub neutralised: usize,
    /// Do not apply.
    pub not_applicable: usize,
    /// Sent, and the answer says nothing.
    pub not_judged: usize,
    /// Not tried in a way that proves anything.
    pub not_run: usize,
}

impl Counts {
    /// All attacks, those that do not apply included.
    #[must_use]
    pub fn all(&self) -> usize {
        self.tried() + self.not_applicable
    }

    /// The attacks that apply.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.accepted + self.held + self.neutralised + self.not_judged + self.not_run
    }
}

impl Report {
    pub(crate) fn new(target: String, wire: Wire) -> Self {
        Self {
            target,
            wire,
            outcomes: Vec::new(),
            left_out: Vec::new(),
            unreached: None,
            requests: 0,
        }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    pub(crate) fn leave_out<'l>(&mut self, left: impl Iterator<Item = (&'l str, &'l str)>) {
        let owned = left.map(|(id, reason)| (id.to_owned(), reason.to_owned()));
        self.left_out.extend(owned);
    }

    pub(crate) fn unreached(&mut self, why: String) {
        self.unreached = Some(why);
    }

    pub(crate) fn sent(&mut self, requests: usize) {
        self.requests = requests;
    }

    /// What was attacked: a method and a path.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The protocol.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// Every attack, in the order of the catalogue.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter()
    }

    /// The outcome of one attack.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.id == id)
    }

    /// The attacks that got through.
    pub fn accepted(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes
            .iter()
            .filter(|outcome| matches!(outcome.verdict, Verdict::Accepted { .. }))
    }

    /// The attacks that were left out, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, &str)> {
        self.left_out
            .iter()
            .map(|(id, reason)| (id.as_str(), reason.as_str()))
    }

    /// Why not even an honest request was served, so that nothing was tried.
    #[must_use]
    pub fn why_unreached(&self) -> Option<&str> {
        self.unreached.as_deref()
    }

    /// How many requests were sent.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// How many attacks came to what.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for outcome in &self.outcomes {
            match &outcome.verdict {
                Verdict::Accepted { .. } => counts.accepted += 1,
                Verdict::Held { expected, .. } => {
                    counts.held += 1;
                    counts.held_otherwise += usize::from(!expected);
                }
                Verdict::Neutralised => counts.neutralised += 1,
                Verdict::NotApplicable { .. } => counts.not_applicable += 1,
                Verdict::NotJudged { .. } => counts.not_judged += 1,
                Verdict::NotRun { .. } => counts.not_run += 1,
            }
        }
        counts
    }

    /// Asserts that no attack got through, that every honest twin was served, and that every answer
    /// says something. An attack that changes nothing may be served, where its author says so.
    ///
    /// # Panics
    ///
    /// Else, with the attacks, what was sent, what came back, and why it matters.
    #[track_caller]
    pub fn assert_all_refused(&self) {
        self.assert(|outcome| match &outcome.verdict {
            Verdict::Held { .. } | Verdict::Neutralised | Verdict::NotApplicable { .. } => true,
            Verdict::Accepted { .. } | Verdict::NotJudged { .. } | Verdict::NotRun { .. } => false,
        });
    }

    /// Asserts [the same](Report::assert_all_refused), and that each refusal has a reason that the
    /// attack expects: for services on Throughline, which say it.
    ///
    /// # Panics
    ///
    /// Else, as there.
    #[track_caller]
    pub fn assert_reasons(&self) {
        self.assert(|outcome| match &outcome.verdict {
            Verdict::Held { expected, .. } => *expected,
            Verdict::Neutralised | Verdict::NotApplicable { .. } => true,
            Verdict::Accepted { .. } | Verdict::NotJudged { .. } | Verdict::NotRun { .. } => false,
        });
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "an assertion of a test")]
    fn assert(&self, holds: impl Fn(&Outcome) -> bool) {
        let failed: Vec<_> = self.outcomes().filter(|outcome| !holds(outcome)).collect();
        let tried = self.counts().tried();
        if failed.is_empty() && tried > 0 && self.unreached.is_none() {
            return;
        }
        panic!("{}", self.failure(&failed));
    }
}

impl Outcome {
    pub(crate) fn new(attack: &Attack, verdict: Verdict) -> Self {
        let expected = attack.expect();
        Self {
            id: attack.id().to_owned(),
            title: attack.title().to_owned(),
            why: attack.why().to_owned(),
            imitates: attack.imitates().clone(),
            expected: expected.reasons().iter().map(|r| r.code()).collect(),
            may_be_served: match expected {
                Expect::Elsewhere(_) | Expect::Harmless(_) | Expect::Silent(_) => true,
                Expect::Alike(_) | Expect::Refused(_) => false,
            },
            verdict,
            exchange: None,
            twin: None,
            unsent: 0,
        }
    }

    pub(crate) fn with_unsent(mut self, variants: usize) -> Self {
        self.unsent = variants;
        self
    }

    pub(crate) fn with_exchange(mut self, exchange: Exchange) -> Self {
        self.exchange = Some(exchange);
        self
    }

    pub(crate) fn with_twin(mut self, twin: Exchange) -> Self {
        self.twin = Some(twin);
        self
    }

    /// The attack's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was done.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Why it matters.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Where it happened before.
    #[must_use]
    pub fn imitates(&self) -> &Source {
        &self.imitates
    }

    /// What came of it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// How many of its variants could not be sent, so that the others speak for it: a value that
    /// this client or this protocol cannot write, or a token without the place of an edit.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// The request that decided, and its answer.
    #[must_use]
    pub fn exchange(&self) -> Option<&Exchange> {
        self.exchange.as_ref()
    }

    /// The honest twin, and its answer.
    #[must_use]
    pub fn twin(&self) -> Option<&Exchange> {
        self.twin.as_ref()
    }
}

impl Exchange {
    pub(crate) fn of(
        redact: &Redact,
        outgoing: &Outgoing,
        answer: Result<&Answer, &Failure>,
    ) -> Self {
        Self {
            sent: redact.request(outgoing),
            came: redact.answer(answer),
        }
    }

    /// The lines of the request.
    #[must_use]
    pub fn sent(&self) -> &[String] {
        &self.sent
    }

    /// The lines of the answer.
    #[must_use]
    pub fn came(&self) -> &[String] {
        &self.came
    }
}
