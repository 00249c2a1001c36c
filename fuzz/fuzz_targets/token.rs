//! Tokens in JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::token(octets));
