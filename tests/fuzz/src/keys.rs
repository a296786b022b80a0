//! Key-set bytes, and the key set.
//!
//! Oracles:
//!
//! 1. Each entry fares in the set as it does alone, but for what two entries do to each other: two
//!    keys of one `kid`.
//! 2. The order of entries changes nothing.
//! 3. An admitted key is found under its `kid`, holds nothing private, is of no shared secret, and
//!    verifies none of the signatures that broken keys verify.
//! 4. Allocation stays within [`BUDGET`].

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use throughline_jose::keys::{MAX_KID_LEN, SkipReason};
use throughline_jose::{AdmissionPolicy, Algorithm, KeySet, VerifyingKey};

use crate::allocations::Budget;

/// For reading a key set.
pub const BUDGET: Budget = Budget {
    per_byte: 160,
    fixed: 4 * 1024,
};

/// Members that no public key has.
const PRIVATE: [&str; 7] = ["d", "dp", "dq", "k", "p", "q", "qi"];

/// One input: a document. Its first byte chooses a policy if it is no brace.
pub fn run(data: &[u8]) {
    let (policy, document) = match data.split_first() {
        Some((b'1', rest)) => (
            AdmissionPolicy::new().with_algorithms([Algorithm::Rs256, Algorithm::Es256]),
            rest,
        ),
        Some((b'2', rest)) => (AdmissionPolicy::new().with_uses(["jwt-svid"]), rest),
        Some((b'3', rest)) => (AdmissionPolicy::new().with_max_keys(3), rest),
        _ => (AdmissionPolicy::new(), data),
    };
    let read = BUDGET.hold(document.len(), || KeySet::parse(document, &policy));
    let Ok(set) = read else {
        return;
    };
    // Text by text, as the set does it; what the set took is a JSON object with `keys`.
    let top: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(document).expect("a key set is an object");
    let keys: Vec<Box<RawValue>> =
        serde_json::from_str(top["keys"].get()).expect("a key set has a list of keys");

    check_each_entry(&set, &keys, &policy);
    for key in set.iter() {
        check_admitted(&set, key);
    }

    let turned = keys.iter().rev().map(|key| key.get());
    let turned = format!(r#"{{"keys":[{}]}}"#, turned.collect::<Vec<_>>().join(","));
    let turned = KeySet::parse(turned.as_bytes(), &policy).expect("the same keys are a set");
    assert!(set.same_keys(&turned), "the order of keys counts");
    assert_eq!(
        set.skipped().len(),
        turned.skipped().len(),
        "the order of keys counts for what is skipped"
    );
}

fn check_each_entry(set: &KeySet, keys: &[Box<RawValue>], policy: &AdmissionPolicy) {
    for (index, text) in keys.iter().enumerate() {
        let text = text.get();
        let alone = VerifyingKey::from_jwk(text.as_bytes(), policy);
        let mut skipped = set.skipped().iter().filter(|key| key.index() == index);
        let (skipped, again) = (skipped.next(), skipped.next());
        assert!(again.is_none(), "entry {index} is skipped twice");
        match (skipped.map(|key| key.reason()), alone) {
            (None, Ok(key)) => {
                assert!(set.iter().any(|one| *one == key), "entry {index} is lost");
                check_text(text);
            }
            (None, Err(error)) => {
                assert!(error.reason() != error.reason(), "admitted: {error}");
            }
            (Some(SkipReason::KidConflict), alone) => {
                let key = alone.expect("only what is admitted can conflict");
                assert!(
                    set.find(key.kid()).is_none(),
                    "one key of a conflict is left"
                );
            }
            (Some(reason), alone) => {
                let error = alone.expect_err("skipped in the set, admitted alone");
                assert_eq!(error.reason(), reason, "another reason in the set");
            }
        }
    }
    assert!(set.len() + set.skipped().len() <= keys.len());
}

/// What an admitted key says in plain JSON.
fn check_text(text: &str) {
    let key: Value = serde_json::from_str(text).expect("an admitted key is json");
    let key = key.as_object().expect("an admitted key is an object");
    for member in PRIVATE {
        assert!(!key.contains_key(member), "a private key was admitted");
    }
    assert!(matches!(key["kty"].as_str(), Some("EC" | "OKP" | "RSA")));
    let alg = key.get("alg").map(|alg| alg.as_str().unwrap_or("no text"));
    assert!(
        alg.is_none_or(|alg| !alg.starts_with("HS") && alg != "none"),
        "{alg:?} was admitted"
    );
}

fn check_admitted(set: &KeySet, key: &VerifyingKey) {
    let Some(kid) = key.kid() else {
        assert_eq!(set.find(None).is_some(), set.len() == 1);
        return;
    };
    assert!((1..=MAX_KID_LEN).contains(&kid.len()) && !kid.contains(char::is_control));
    assert!(set.find(Some(kid)) == Some(key), "not found by its `kid`");

    // The neutral element as R, with S = 0, verifies anything under a key of small order; r = s = 0
    // under ECDSA without its range check; the message under RSA with an exponent of 1.
    let len = key.signature_len();
    let zeros = vec![0; len];
    let mut neutral = zeros.clone();
    neutral[0] = 1;
    let mut one = zeros.clone();
    one[len - 1] = 1;
    for forged in [zeros, neutral, one, vec![0xff; len], Vec::new()] {
        assert!(!key.verify(b"message", &forged), "verified {forged:02x?}");
    }
}
