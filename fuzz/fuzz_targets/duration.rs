//! See `presenced_fuzz::api::duration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| presenced_fuzz::api::duration(data));
