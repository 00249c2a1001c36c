//! DNS messages, as part of a chain and as responses from the network.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| veraid_fuzz::dns_message(octets));
