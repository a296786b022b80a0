//! The last look at what is printed: no piece of a token is in it.
//!
//! The report leaves out tokens that it recognises. A service may repeat one in a way that nobody
//! thought of, so this knows nothing of reports, and looks at letters only.

use std::collections::HashSet;
use std::fmt;

use super::tokens::Token;

/// So many letters in a row of a token are a piece of it; fewer are a word by chance.
const PIECE: usize = 10;

/// Knows every piece of the tokens.
#[derive(Clone, Default)]
pub(super) struct Scrub {
    pieces: HashSet<Vec<u8>>,
}

impl Scrub {
    /// Of these tokens. What is also in a `name` may be said.
    pub(super) fn new<'t>(tokens: impl IntoIterator<Item = &'t Token>, names: [&str; 2]) -> Self {
        let tokens = tokens.into_iter().map(|token| token.as_str().as_bytes());
        let is_name = |piece: &[u8]| {
            let holds = |name: &str| name.as_bytes().windows(PIECE).any(|part| part == piece);
            names.into_iter().any(holds)
        };
        Self {
            pieces: tokens
                .flat_map(|token| token.windows(PIECE))
                .filter(|piece| !is_name(piece))
                .map(<[u8]>::to_vec)
                .collect(),
        }
    }

    /// The text without words that hold a piece. JSON stays JSON.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut word = String::new();
        for letter in text.chars() {
            if letter.is_ascii_alphanumeric() || "-_.~+=".contains(letter) {
                word.push(letter);
            } else {
                self.take(&mut word, &mut out);
                out.push(letter);
            }
        }
        self.take(&mut word, &mut out);
        out
    }

    fn take(&self, word: &mut String, out: &mut String) {
        let mut pieces = word.as_bytes().windows(PIECE);
        if pieces.any(|piece| self.pieces.contains(piece)) {
            out.push_str(&format!("‹a piece of a token, {} bytes›", word.len()));
        } else {
            out.push_str(word);
        }
        word.clear();
    }
}

/// The pieces are as secret as the whole.
impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrub")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        let token = Token::new("4f9a1c77e0b2-of-globex-holding").unwrap();
        Scrub::new([&token], ["acme", "globex-holding"]).clean(text)
    }

    #[test]
    fn no_piece_of_a_token_is_left_in_a_text() {
        for (text, expected) in [
            ("a 4f9a1c77e0 b", "a ‹a piece of a token, 10 bytes› b"),
            // A letter was changed, before or behind.
            (
                r#"{"a":"Xf9a1c77e0b2-y"}"#,
                r#"{"a":"‹a piece of a token, 14 bytes›"}"#,
            ),
            ("/4f9a1c77e0b2-of/", "/‹a piece of a token, 15 bytes›/"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn words_and_names_are_left_alone() {
        for text in ["4f9a1c77e", "GET /t/globex-holding/orders ‹token›", "ä\n"] {
            assert_eq!(clean(text), text);
        }
    }
}
