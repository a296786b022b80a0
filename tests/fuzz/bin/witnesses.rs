//! See [`throughline_fuzz::witnesses`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::witnesses::run(data));
