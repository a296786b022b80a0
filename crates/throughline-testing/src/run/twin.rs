//! The honest twin, before an attack and after it.

use std::fmt::Write as _;

use super::exchange::{Answer, Failure, Outgoing};
use super::runner::Run;
use super::sender::Sender;
use super::shot::{Counting, Kit, status};
use crate::attack::{Attack, Fill, Wire};
use crate::judge::{How, Kind, Twins, Verdict, kind};
use crate::report::{Exchange, Outcome, Redact};

/// The twin before the attack: it was served, with nothing of the other tenant's.
pub(super) struct Begun {
    asked: Outgoing,
    first: Answer,
    mirrored: bool,
}

/// The twin before the attack and after it.
pub(super) struct Twin {
    pub(super) asked: Outgoing,
    pub(super) first: Answer,
    /// Whatever came afterwards.
    pub(super) after: Result<Answer, Failure>,
    /// Whether it is the other tenant's request.
    pub(super) mirrored: bool,
}

/// The own tenant's twin, and the other's where requests of both are judged.
pub(super) struct Pair {
    pub(super) own: Twin,
    pub(super) mirrored: Option<Twin>,
}

impl Run<'_> {
    /// Sends the twin for the first time.
    ///
    /// # Errors
    ///
    /// It was not served, or with what belongs to the other tenant: that is the outcome.
    pub(super) async fn begin<S: Sender>(
        &self,
        attack: &Attack,
        sender: &Counting<'_, S>,
        kit: &Kit,
        fill: &Fill,
        mirrored: bool,
    ) -> Result<Begun, Box<Outcome>> {
        let whose = if mirrored { "other tenant's" } else { "honest" };
        let not_run = |why: String| {
            let why = format!("the {whose} twin was not served: {why}");
            Box::new(Outcome::new(attack, Verdict::NotRun { why }))
        };
        let asked = self.render(attack.twin(), fill, kit);
        let asked = asked.map_err(|unsent| not_run(unsent.why))?;
        let asked = asked.outgoing;
        let answer = sender.send(asked.clone()).await;
        // Somebody else's data in answer to an honest request is the worst there is.
        if let Some(leak) = self.leak(mirrored, &asked, answer.as_ref()) {
            let exchange = Exchange::of(&Redact::new(fill), &asked, answer.as_ref());
            let outcome = Outcome::new(attack, leak).with_exchange(exchange);
            return Err(Box::new(outcome));
        }
        let first = served(self.target().wire, answer.as_ref()).map_err(not_run)?;
        Ok(Begun {
            first: first.clone(),
            asked,
            mirrored,
        })
    }

    /// The verdict on an honest request that is answered with the other tenant's data, however.
    pub(super) fn leak(
        &self,
        mirrored: bool,
        asked: &Outgoing,
        answer: Result<&Answer, &Failure>,
    ) -> Option<Verdict> {
        let marker = self.markers(mirrored, asked, answer).1?;
        let how = How::OtherMarker;
        let leaks = answer.is_ok_and(|answer| answer.text().contains(marker));
        leaks.then_some(Verdict::Accepted { how })
    }
}

impl Begun {
    /// Sends it once more.
    pub(super) async fn end<S: Sender>(self, sender: &Counting<'_, S>) -> Twin {
        Twin {
            after: sender.send(self.asked.clone()).await,
            asked: self.asked,
            first: self.first,
            mirrored: self.mirrored,
        }
    }
}

impl Twin {
    /// What an answer is compared with. Where it is no longer served, the first answer is all
    /// there is.
    pub(super) fn answers(&self, wire: Wire) -> Twins<'_> {
        let second = served(wire, self.after.as_ref());
        Twins::of(&self.first, second.unwrap_or(&self.first))
    }
}

/// An answer that was served, or in words what it is.
pub(super) fn served<'a>(
    wire: Wire,
    answer: Result<&'a Answer, &Failure>,
) -> Result<&'a Answer, String> {
    let answer = answer.map_err(Failure::to_string)?;
    match kind(wire, answer) {
        Kind::Served => Ok(answer),
        Kind::Doubtful(why) => Err(why.to_string()),
        Kind::Refused(reason) => {
            let mut why = format!("refused with {}", status(answer));
            if let Some(reason) = reason {
                let _ = write!(why, ", {reason}");
            }
            if let Some(place) = answer.place() {
                let _ = write!(why, " at {place}");
            }
            Err(why)
        }
    }
}
