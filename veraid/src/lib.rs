//! The VeraId protocol.

mod budget;
mod bundle;
mod cert;
mod cms;
mod code;
mod crypto;
mod der;
mod dnssec;
mod error;
mod hex;
mod member;
mod organisation;
mod period;
mod published_key;
mod timestamp;
mod txt_record;
mod verify;

pub use budget::{LimitExceeded, Limits};
pub use bundle::{MalformedBundle, MemberIdBundle, SignatureBundle};
pub use cert::{AlgorithmError, Certificate, CertificateError};
pub use cms::{SignatureError, SignerKind};
pub use crypto::{DirectVerifier, Hash, PublicKey, RsaScheme, SignatureCheck, SignatureVerifier};
pub use der::{DerError, DerErrorKind, ObjectIdentifier, ParseOidError};
#[cfg(feature = "retrieve")]
pub use dnssec::retrieval;
pub use dnssec::{
    ChainSignature, DnssecChain, DnssecError, MalformedMessage, ParseTrustAnchorError, TrustAnchor,
    TxtRecordSet,
};
pub use error::VerificationError;
pub use hex::Hex;
pub use member::{Member, UserName, UserNameError};
pub use organisation::{OrganisationName, OrganisationNameError};
pub use period::Period;
pub use timestamp::{Timestamp, TimestampError};
pub use txt_record::{Dialect, KeyAlgorithm, TxtRecord, TxtRecordError};
pub use verify::{Verification, VerifiedMemberId, VerifiedSignature};
