//! Algorithm identifiers, with all parameters explicit, as deployed verifiers require.

use crate::Hash;
use crate::cert::algorithm::{MGF1, RSASSA_PSS, SHA256, SHA384, SHA512};
use crate::der::Tag;
use crate::der::writer::{encode, integer, object_identifier};

/// Returns the `AlgorithmIdentifier` of a hash, with NULL as its parameters.
pub(super) fn hash_algorithm(hash: Hash) -> Vec<u8> {
    let oid = match hash {
        Hash::Sha256 => SHA256,
        Hash::Sha384 => SHA384,
        Hash::Sha512 => SHA512,
    };
    encode(Tag::SEQUENCE, &[&object_identifier(oid), &encode(Tag::NULL, &[])])
}

/// Returns the `AlgorithmIdentifier` of RSASSA-PSS with one hash throughout (RFC 4055, 3.1).
///
/// The trailer is left out: it has its default value.
pub(super) fn pss_algorithm(hash: Hash) -> Vec<u8> {
    let hash_algorithm = hash_algorithm(hash);
    let mask = encode(Tag::SEQUENCE, &[&object_identifier(MGF1), &hash_algorithm]);
    let salt_length = integer(&hash.length().to_be_bytes());
    let parameters = [
        encode(Tag::constructed(0), &[&hash_algorithm]),
        encode(Tag::constructed(1), &[&mask]),
        encode(Tag::constructed(2), &[&salt_length]),
    ];
    let parameters = encode(Tag::SEQUENCE, &[&parameters.concat()]);
    encode(Tag::SEQUENCE, &[&object_identifier(RSASSA_PSS), &parameters])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cert::{read_hash, read_pss_hash};
    use crate::der::Reader;

    #[test]
    fn verifier_reads_written_algorithms() {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let octets = hash_algorithm(hash);
            assert_eq!(read_hash(&Reader::new(&octets).any().unwrap()), Ok(hash));
            let octets = pss_algorithm(hash);
            assert_eq!(read_pss_hash(&Reader::new(&octets).any().unwrap()), Ok(hash));
        }
    }
}
