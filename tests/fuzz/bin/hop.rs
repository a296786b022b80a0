//! See [`throughline_fuzz::hop`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::hop::run(data));
