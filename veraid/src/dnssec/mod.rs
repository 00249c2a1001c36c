//! Proofs from the DNS root to a set of TXT records (RFC 4033 to 4035, PROTOCOL "The chain").

mod chain;
mod error;
mod key;
mod response;
mod rrset;
mod trust_anchor;
mod zone;

#[cfg(feature = "retrieve")]
pub mod retrieval;

pub use chain::{DnssecChain, TxtRecordSet};
pub use error::DnssecError;
pub use response::{ChainSignature, MalformedMessage};
pub use trust_anchor::{ParseTrustAnchorError, TrustAnchor};
