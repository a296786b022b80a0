//! Baggage lines, and the members.
//!
//! The input is field lines, one to a line.
//!
//! Oracles:
//!
//! 1. Several lines, one line with commas between, and any order of members say the same of a key.
//! 2. A second, lenient reader that decodes nothing finds a key at most where it is found here, and
//!    the same value.
//! 3. What is found once is written by `encode_member` to what is found again.
//! 4. What is left by `without` has none of the owned keys and every other member byte for byte, and
//!    is left as it is the second time.
//! 5. Allocation stays within [`BUDGET`].

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use throughline_core::baggage::{Baggage, Found, Limits, encode_member};

use crate::allocations::Budget;

/// For reading baggage and asking for each key.
pub const BUDGET: Budget = Budget {
    per_byte: 24,
    fixed: 4 * 1024,
};

/// What is asked for.
const KEYS: [&str; 4] = ["tenant", "tenant.id", "a", "x-%41"];

/// One input.
pub fn run(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let limits = Limits::new();
    let (read, found) = BUDGET.hold(data.len(), || {
        let read = Baggage::read(lines.iter().copied(), limits);
        let found = read
            .as_ref()
            .map(|baggage| KEYS.map(|key| baggage.member(key).clone()));
        let found = found.ok();
        (read, found)
    });
    let sent = data.len();
    let members = data
        .split(|byte| matches!(byte, b'\n' | b','))
        .filter(|slot| slot.iter().any(|byte| !matches!(byte, b' ' | b'\t')));
    let members = members.count();
    let baggage = match read {
        Ok(baggage) => baggage,
        Err(error) => {
            assert_eq!(error.is_too_many_bytes(), sent > 8_192, "{error}");
            assert_eq!(
                error.is_too_many_members(),
                sent <= 8_192 && members > 64,
                "{error}"
            );
            return;
        }
    };
    assert!(sent <= 8_192 && members <= 64, "read over its limits");
    assert_eq!(
        baggage.members().count() + baggage.malformed().count(),
        members,
        "a member was lost"
    );
    assert_eq!(baggage.is_empty(), members == 0);

    let joined = lines.join(&b',');
    let turned: Vec<&[u8]> = joined.split(|byte| *byte == b',').rev().collect();
    let turned = turned.join(&b',');
    for (key, found) in KEYS.iter().zip(found.iter().flatten()) {
        for other in [&joined, &turned] {
            let other = Baggage::read([other.as_slice()], limits).expect("as many bytes");
            assert_eq!(other.member(key), *found, "`{key}` in another order");
        }
        check_found(&joined, key, found);
    }
    check_without(&baggage, &joined);
}

fn check_found(joined: &[u8], key: &str, found: &Found<'_>) {
    let plainly = plainly(joined, key);
    match found {
        Found::One(value) => {
            assert_eq!(plainly, [value.as_bytes()], "`{key}`, read plainly");
            if let Ok(member) = encode_member(key, value) {
                let again = Baggage::read([member.as_bytes()], Limits::new());
                let again = again.expect("one member is within the limits");
                assert_eq!(again.member(key), *found, "`{key}` written as `{member}`");
            }
        }
        Found::Absent => assert!(plainly.is_empty(), "`{key}` is not absent: {plainly:?}"),
        Found::Ambiguous | Found::Undecodable => {}
    }
}

/// The values of a key as a lenient peer reads them: case aside, blanks trimmed, properties dropped,
/// values decoded as far as they can be.
pub(crate) fn plainly<'a>(joined: &'a [u8], key: &str) -> Vec<Cow<'a, [u8]>> {
    let mut values = Vec::new();
    for slot in joined.split(|byte| *byte == b',') {
        let member = slot.split(|byte| *byte == b';').next().unwrap_or_default();
        let Some(equals) = member.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let (name, value) = (&member[..equals], &member[equals + 1..]);
        if name.trim_ascii().eq_ignore_ascii_case(key.as_bytes()) {
            let value = value.trim_ascii();
            values.push(match str::from_utf8(value) {
                Ok(text) => percent_decode_str(text).into(),
                Err(_) => Cow::Borrowed(value),
            });
        }
    }
    values
}

fn check_without(baggage: &Baggage<'_>, joined: &[u8]) {
    let owned = ["tenant", "tenant.id"];
    let rest = baggage.without(&owned).unwrap_or_default();
    assert!(rest.len() <= joined.len(), "more is left than there was");
    assert!(
        http::HeaderValue::from_bytes(&rest).is_ok(),
        "what is left is no field value"
    );
    let left = Baggage::read([rest.as_slice()], Limits::new()).expect("less is within the limits");
    for key in owned {
        assert_eq!(left.member(key), Found::Absent, "`{key}` is left");
        assert!(plainly(&rest, key).is_empty(), "`{key}` is left to a peer");
    }
    let again = left.without(&owned).unwrap_or_default();
    assert_eq!(again, rest, "something else is left the second time");
    let is_ours = |raw: &[u8]| {
        let alone = Baggage::read([raw], Limits::new()).expect("one is within the limits");
        owned.iter().any(|key| alone.member(key) != Found::Absent)
    };
    let others = baggage.members().filter(|member| {
        http::HeaderValue::from_bytes(member.raw()).is_ok() && !is_ours(member.raw())
    });
    assert!(
        left.members().eq(others),
        "the member of somebody else was changed"
    );
}
