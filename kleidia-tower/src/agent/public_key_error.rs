//! Why a text is no public key that secrets may be encrypted to.

use super::AgentPublicKey;

/// Why a text is no [`AgentPublicKey`]: what was found, and what is asked for.
///
/// Nothing but a label, numbers and object identifiers of the text is in it, so that somebody who
/// sends a private key by mistake does not find it in a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The text is too long to be read.
    #[error("the key has {octets} octets of PEM, more than {}", AgentPublicKey::MAX_PEM_OCTETS)]
    TooLong {
        /// How many octets it has.
        octets: usize,
    },
    /// There is not one PEM block in the text, or there is something before it.
    #[error("the text is not one PEM block and nothing else: {found} blocks begin in it")]
    Blocks {
        /// How many begin.
        found: usize,
    },
    /// The block is not as RFC 7468, section 3, has it (figure 3, "strict").
    #[error("the PEM block can't be read: {reason}")]
    Pem {
        /// What is wrong with it.
        reason: String,
    },
    /// The block is something else, such as `RSA PUBLIC KEY` (PKCS #1) or a private key.
    #[error("the PEM block is a {found:?}, not a {:?}", AgentPublicKey::LABEL)]
    Label {
        /// What it says it is.
        found: String,
    },
    /// The block has no `SubjectPublicKeyInfo` in DER (RFC 5280, 4.1), or not that alone.
    #[error("the key is no SubjectPublicKeyInfo in DER: {reason}")]
    Der {
        /// What is wrong with it.
        reason: String,
    },
    /// It is a key of another algorithm.
    #[error("the key's algorithm is {found}, not rsaEncryption (1.2.840.113549.1.1.1)")]
    Algorithm {
        /// Its object identifier, in dots.
        found: String,
    },
    /// The algorithm has other parameters than NULL (RFC 3279, 2.3.1).
    #[error("the parameters of rsaEncryption are not NULL")]
    Parameters,
    /// The modulus has another length.
    #[error("the key has {found} bits, not {}", AgentPublicKey::BITS)]
    ModulusBits {
        /// How many bits it has.
        found: usize,
    },
    /// The modulus has a small factor, so that it is no product of two large primes.
    #[error("the modulus can be divided by {factor}")]
    SmallFactor {
        /// The smallest one.
        factor: u16,
    },
    /// The public exponent is even or small.
    #[error(
        "the public exponent is {found}, not odd and at least {}",
        AgentPublicKey::MIN_EXPONENT
    )]
    Exponent {
        /// What it is.
        found: u32,
    },
    /// The public exponent is so large that encrypting would be slow.
    #[error("the public exponent has {found} bits, more than 32")]
    ExponentBits {
        /// How many bits it has.
        found: usize,
    },
    /// The cryptographic library takes no such key.
    #[error("the cryptographic library refuses the key")]
    Refused,
}
