//! See [`throughline_fuzz::keys`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throughline_fuzz::keys::run(data));
