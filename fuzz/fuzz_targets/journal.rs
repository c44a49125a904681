//! See `presenced_fuzz::store::journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| presenced_fuzz::store::journal(data));
