//! An attack that takes a token of its own: one that was good, and is no more.

use serde_json::json;
use throughline_testing::attack::{Attack, AttackError};

use super::Failure;
use super::tokens::Token;

/// The attack with this token.
pub(super) fn attack(token: &Token) -> Result<Attack, Failure> {
    // What is no JWT would be hard to recognise, and so to leave out of the report.
    let in_jwt = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if token.as_str().split('.').count() != 3 || !token.as_str().bytes().all(in_jwt) {
        return Err("the token is no JWT".into());
    }
    let attack = json!([{
        "id": "times/expired-given",
        "title": "a genuine token whose time is over",
        "why": "a token that leaked once, from a log or a laptop, opens the door for ever",
        "imitates": {
            "what": "RFC 7519 section 4.1.4: on or after `exp` a token must not be accepted",
            "link": "https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4",
        },
        "attack": [{"credential": {"raw": token.as_str()}}],
        "twin": [],
        "expect": {"refused": ["context_expired"]},
    }]);
    // The error may quote what it cannot read.
    let attacks = Attack::parse_all(&attack.to_string());
    let attacks = attacks.map_err(|_: AttackError| "the token cannot be put into a request")?;
    let attack = attacks.into_iter().next();
    attack.ok_or_else(|| "the token cannot be put into a request".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_token_is_an_attack_and_what_is_no_jwt_is_not() {
        let jwt = Token::new("e30.e30.c2ln").unwrap();
        assert_eq!(attack(&jwt).unwrap().id(), "times/expired-given");
        for text in ["opaque", "a.b.{own}"] {
            let token = Token::new(text).unwrap();
            assert!(attack(&token).is_err(), "{text}");
        }
    }
}
