//! The X.509 certificates of organisations and members (RFC 5280).

pub(crate) mod algorithm;
mod certificate;
mod error;
pub(crate) mod extensions;
#[cfg(feature = "inspect")]
mod inspection;
pub(crate) mod name;
mod profile;
mod public_key;

pub(crate) use algorithm::{read_hash, read_pss_hash};
pub use certificate::Certificate;
pub(crate) use certificate::read_serial;
pub use error::{AlgorithmError, CertificateError};
#[cfg(feature = "inspect")]
pub use inspection::InspectedCertificate;
pub(crate) use profile::{Organisation, verify_member, verify_organisation};
#[cfg(feature = "pkcs11")]
pub(crate) use public_key::RSA_ENCRYPTION;
pub(crate) use public_key::RsaPublicKey;
