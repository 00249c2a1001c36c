//! Any number of bundles that verify and differ, for the price of one signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::AUTHORIZATION;

use crate::Bundle;
use crate::der::{contents, values, wrap};

/// A bundle whose signer information has an unsigned attribute with a counter in it.
///
/// Unsigned attributes are ignored (`docs/protocol.md`), so each count is another credential that
/// verifies, and the signature need not be made again.
#[derive(Clone, Debug)]
pub struct Variants {
    bundle: Bundle,
    octets: Vec<u8>,
}

/// An attribute of the type 1.2.840.113549.1.9.99, which means nothing, with eight octets.
const ATTRIBUTE: [u8; 27] = [
    0xa1, 0x19, 0x30, 0x17, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x63, 0x31,
    0x0a, 0x04, 0x08, 0, 0, 0, 0, 0, 0, 0, 0,
];
/// So much is left of what is cut: the outermost header, and the counter.
const CUT_LEAST: usize = 32;
/// How deep the signer information lies in the last values of a bundle.
const DEPTH: usize = 5;

impl Variants {
    /// Variants of this bundle.
    #[must_use]
    pub fn of(bundle: Bundle) -> Self {
        let octets = with_attribute(&bundle.octets, DEPTH);
        Self { bundle, octets }
    }

    /// The bundle that they are variants of.
    #[must_use]
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// A bundle that verifies, and that no other count has.
    #[must_use]
    pub fn good(&self, count: u64) -> Request<()> {
        request(&self.numbered(count))
    }

    /// The same with another signature, which does not verify.
    #[must_use]
    pub fn forged(&self, count: u64) -> Request<()> {
        let mut octets = self.numbered(count);
        let signature_end = octets.len() - ATTRIBUTE.len();
        octets[signature_end - 1] ^= 1;
        request(&octets)
    }

    /// The beginning of a bundle with a counter at its end, which can't be read.
    #[must_use]
    pub fn cut(&self, count: u64) -> Request<()> {
        let mut octets = self.numbered(count);
        let length = usize::try_from(count).expect("a count") % (octets.len() - CUT_LEAST);
        octets.truncate(CUT_LEAST + length);
        // It has lost its counter.
        *octets.last_chunk_mut::<8>().expect("more than that") = count.to_be_bytes();
        request(&octets)
    }

    fn numbered(&self, count: u64) -> Vec<u8> {
        let mut octets = self.octets.clone();
        let counter = octets.last_chunk_mut::<8>().expect("the attribute");
        *counter = count.to_be_bytes();
        octets
    }
}

/// Appends the attribute to the last of the last of the last values.
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
