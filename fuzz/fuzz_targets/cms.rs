//! CMS signatures, within a bundle that is valid otherwise.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::cms(octets));
