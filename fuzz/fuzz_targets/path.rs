//! See `presenced_fuzz::api::path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| presenced_fuzz::api::path(data));
