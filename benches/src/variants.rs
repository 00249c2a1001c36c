//! Any number of different valid bundles with the same signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::AUTHORIZATION;

use crate::Bundle;
use crate::der::{contents, values, wrap};

/// A bundle with a counter in an unsigned attribute of its signer information.
///
/// Unsigned attributes are ignored (`docs/protocol.md`), so each count results in a different valid
/// credential without a new signature.
#[derive(Clone, Debug)]
pub struct Variants {
    bundle: Bundle,
    octets: Vec<u8>,
}

/// An attribute of the unassigned type 1.2.840.113549.1.9.99, with eight octets.
const ATTRIBUTE: [u8; 27] = [
    0xa1, 0x19, 0x30, 0x17, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x63, 0x31,
    0x0a, 0x04, 0x08, 0, 0, 0, 0, 0, 0, 0, 0,
];
/// The outermost header and the counter.
const MIN_TRUNCATED_LENGTH: usize = 32;
/// The depth of the signer information in the last values of a bundle.
const DEPTH: usize = 5;

impl Variants {
    /// Creates variants of this bundle.
    #[must_use]
    pub fn of(bundle: Bundle) -> Self {
        let octets = with_attribute(&bundle.octets, DEPTH);
        Self { bundle, octets }
    }

    /// Returns the original bundle.
    #[must_use]
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Returns a request with a valid bundle, different for each count.
    #[must_use]
    pub fn good(&self, count: u64) -> Request<()> {
        request(&self.numbered(count))
    }

    /// Returns a request with the same bundle and an invalid signature.
    #[must_use]
    pub fn forged(&self, count: u64) -> Request<()> {
        let mut octets = self.numbered(count);
        let signature_end = octets.len() - ATTRIBUTE.len();
        octets[signature_end - 1] ^= 1;
        request(&octets)
    }

    /// Returns a request with a truncated bundle, different for each count.
    #[must_use]
    pub fn truncated(&self, count: u64) -> Request<()> {
        let mut octets = self.numbered(count);
        let length =
            usize::try_from(count).expect("a count") % (octets.len() - MIN_TRUNCATED_LENGTH);
        octets.truncate(MIN_TRUNCATED_LENGTH + length);
        // Truncation removed the counter.
        *octets.last_chunk_mut::<8>().expect("at least eight octets") = count.to_be_bytes();
        request(&octets)
    }

    fn numbered(&self, count: u64) -> Vec<u8> {
        let mut octets = self.octets.clone();
        let counter = octets.last_chunk_mut::<8>().expect("the attribute");
        *counter = count.to_be_bytes();
        octets
    }
}

/// Appends the attribute to the last value at this depth.
fn with_attribute(value: &[u8], depth: usize) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = values(contents(value)).into_iter().map(<[u8]>::to_vec).collect();
    match depth.checked_sub(1) {
        None => parts.push(ATTRIBUTE.to_vec()),
        Some(depth) => {
            let last = parts.pop().expect("a structure with values");
            parts.push(with_attribute(&last, depth));
        }
    }
    wrap(value[0], &parts.concat())
}

fn request(octets: &[u8]) -> Request<()> {
    let value = format!("Kliento {}", STANDARD.encode(octets));
    Request::builder().header(AUTHORIZATION, value).body(()).expect("a header")
}
