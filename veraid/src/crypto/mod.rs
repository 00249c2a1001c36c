//! Signatures and digests. Only this module uses the cryptographic library.

mod check_key;
mod digest;
mod public_key;
#[cfg(feature = "issue")]
mod random;
#[cfg(feature = "issue")]
mod rsa_signer;
mod signature;
mod staged_verifier;
#[cfg(feature = "testing")]
mod unchecked_rsa;
#[cfg(feature = "testing")]
mod zone_signer;

pub use check_key::CheckKey;

pub use digest::Hash;
pub(crate) use public_key::{MAX_EXPONENT_BITS, bit_length};
pub use public_key::{PublicKey, RsaScheme};
#[cfg(feature = "issue")]
pub(crate) use random::random_octets;
#[cfg(feature = "issue")]
pub use rsa_signer::{KeyError, RsaSigner};
pub use signature::{DirectVerifier, SignatureCheck, SignatureVerifier};
pub use staged_verifier::StagedVerifier;
#[cfg(feature = "testing")]
pub use zone_signer::ZoneAlgorithm;
#[cfg(feature = "testing")]
pub(crate) use zone_signer::{ZoneSigner, ds_digest};
