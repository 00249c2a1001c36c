//! A lenient reader of PEM (RFC 7468), for the keys and certificates of operators.
//!
//! It accepts what OpenSSL and editors write: a byte-order mark, text around the blocks, blank lines,
//! indents, and lines of any length. A strict reader checks the result.

mod blocks;

use zeroize::Zeroizing;

pub use blocks::{PemBlock, pem_blocks};

/// Returns all blocks of a text for a strict reader, without the text around them.
///
/// ```
/// use http_guard::pem::to_strict;
///
/// let text = "\u{feff} -----BEGIN CERTIFICATE-----\n MAA=\n\n -----END CERTIFICATE-----";
/// let strict = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
/// assert_eq!(*to_strict(text.as_bytes()), strict.as_bytes());
/// ```
#[must_use]
pub fn to_strict(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let blocks: Vec<_> = pem_blocks(text).iter().map(PemBlock::to_strict).collect();
    // Growing would leave copies of a private key in memory.
    let length = blocks.iter().map(|block| block.len()).sum();
    let mut strict = Zeroizing::new(Vec::with_capacity(length));
    for block in &blocks {
        strict.extend_from_slice(block);
    }
    strict
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_the_reader_of_veraid() {
        let ours = include_str!("blocks.rs");
        let theirs = include_str!("../../../veraid/src/pem.rs").replace("pub(crate)", "pub");
        assert_eq!(ours, theirs, "copy veraid/src/pem.rs");
    }
}
