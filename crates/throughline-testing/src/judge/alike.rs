//! Whether two answers are the same but for what changes by itself.

use crate::run::Answer;

/// What is stable in the answers to one request: learned from two of them.
pub(crate) struct Mask {
    status: u16,
    /// Words of the body; none where they differ by themselves.
    words: Vec<Option<String>>,
}

impl Mask {
    /// What two answers to the same honest request have in common; none where they have a different
    /// number of words, so that nothing can be laid beside them.
    pub(crate) fn learn(first: &Answer, second: &Answer) -> Option<Self> {
        let (one, two) = (words(first), words(second));
        if one.len() != two.len() || first.status() != second.status() {
            return None;
        }
        let stable = one.into_iter().zip(two);
        Some(Self {
            status: first.status().as_u16(),
            words: stable
                .map(|(one, two)| (one == two).then_some(one))
                .collect(),
        })
    }

    /// Whether an answer has all of it.
    pub(crate) fn matches(&self, answer: &Answer) -> bool {
        let words = words(answer);
        self.status == answer.status().as_u16()
            && self.words.len() == words.len()
            && self
                .words
                .iter()
                .zip(&words)
                .all(|(stable, word)| stable.as_ref().is_none_or(|stable| stable == word))
    }
}

/// Runs of letters and digits, and of what is between them.
fn words(answer: &Answer) -> Vec<String> {
    let text = String::from_utf8_lossy(answer.body());
    let mut words: Vec<String> = Vec::new();
    let mut within = None;
    for letter in text.chars() {
        let kind = letter.is_alphanumeric();
        match words.last_mut() {
            Some(word) if within == Some(kind) => word.push(letter),
            Some(_) | None => words.push(letter.into()),
        }
        within = Some(kind);
    }
    words
}

/// Header fields and trailers in which a refusal says why. The status of a gRPC call is compared as
/// a number.
const TELLING: [&str; 2] = ["grpc-message", "www-authenticate"];

/// Whether refusals to two requests differ in more than what the requests said themselves.
///
/// `said` are the words in which the requests differ; ids and numbers that no two answers share are
/// left out too.
pub(crate) fn told_apart(one: &Answer, two: &Answer, said: &[&str]) -> bool {
    let plain = |answer: &Answer| {
        let mut text = String::from_utf8_lossy(answer.body()).into_owned();
        for name in TELLING {
            for value in [answer.headers(), answer.trailers()].map(|all| all.get_all(name)) {
                for value in value {
                    text.push('\n');
                    text.push_str(&String::from_utf8_lossy(value.as_bytes()));
                }
            }
        }
        for word in said {
            if !word.is_empty() {
                text = text.replace(word, "");
            }
        }
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit()))
            // Pieces of random ids without a digit.
            .filter(|word| !(word.len() >= 4 && word.chars().all(|c| c.is_ascii_hexdigit())))
            .map(str::to_owned)
            .collect();
        (
            answer.status(),
            answer.grpc_status(),
            answer.reason(),
            words,
        )
    };
    plain(one) != plain(two)
}
