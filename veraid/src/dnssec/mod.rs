//! DNSSEC validation from the root to a TXT RRset (RFC 4033 to 4035).

mod chain;
mod error;
#[cfg(feature = "inspect")]
mod inspection;
mod key;
mod response;
mod rrset;
mod trust_anchor;
mod zone;

#[cfg(feature = "retrieve")]
pub mod retrieval;

pub use chain::{DnssecChain, TxtRrset};
pub use error::DnssecError;
#[cfg(feature = "inspect")]
pub use inspection::{
    ChainSignature, DsFields, InspectedChain, InspectedDsRrset, InspectedKey, InspectedRrset,
    InspectedZone,
};
pub use response::MalformedMessage;
pub use trust_anchor::{ParseTrustAnchorError, TrustAnchor};
