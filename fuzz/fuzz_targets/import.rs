//! Lines of an import of accounts, and hashes of other systems.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::import(octets));
