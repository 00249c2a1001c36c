//! Signatures and digests: the only folder that names the cryptographic library.

mod digest;
mod public_key;
mod signature;

pub(crate) use digest::Digest;
pub use digest::Hash;
pub(crate) use public_key::bit_length;
pub use public_key::{PublicKey, RsaScheme};
pub use signature::{DirectVerifier, SignatureCheck, SignatureVerifier};
