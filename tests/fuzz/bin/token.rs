//! See [`throughline_fuzz::token`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::token::run(data));
