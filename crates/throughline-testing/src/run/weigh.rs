//! From answers to an outcome: each variant is judged, and the worst decides.

use super::exchange::{Answer, Failure, Outgoing};
use super::render::Unsent;
use super::runner::Run;
use super::shot::{Kit, Shot, says, says_in_token};
use super::twin::{Pair, served};
use crate::attack::{Attack, Expect, Fill, Need};
use crate::judge::{Case, Doubt, How, Verdict, told_apart};
use crate::report::{Exchange, Outcome, Redact};

/// The worst verdict so far, and the request that it is of.
#[derive(Default)]
struct Worst(Option<(Verdict, Option<Exchange>)>);

impl Worst {
    fn keep(&mut self, verdict: Verdict, exchange: Option<Exchange>) {
        let worse = |(worst, _): &(Verdict, _)| worst.badness() < verdict.badness();
        if self.0.as_ref().is_none_or(worse) {
            self.0 = Some((verdict, exchange));
        }
    }
}

impl Run<'_> {
    /// What came of an attack, from what was sent and the variants that could not be.
    pub(super) fn weigh(
        &self,
        attack: &Attack,
        kit: &Kit,
        fill: &Fill,
        pair: &Pair,
        (shots, mut unsent): (Vec<Shot>, Vec<Unsent>),
    ) -> Outcome {
        let redact = Redact::new(fill);
        let exchange = |shot: &Shot| Exchange::of(&redact, &shot.outgoing, shot.answer.as_ref());
        let mut worst = Worst::default();
        for shot in &shots {
            // What this client cannot write speaks neither for the service nor against it.
            if let Err(Failure::Unsendable(why)) = &shot.answer {
                unsent.push(why.clone().into());
            } else {
                let verdict = self.judge(attack, kit, fill, pair, shot);
                worst.keep(verdict, Some(exchange(shot)));
            }
        }
        if let (Expect::Alike(_), [first, rest @ ..]) = (attack.expect(), shots.as_slice()) {
            for shot in rest.iter().filter(|shot| apart(first, shot)) {
                let how = How::ToldApart;
                worst.keep(Verdict::Accepted { how }, Some(exchange(shot)));
            }
        }
        for twin in std::iter::once(&pair.own).chain(&pair.mirrored) {
            let after = twin.after.as_ref();
            if let Some(leak) = self.leak(twin.mirrored, &twin.asked, after) {
                let exchange = Exchange::of(&redact, &twin.asked, after);
                worst.keep(leak, Some(exchange));
            } else if let Err(why) = served(self.target().wire, after) {
                worst.keep(Doubt::Aftermath(why).into(), None);
            }
        }
        let skipped = unsent.len();
        let (verdict, exchange) = worst.0.unwrap_or_else(|| (nothing_sent(unsent), None));
        let outcome = Outcome::new(attack, verdict)
            .with_unsent(skipped)
            .with_twin(Exchange::of(&redact, &pair.own.asked, Ok(&pair.own.first)));
        match exchange {
            Some(exchange) => outcome.with_exchange(exchange),
            None => outcome,
        }
    }

    fn judge(&self, attack: &Attack, kit: &Kit, fill: &Fill, pair: &Pair, shot: &Shot) -> Verdict {
        let twin = match (&pair.mirrored, shot.mirrored) {
            (Some(mirrored), true) => mirrored,
            (Some(_) | None, false) | (None, true) => &pair.own,
        };
        let twins = twin.answers(self.target().wire);
        let (own, other) = self.markers(shot.mirrored, &shot.outgoing, shot.answer.as_ref());
        let tokens = [
            fill.own.token.as_str(),
            fill.other.token.as_str(),
            shot.token.as_deref().unwrap_or_default(),
        ];
        // A word by chance is no token.
        let tokens: Vec<&str> = tokens.into_iter().filter(|t| t.len() >= 16).collect();
        let honest = kit.honest.as_ref();
        let mut case = Case::new(self.target().wire(), attack.expect(), twins)
            .with_own_marker(own)
            .with_other_marker(other)
            .with_others(honest.and_then(|honest| honest.others(shot.mirrored)))
            .with_credentials(&tokens);
        if shot.token.is_none() {
            case = case.anonymous();
        }
        case.judge(shot.answer.as_ref())
    }

    /// The markers of whose answer it is and whose it must not be, as far as the request is silent
    /// of them. What its token says may be in a refusal, and in nothing that is served.
    pub(super) fn markers(
        &self,
        mirrored: bool,
        outgoing: &Outgoing,
        answer: Result<&Answer, &Failure>,
    ) -> (Option<&str>, Option<&str>) {
        let Some((own, other)) = &self.target().markers else {
            return (None, None);
        };
        let (own, other) = match mirrored {
            false => (own.as_str(), other.as_str()),
            true => (other.as_str(), own.as_str()),
        };
        let is_served = served(self.target().wire, answer).is_ok();
        let says = says(outgoing, other) || !is_served && says_in_token(outgoing, other);
        (Some(own), (!says).then_some(other))
    }
}

/// The verdict where no request of an attack could be sent.
fn nothing_sent(unsent: Vec<Unsent>) -> Verdict {
    if !unsent.is_empty() && unsent.iter().all(|unsent| unsent.lacks_part) {
        let needs = vec![Need::TokenPart];
        return Verdict::NotApplicable { needs };
    }
    let why = unsent.into_iter().map(|unsent| unsent.why).next();
    let why = why.unwrap_or_else(|| "it has no request".into());
    Verdict::NotRun { why }
}

/// Whether two refusals tell an outsider more than the requests said.
fn apart(one: &Shot, two: &Shot) -> bool {
    let said = [one.said(), two.said()].concat();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    match (&one.answer, &two.answer) {
        (Ok(one), Ok(two)) => told_apart(one, two, &said),
        (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}
