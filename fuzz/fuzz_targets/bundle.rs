//! Whole token bundles.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::bundle(octets));
