//! The CMS signature of a bundle (RFC 5652).

pub(crate) mod attributes;
mod error;
#[cfg(feature = "inspect")]
mod inspection;
pub(crate) mod signed_data;
mod verify;

pub use error::SignatureError;
#[cfg(feature = "inspect")]
pub use inspection::InspectedSignature;
#[cfg(feature = "inspect")]
pub(crate) use inspection::{inspect_signature, validity_starts};
pub(crate) use signed_data::SignedData;
pub use verify::SignerKind;
pub(crate) use verify::{
    SignatureRequirements, claimed_period, claimed_plaintext, verify_signed_data,
};
