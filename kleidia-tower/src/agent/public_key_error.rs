//! Errors from parsing an agent's public key.

use super::AgentPublicKey;

/// An error from parsing an [`AgentPublicKey`].
///
/// It quotes only a label, numbers and object identifiers, so a private key that was sent by
/// mistake does not reach a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The text is too long.
    #[error(
        "the PEM text has {octets} octets, expected at most {}",
        AgentPublicKey::MAX_PEM_OCTETS
    )]
    TooLong {
        /// The length of the text.
        octets: usize,
    },
    /// The text does not have exactly one PEM block.
    #[error("expected a single PEM block, found {found}")]
    Blocks {
        /// The number of blocks that begin in the text.
        found: usize,
    },
    /// The block is malformed (RFC 7468): its boundaries or its Base64.
    #[error("malformed PEM block: {reason}")]
    Pem {
        /// The decoder's message.
        reason: String,
    },
    /// The block has another label, such as `RSA PUBLIC KEY` (PKCS #1) or `PRIVATE KEY`.
    #[error("expected PEM label {:?}, found {found:?}", AgentPublicKey::LABEL)]
    Label {
        /// The label of the block.
        found: String,
    },
    /// The content of the block is not exactly a `SubjectPublicKeyInfo` in DER (RFC 5280, 4.1).
    #[error("malformed SubjectPublicKeyInfo: {reason}")]
    Der {
        /// The decoder's message.
        reason: String,
    },
    /// The key is for another algorithm.
    #[error("expected algorithm rsaEncryption (1.2.840.113549.1.1.1), found {found}")]
    Algorithm {
        /// The object identifier of the algorithm, in dotted decimal.
        found: String,
    },
    /// The algorithm's parameters are not NULL (RFC 3279, 2.3.1).
    #[error("the parameters of rsaEncryption are not NULL")]
    Parameters,
    /// The modulus has another length.
    #[error("expected a modulus of {} bits, found {found}", AgentPublicKey::BITS)]
    ModulusBits {
        /// The length of the modulus in bits.
        found: usize,
    },
    /// The modulus has a small factor, so it is not the product of two large primes.
    #[error("the modulus is divisible by {factor}")]
    SmallFactor {
        /// The smallest factor.
        factor: u16,
    },
    /// The public exponent is even or small.
    #[error(
        "expected an odd public exponent of at least {}, found {found}",
        AgentPublicKey::MIN_EXPONENT
    )]
    Exponent {
        /// The public exponent.
        found: u64,
    },
    /// The public exponent is so large that encryption would be slow.
    #[error(
        "expected a public exponent of at most {} bits, found {found}",
        AgentPublicKey::MAX_EXPONENT_BITS
    )]
    ExponentBits {
        /// The length of the public exponent in bits.
        found: usize,
    },
    /// The cryptographic library rejected the key.
    #[error("the cryptographic library rejected the key")]
    Rejected,
}
