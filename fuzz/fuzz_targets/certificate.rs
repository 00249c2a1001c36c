//! Certificates, alone and as the organisation's of a bundle.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::certificate(octets));
