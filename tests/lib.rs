//! Journeys over the whole system, golden vectors, and code that must not compile. Nothing lives
//! here but tests; see `journeys/main.rs`.

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
