//! See [`throughline_fuzz::grants`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::grants::run(data));
