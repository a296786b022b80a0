//! What the fuzzers do with an input, as plain functions: a fuzzer and the replay of its corpus call
//! the same one.
//!
//! A target turns bytes into whatever arrives at a hop, and holds what the library says of it
//! against an oracle: a second reading that shares no code with the first, a question asked twice, or
//! a rule that no input may break. It panics where they disagree, which is how a finding is told.
//!
//! Nothing is remembered from one input to the next, and no input is random: what was found once is
//! found again.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a fuzz target panics where an oracle is broken; that is how it tells"
)]

pub mod allocations;
pub mod baggage;
pub mod corpus;
pub mod grants;
pub mod hop;
pub mod keys;
mod service;
pub mod token;
pub mod trace;
pub mod witnesses;
mod world;

/// A target: its name, and what is done with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by name.
pub const TARGETS: [Target; 7] = [
    ("baggage", baggage::run),
    ("grants", grants::run),
    ("hop", hop::run),
    ("keys", keys::run),
    ("token", token::run),
    ("trace", trace::run),
    ("witnesses", witnesses::run),
];
