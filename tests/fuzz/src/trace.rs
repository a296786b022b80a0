//! `traceparent` and `tracestate` lines.
//!
//! The input is lines: those that begin with `p` are of `traceparent`, all others of `tracestate`.
//!
//! Oracles:
//!
//! 1. What is read is written to what is read again, equal.
//! 2. An id stands in the line as it is written, in lower case, and is not all zero; a value of
//!    version 00 is the line, but for reserved flags.
//! 3. A state has at most 32 members, each of them in a line as it is written.
//! 4. Allocation stays within [`BUDGET`].

use throughline_core::traceparent::{TraceParent, TraceState};

use crate::allocations::Budget;

/// For reading both.
pub const BUDGET: Budget = Budget {
    per_byte: 4,
    fixed: 2 * 1024,
};

/// One input.
pub fn run(data: &[u8]) {
    let lines = || data.split(|byte| *byte == b'\n');
    let parents: Vec<&[u8]> = lines().filter_map(|line| line.strip_prefix(b"p")).collect();
    let states: Vec<&[u8]> = lines().filter(|line| !line.starts_with(b"p")).collect();
    let (parent, state) = BUDGET.hold(data.len(), || {
        (
            TraceParent::read(parents.iter().copied()),
            TraceState::read(states.iter().copied()),
        )
    });
    if let Ok(parent) = parent {
        check_parent(&parents, parent);
    }
    if let Ok(state) = state {
        check_state(&states, &state);
    }
}

fn check_parent(lines: &[&[u8]], parent: Option<TraceParent>) {
    let Some(parent) = parent else {
        assert!(lines.is_empty(), "a line was read as none");
        return;
    };
    let [line] = lines else {
        assert_eq!(lines.len(), 1, "several lines were read as one");
        return;
    };
    let written = parent.to_string();
    let again = TraceParent::read([written.as_bytes()]);
    assert_eq!(again, Ok(Some(parent)), "another once written");

    // Behind its flags a version of the future holds anything.
    let line = line.trim_ascii();
    let (known, rest) = line.split_at(55);
    let known = str::from_utf8(known).expect("what is known is text");
    let ids = &written[3..52];
    assert_eq!(&known[3..52], ids, "other ids");
    assert!(parent.trace_id().to_bytes() != [0; 16] && parent.parent_id().to_bytes() != [0; 8]);
    assert!(!known.contains(|c: char| c.is_ascii_uppercase()) && !known.starts_with("ff"));
    let flags = u8::from_str_radix(&known[53..], 16).expect("flags are hex");
    assert_eq!(written, format!("00-{ids}-{:02x}", flags & 0b11));
    match known.starts_with("00") {
        true => assert!(rest.is_empty(), "more than version 00 has"),
        false => assert!(rest.is_empty() || rest.starts_with(b"-")),
    }
}

fn check_state(lines: &[&[u8]], state: &TraceState<'_>) {
    assert!(state.iter().count() <= TraceState::MAX_MEMBERS);
    let written = state.to_string();
    let again = TraceState::read([written.as_bytes()]).expect("what is written is readable");
    assert_eq!(again, *state, "another once written");
    let joined = lines.join(&b',');
    let slots = joined
        .split(|byte| *byte == b',')
        .map(|slot| slot.trim_ascii_start())
        .filter(|slot| !slot.is_empty());
    let slots: Vec<_> = slots.collect();
    assert_eq!(slots.len(), state.iter().count(), "a member was lost");
    for (slot, (key, value)) in slots.iter().zip(state.iter()) {
        let member = format!("{key}={value}");
        assert!(
            slot.starts_with(member.as_bytes()),
            "`{member}` was changed"
        );
        assert!(state.get(key).is_some() && !key.is_empty() && !value.is_empty());
    }
}
