//! Every input of every corpus, and whatever was kept for a reason, through its target: without a
//! fuzzer, in any test run.

#![cfg(test)]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use throughline_fuzz::allocations::Budget;
use throughline_fuzz::{TARGETS, corpus};

fn inputs(folder: &str, target: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(format!("{target}.txt"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    corpus::unpack(&text).unwrap_or_else(|line| panic!("{}:{line}", file.display()))
}

// One test for all: allocations are counted over all threads, so there must be no other at work.
#[test]
fn every_input_of_every_corpus_holds() {
    // What breaks an oracle panics, which is what the fuzzer sees, and this test.
    let nothing = Budget {
        per_byte: 1,
        fixed: 0,
    };
    assert!(catch_unwind(|| nothing.hold(8, || vec![0_u8; 64])).is_err());
    assert_eq!(nothing.hold(64, || vec![0_u8; 64]).len(), 64);

    let mut broken = Vec::new();
    for (name, run) in TARGETS {
        let corpus = inputs("corpus", name);
        assert!(corpus.len() > 20, "`{name}` has hardly a corpus");
        for input in corpus.iter().chain(&inputs("kept", name)) {
            if catch_unwind(|| run(input)).is_err() {
                broken.push(format!("{name}: {}", corpus::line(input)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
