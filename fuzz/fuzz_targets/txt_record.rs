//! TXT records of organisations.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::txt_record(octets));
