//! The two bundles of VeraId: of a signature, and of a member's identity.

mod chain_messages;
mod member_id_bundle;
mod metadata;
mod signature_bundle;

pub use chain_messages::MalformedChain;
pub(crate) use chain_messages::read_chain;
#[cfg(feature = "issue")]
pub(crate) use chain_messages::write_chain;
pub use member_id_bundle::MemberIdBundle;
pub(crate) use metadata::SignatureMetadata;
pub use signature_bundle::{MalformedBundle, SignatureBundle};
