//! What tells one tenant's data from the other's, where nobody says it: pieces of their honest
//! answers.

use std::sync::{Mutex, PoisonError};

use throughline_testing::run::{Answer, Failure, Outgoing, Sender};

/// The shortest piece that is taken for data, and the longest.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=200;

/// A piece of the own tenant's answers and one of the other's, each in all of its answers and in
/// none of the other tenant's. The answers were asked for as own, other, other, own, so that what
/// changes with time, or from instance to instance of the service, is in neither.
///
/// Pieces that hold a tenant's name are no markers: an error may repeat what it was asked.
pub(super) fn learn(
    own: &[String],
    other: &[String],
    tenants: [&str; 2],
) -> Option<(String, String)> {
    Some((only_in(own, other, tenants)?, only_in(other, own, tenants)?))
}

fn only_in(here: &[String], there: &[String], tenants: [&str; 2]) -> Option<String> {
    let (first, others) = here.split_first()?;
    let lower = |text: &str| text.to_ascii_lowercase();
    first
        .split(|letter: char| letter.is_whitespace() || "\"'<>,;()[]{}".contains(letter))
        .filter(|piece| LENGTHS.contains(&piece.len()))
        .filter(|piece| piece.chars().all(is_text))
        .filter(|piece| others.iter().all(|text| text.contains(piece)))
        .filter(|piece| !there.iter().any(|text| text.contains(piece)))
        .filter(|piece| {
            !tenants
                .iter()
                .any(|name| lower(piece).contains(&lower(name)))
        })
        .max_by_key(|piece| piece.len())
        .map(str::to_owned)
}

/// Neither a control character nor what stands for bytes that are no text.
fn is_text(letter: char) -> bool {
    !letter.is_control() && letter != char::REPLACEMENT_CHARACTER
}

/// Hears the answers to honest requests.
pub(super) struct Listening<'s, S> {
    sender: &'s S,
    served: Mutex<Vec<(Outgoing, String)>>,
}

impl<'s, S: Sender> Listening<'s, S> {
    pub(super) fn to(sender: &'s S) -> Self {
        Self {
            sender,
            served: Mutex::default(),
        }
    }

    /// Those to the first tenant that asked, and those to the other.
    pub(super) fn into_answers(self) -> (Vec<String>, Vec<String>) {
        let served = self.served.into_inner();
        let served = served.unwrap_or_else(PoisonError::into_inner);
        let first = served.first().map(|(request, _)| request.clone());
        let is_first = |request: &Outgoing| {
            first.as_ref().is_some_and(|first| {
                let (one, two) = (&first.request, &request.request);
                one.uri() == two.uri() && one.headers() == two.headers()
            })
        };
        let (own, other): (Vec<_>, Vec<_>) = served
            .into_iter()
            .partition(|(request, _)| is_first(request));
        let texts = |all: Vec<(_, String)>| all.into_iter().map(|(_, text)| text).collect();
        (texts(own), texts(other))
    }
}

impl<S: Sender> Sender for Listening<'_, S> {
    async fn send(&self, outgoing: Outgoing) -> Result<Answer, Failure> {
        let answer = self.sender.send(outgoing.clone()).await?;
        if answer.status().is_success() && answer.grpc_status().is_none_or(|status| status == 0) {
            let text = String::from_utf8_lossy(answer.body()).into_owned();
            let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
            served.push((outgoing, text));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(own: [&str; 2], other: [&str; 2]) -> Option<(String, String)> {
        let [own, other] = [own, other].map(|texts| texts.map(str::to_owned));
        learn(&own, &other, ["acme", "globex"])
    }

    #[test]
    fn the_longest_piece_that_only_one_tenant_sees_is_its_marker() {
        let answer = |tenant: &str, item: &str, n: u8| {
            format!(r#"{{"tenant":"{tenant}","item":"{item}","at":"12:00:0{n}","id":"r{n}00000"}}"#)
        };
        let found = learnt(
            [
                &answer("acme", "anvil-77", 1),
                &answer("acme", "anvil-77", 3),
            ],
            [
                &answer("globex", "lever-44", 2),
                &answer("globex", "lever-44", 4),
            ],
        );
        assert_eq!(found, Some(("anvil-77".into(), "lever-44".into())));
    }

    #[test]
    fn answers_that_say_nothing_teach_nothing() {
        assert_eq!(learnt(["", ""], ["", ""]), None);
        assert_eq!(learnt(["same-text"; 2], ["same-text"; 2]), None);
        // Only the name, which an error page repeats.
        assert_eq!(learnt(["of:ACME-1"; 2], ["of:globex-1"; 2]), None);
        // Only one side.
        assert_eq!(learnt(["anvil-77"; 2], [""; 2]), None);
        // Bytes that are no text are no words.
        assert_eq!(learnt(["\0anvil-7"; 2], ["\u{fffd}lever-4"; 2]), None);
    }
}
