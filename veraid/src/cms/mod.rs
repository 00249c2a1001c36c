//! The CMS signature of a bundle (RFC 5652, PROTOCOL "CMS").

pub(crate) mod attributes;
mod error;
pub(crate) mod signed_data;
mod verify;

pub use error::SignatureError;
pub(crate) use signed_data::SignedData;
pub use verify::SignerKind;
pub(crate) use verify::{Expectation, verify_signed_data};
