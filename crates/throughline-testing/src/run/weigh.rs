//! From answers to an outcome: each variant is judged, and the worst decides.

use super::exchange::{Answer, Failure, Outgoing};
use super::runner::Run;
use super::shot::{Kit, Shot, says};
use crate::attack::{Attack, Expect, Fill};
use crate::judge::{Case, Doubt, How, Twins, Verdict, told_apart};
use crate::report::{Exchange, Outcome, Redact};

/// The honest twin: before the attack, after it, and for the other tenant.
pub(super) struct Twin {
    pub(super) asked: Outgoing,
    pub(super) first: Answer,
    /// Or why it was no longer served.
    pub(super) again: Result<Answer, String>,
    /// Where requests of the other tenant are judged too.
    pub(super) mirrored: Option<Answer>,
}

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
        twin: &Twin,
        (shots, mut unsent): (Vec<Shot>, Vec<String>),
    ) -> Outcome {
        let redact = Redact::new(fill);
        let exchange = |shot: &Shot| Exchange::of(&redact, &shot.outgoing, shot.answer.as_ref());
        let mut worst = Worst::default();
        for shot in &shots {
            // What this client cannot write speaks neither for the service nor against it.
            if let Err(Failure::Unsendable(why)) = &shot.answer {
                unsent.push(why.clone());
            } else {
                let verdict = self.judge(attack, kit, fill, twin, shot);
                worst.keep(verdict, Some(exchange(shot)));
            }
        }
        if let (Expect::Alike(_), [first, rest @ ..]) = (attack.expect(), shots.as_slice()) {
            for shot in rest.iter().filter(|shot| apart(first, shot)) {
                let how = How::ToldApart;
                worst.keep(Verdict::Accepted { how }, Some(exchange(shot)));
            }
        }
        if let Err(why) = &twin.again {
            worst.keep(Doubt::Aftermath(why.clone()).into(), None);
        }
        let skipped = unsent.len();
        let (verdict, exchange) = worst.0.unwrap_or_else(|| {
            let why = unsent.into_iter().next();
            let why = why.unwrap_or_else(|| "it has no request".into());
            (Verdict::NotRun { why }, None)
        });
        let outcome = Outcome::new(attack, verdict)
            .with_unsent(skipped)
            .with_twin(Exchange::of(&redact, &twin.asked, Ok(&twin.first)));
        match exchange {
            Some(exchange) => outcome.with_exchange(exchange),
            None => outcome,
        }
    }

    fn judge(&self, attack: &Attack, kit: &Kit, fill: &Fill, twin: &Twin, shot: &Shot) -> Verdict {
        // Where it is no longer served, the first answer is all there is to compare with.
        let second = twin.again.as_ref().unwrap_or(&twin.first);
        let twins = match (&twin.mirrored, shot.mirrored) {
            (Some(answer), true) => Twins::of(answer, answer),
            (Some(_) | None, false) | (None, true) => Twins::of(&twin.first, second),
        };
        let (own, other) = self.markers(shot.mirrored, &shot.outgoing);
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
    /// of them.
    pub(super) fn markers(
        &self,
        mirrored: bool,
        outgoing: &Outgoing,
    ) -> (Option<&str>, Option<&str>) {
        let Some((own, other)) = &self.target().markers else {
            return (None, None);
        };
        let (own, other) = match mirrored {
            false => (own.as_str(), other.as_str()),
            true => (other.as_str(), own.as_str()),
        };
        (Some(own), (!says(outgoing, other)).then_some(other))
    }
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
