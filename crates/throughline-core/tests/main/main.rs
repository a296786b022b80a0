//! The integration tests of this crate, linked once.

#[cfg(test)]
mod json_test_suite;
#[cfg(test)]
mod naughty_strings;
#[cfg(test)]
mod w3c_baggage;
#[cfg(test)]
mod w3c_trace_context;
