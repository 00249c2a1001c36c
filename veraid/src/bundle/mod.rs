//! The two bundles of VeraId: a signature, and a member's identity, each with all that proves it.

mod member_id_bundle;
mod metadata;
mod signature_bundle;

pub use member_id_bundle::MemberIdBundle;
pub(crate) use metadata::SignatureMetadata;
pub use signature_bundle::{MalformedBundle, SignatureBundle};
pub(crate) use signature_bundle::{read_chain, read_version};
