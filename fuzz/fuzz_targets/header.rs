//! Values of the `Authorization` header.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::header(octets));
