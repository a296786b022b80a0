//! Tokens that something on the way has changed, and bytes that never were a token.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::domain;
use super::forge::{Signer, claims};
use crate::{Algorithm, TrustDomain};

/// What a careless hop does to a value.
#[derive(Clone, Debug)]
enum Mutation {
    /// Drops the end.
    Cut(Index),
    /// Drops a byte.
    Drop(Index),
    /// Says a part twice.
    DuplicatePart(usize, Index),
    /// Flips a bit.
    Flip(Index, u8),
    /// Puts a byte in.
    Insert(Index, u8),
    /// Loses the case of one letter.
    OneCase(Index),
    /// Loses the case from here to there.
    Case(Index, Index, bool),
    /// Percent-encodes a byte.
    PercentEncode(Index, bool),
    /// Percent-decodes, after all.
    PlusForMinus,
    /// Overwrites a byte.
    Replace(Index, u8),
    /// Puts a range backwards.
    Reverse(Index, Index),
    /// Swaps two bytes.
    Swap(Index, Index),
    /// Swaps two parts.
    SwapParts(usize, usize),
    /// Says all of it again behind a separator.
    Twice(&'static str),
}

impl Mutation {
    fn of(&self, token: &str) -> Vec<u8> {
        let mut bytes = token.as_bytes().to_vec();
        let len = bytes.len();
        let range = |a: &Index, b: &Index| {
            let (a, b) = (a.index(len), b.index(len));
            a.min(b)..a.max(b)
        };
        let mut parts: Vec<&str> = token.split('.').collect();
        match self {
            Self::Cut(at) => bytes.truncate(at.index(len)),
            Self::Drop(at) => drop(bytes.remove(at.index(len))),
            Self::DuplicatePart(part, at) => {
                parts.insert(at.index(parts.len() + 1), parts[*part]);
                bytes = parts.join(".").into_bytes();
            }
            Self::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Self::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            Self::OneCase(at) => {
                let byte = &mut bytes[at.index(len)];
                *byte = if byte.is_ascii_lowercase() {
                    byte.to_ascii_uppercase()
                } else {
                    byte.to_ascii_lowercase()
                };
            }
            Self::Case(a, b, true) => bytes[range(a, b)].make_ascii_uppercase(),
            Self::Case(a, b, false) => bytes[range(a, b)].make_ascii_lowercase(),
            Self::PercentEncode(at, upper) => {
                let at = at.index(len);
                let code = if *upper {
                    format!("%{:02X}", bytes[at])
                } else {
                    format!("%{:02x}", bytes[at])
                };
                bytes.splice(at..=at, code.into_bytes());
            }
            Self::PlusForMinus => {
                for byte in &mut bytes {
                    match byte {
                        b'-' => *byte = b'+',
                        b'_' => *byte = b'/',
                        _ => {}
                    }
                }
            }
            Self::Replace(at, byte) => bytes[at.index(len)] = *byte,
            Self::Reverse(a, b) => bytes[range(a, b)].reverse(),
            Self::Swap(a, b) => bytes.swap(a.index(len), b.index(len)),
            Self::SwapParts(a, b) => {
                parts.swap(*a, *b);
                bytes = parts.join(".").into_bytes();
            }
            Self::Twice(between) => bytes = format!("{token}{between}{token}").into_bytes(),
        }
        bytes
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Mutation::Cut),
        at().prop_map(Mutation::Drop),
        (0..3_usize, at()).prop_map(|(part, at)| Mutation::DuplicatePart(part, at)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        (at(), "[A-Za-z0-9._=-]").prop_map(|(at, text)| Mutation::Insert(at, text.as_bytes()[0])),
        at().prop_map(Mutation::OneCase),
        (at(), at(), any::<bool>()).prop_map(|(a, b, up)| Mutation::Case(a, b, up)),
        (at(), any::<bool>()).prop_map(|(at, up)| Mutation::PercentEncode(at, up)),
        Just(Mutation::PlusForMinus),
        (at(), "[A-Za-z0-9._-]").prop_map(|(at, text)| Mutation::Replace(at, text.as_bytes()[0])),
        (at(), at()).prop_map(|(a, b)| Mutation::Reverse(a, b)),
        (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        (0..3_usize, 0..3_usize).prop_map(|(a, b)| Mutation::SwapParts(a, b)),
        proptest::sample::select(vec![",", ", ", " ", "", ".", ";"]).prop_map(Mutation::Twice),
    ]
}

struct Subject {
    domain: TrustDomain,
    token: String,
    algorithm: Algorithm,
}

/// Domains that know their token already, so that the cache is asked too.
fn subjects() -> Vec<Subject> {
    [Algorithm::EdDsa, Algorithm::Es256]
        .into_iter()
        .map(|algorithm| {
            let signer = Signer::new("a", algorithm);
            let domain = domain([&signer]);
            let token = signer.token(&claims());
            domain.verify(token.as_bytes()).unwrap();
            Subject {
                domain,
                token,
                algorithm,
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn one_mutation_of_a_valid_token_is_refused_or_yields_the_identical_context(
        mutations in vec(mutation(), 8),
    ) {
        for subject in &SUBJECTS.with(Clone::clone)[..] {
            let honest = subject.domain.verify(subject.token.as_bytes()).unwrap();
            for mutation in &mutations {
                let mutated = mutation.of(&subject.token);
                match subject.domain.verify(&mutated) {
                    Err(_) => {}
                    Ok(verified) => {
                        prop_assert_eq!(&*verified, &*honest);
                        prop_assert_eq!(verified.token().as_ref(), &mutated[..]);
                        // An Ed25519 token has one spelling.
                        if subject.algorithm == Algorithm::EdDsa {
                            prop_assert_eq!(&mutated[..], subject.token.as_bytes());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn no_bytes_bring_the_verifier_down(bytes in vec(any::<u8>(), 0..600)) {
        for subject in &SUBJECTS.with(Clone::clone)[..] {
            prop_assert!(subject.domain.verify(&bytes).is_err());
        }
    }

    #[test]
    fn no_three_parts_bring_the_verifier_down(token in r"[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{80,90}") {
        for subject in &SUBJECTS.with(Clone::clone)[..] {
            prop_assert!(subject.domain.verify(token.as_bytes()).is_err());
        }
    }

    #[test]
    fn no_signed_header_or_payload_brings_the_verifier_down(
        header in vec(any::<u8>(), 0..60),
        payload in vec(any::<u8>(), 0..200),
        text in json(),
        blob in json(),
    ) {
        let signer = Signer::ed25519("a");
        let domain = domain([&signer]);
        let good = signer.header().to_string();
        prop_assert!(domain.verify(signer.seal(&header, &payload).as_bytes()).is_err());
        prop_assert!(domain.verify(signer.seal(&good, &payload).as_bytes()).is_err());
        prop_assert!(domain.verify(signer.seal(&good, text.to_string()).as_bytes()).is_err());
        prop_assert!(domain.verify(signer.seal(text.to_string(), claims().to_string()).as_bytes()).is_err());
        // Anything in the place of one claim: an answer, and no panic.
        for path in ["aud", "iat", "exp", "txn", "sub", "scope", "act", "tctx", "rctx"] {
            let mut claims = claims();
            claims[path] = blob.clone();
            let _ = domain.verify(signer.token(&claims).as_bytes());
        }
        for path in ["kind", "tenant", "task", "data", "attr", "proj"] {
            let mut claims = claims();
            claims["tctx"][path] = blob.clone();
            let _ = domain.verify(signer.token(&claims).as_bytes());
        }
    }
}

thread_local! {
    static SUBJECTS: std::rc::Rc<Vec<Subject>> = std::rc::Rc::new(subjects());
}

/// Any JSON, with the names that claims have.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(
                "sub|kind|type|id|value|select|actions|[a-z]{1,3}",
                inner,
                0..5
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
