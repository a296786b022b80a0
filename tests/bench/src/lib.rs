//! What a hop costs, beside its peers.
//!
//! Started by `cargo xtask bench`; the figures are the medians of many small batches, and the
//! batches of all rows take turns, so that whatever slows the machine down slows all rows alike.
//!
//! There are two binaries. One counts allocations, with an allocator that counts; the other one
//! measures time, with the allocator that users have, and prints both.
//!
//! Rules:
//!
//! 1. A row is called as a server calls it: `poll_ready`, `call`, one poll of the future. Every row
//!    answers at its first poll, and checks that the answer is the one it stands for: a refusal
//!    that is measured is the refusal it is named for.
//! 2. Requests are made outside the measured time, and dropped inside it.
//! 3. All rows read the same token, so peers verify the same number of bytes, with the same library
//!    ([`aws_lc_rs`]) and the same key.
//! 4. A missed bound is printed, and is no failure: a shared machine is no judge.

pub mod edge;
pub mod fixture;
pub mod loopback;
pub mod meter;
mod peers;
pub mod report;
pub mod rows;

/// Anything that keeps a row from being measured.
pub type Error = Box<dyn std::error::Error>;
