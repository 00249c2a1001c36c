//! Offline verification of signatures by domain names and their users: the VeraId protocol.
//!
//! A **signature bundle** has everything that its verification needs: the DNSSEC chain from the DNS
//! root to the TXT records at `_veraid.example.com`, the organisation's certificate, whose key one
//! of those records publishes, and a CMS signature by the organisation or by one of its members.
//! There is no shared secret and no key server.
//!
//! This crate parses and verifies bundles. It does no I/O and reads no clock: the instant, the
//! trust anchors, the service and the limits are arguments, and the same arguments always give the
//! same result. The work for a bundle is limited before it is done (see [`Limits`]).
//!
//! ```
//! use veraid::{ObjectIdentifier, SignatureBundle, TrustAnchor, Verification};
//!
//! # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/member-user.bin");
//! # let octets = std::fs::read(file)?;
//! // A bundle that the JavaScript implementation made, under a mock DNS root.
//! let bundle = SignatureBundle::from_der(&octets)?;
//! let service: ObjectIdentifier = "1.3.6.1.4.1.58708.3.0".parse()?;
//! let trust_anchors: [TrustAnchor; 1] =
//!     ["19522 8 2 81BCD7E55DD8B40BE69DD64E6AF9B1BCEAACE85C32A6BCAD895B75AFEF828499".parse()?];
//!
//! let verified = Verification::new(&service, &trust_anchors)
//!     .verify_signature_at(&bundle, "2026-11-22T18:03:00Z".parse()?)?;
//! assert_eq!(verified.organisation().as_str(), "example.com");
//! assert_eq!(verified.member().to_string(), "alice");
//! assert_eq!(verified.period().end().to_string(), "2026-11-22T18:58:00Z");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//! No feature is enabled by default.
//!
//! | feature | adds |
//! |---|---|
//! | `inspect` | step-by-step results for a bundle, to find out why it is rejected |
//! | `issue` | certificates, bundles and TXT record values, with keys behind a trait |
//! | `pkcs11` | private keys in an HSM, by PKCS #11 |
//! | `retrieve` | the DNS queries whose responses form an organisation's chain |
//! | `testing` | a mock DNS root, zones, organisations and members, for tests only |
//!
//! # Where the rules come from
//! The V1 [specification](https://veraid.net/spec) and deployed software differ in places. The
//! repository of this crate lists them in `docs/protocol.md`, with the rules of this crate, and has
//! test vectors for them in `vectors/`.

#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod budget;
mod bundle;
mod cert;
mod cms;
mod code;
mod crypto;
mod der;
mod dnssec;
mod error;
mod excerpt;
mod hex;
#[cfg(feature = "inspect")]
mod inspect;
#[cfg(feature = "issue")]
pub mod issue;
mod member;
mod organisation;
#[cfg(feature = "issue")]
mod pem;
mod period;
mod published_key;
#[cfg(feature = "testing")]
pub mod testing;
mod txt_record;
mod verification_time;
mod verify;

pub use budget::{LimitExceeded, Limits};
pub use bundle::{MalformedBundle, MalformedChain, MemberIdBundle, SignatureBundle};
#[cfg(feature = "inspect")]
pub use cert::InspectedCertificate;
pub use cert::{AlgorithmError, Certificate, CertificateError};
#[cfg(feature = "inspect")]
pub use cms::InspectedSignature;
pub use cms::{SignatureError, SignerKind};
pub use crypto::{
    CheckKey, DirectVerifier, Hash, PublicKey, RsaScheme, SignatureCheck, SignatureVerifier,
    StagedVerifier,
};
pub use der::{DerError, DerErrorKind, ObjectIdentifier, ParseOidError};
#[cfg(feature = "retrieve")]
pub use dnssec::retrieval;
#[cfg(feature = "inspect")]
pub use dnssec::{
    ChainSignature, DsFields, InspectedChain, InspectedDsRrset, InspectedKey, InspectedRrset,
    InspectedZone,
};
pub use dnssec::{
    DnssecChain, DnssecError, MalformedMessage, ParseTrustAnchorError, TrustAnchor, TxtRrset,
};
pub use error::VerificationError;
pub use excerpt::Excerpt;
pub use hex::Hex;
#[cfg(feature = "inspect")]
pub use inspect::{CheckResult, Inspection, Outcome};
pub use jiff::Timestamp;
pub use member::{Member, UserName, UserNameError};
pub use organisation::{OrganisationName, OrganisationNameError};
pub use period::Period;
pub use txt_record::{Dialect, KeyAlgorithm, TxtRecord, TxtRecordError};
pub use verification_time::VerificationTime;
pub use verify::{Verification, VerifiedMemberId, VerifiedSignature};
