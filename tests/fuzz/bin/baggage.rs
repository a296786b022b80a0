//! See [`throughline_fuzz::baggage`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::baggage::run(data));
