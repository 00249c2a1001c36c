//! Issues certificates, member id bundles and signature bundles (feature `issue`).
//!
//! Time is always an argument. Let periods start some seconds before now, for verifiers whose
//! clocks are behind. Use each key for one name: a signature does not say whose it is, since `sid`
//! is not signed (RFC 5652, 5.3 and 5.4).
//!
//! Keys, serial numbers and the salts of signatures use randomness of the
//! operating system; nothing else does.
//!
//! Certificates and signature bundles are first prepared as [`Unsigned`] values. [`Unsigned::sign`]
//! completes them with a [`Signer`]: a key in memory, in an HSM (feature `pkcs11`) or in a KMS. For
//! a key that is only accessible asynchronously, pass its signature to [`Unsigned::with_signature`].
//!
//! ```
//! use std::time::Duration;
//!
//! use veraid::issue::{
//!     MemberCertificate, OrganisationCertificate, RsaSigner, SignatureRequest, Signer,
//!     member_id_bundle, txt_record,
//! };
//! use veraid::{KeyAlgorithm, Member, MemberIdBundle, ObjectIdentifier, Period};
//!
//! # fn issue(chain: &[Vec<u8>], period: Period) -> Result<(), Box<dyn std::error::Error>> {
//! // Once: the organisation's key, and the record that its zone publishes at `_veraid.example.com`.
//! let organisation_key = RsaSigner::generate(KeyAlgorithm::Rsa2048)?;
//! let spki = organisation_key.subject_public_key_info();
//! let record = txt_record(spki, Duration::from_secs(3600), None)?;
//! println!("_veraid.example.com. IN TXT \"{record}\"");
//! let name = "example.com".parse()?;
//! let organisation =
//!     OrganisationCertificate::prepare(&name, spki, organisation_key.hash(), period)?
//!         .sign(&organisation_key)?;
//!
//! // For each member: a certificate, and a bundle of it with a recent DNSSEC chain.
//! let alice_key = RsaSigner::generate(KeyAlgorithm::Rsa2048)?;
//! let alice: Member = "alice".parse()?;
//! let spki = alice_key.subject_public_key_info();
//! let certificate =
//!     MemberCertificate::prepare(&alice, spki, &organisation, organisation_key.hash(), period)?
//!         .sign(&organisation_key)?;
//! let bundle = member_id_bundle(&organisation, &certificate, chain)?;
//!
//! // For each message: a signature by the member, or by the organisation for the member.
//! let service: ObjectIdentifier = "1.3.6.1.4.1.58708.1.1".parse()?;
//! let request = SignatureRequest::new(&service, b"Hello", period);
//! let id = MemberIdBundle::from_der(&bundle)?;
//! let by_alice = request.by_member(&id, alice_key.hash())?.sign(&alice_key)?;
//! let for_alice = request
//!     .by_organisation(&organisation, chain, &alice, organisation_key.hash())?
//!     .sign(&organisation_key)?;
//! # drop((by_alice, for_alice));
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod bundle;
mod certificate;
mod error;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
mod public_key;
mod request;
mod signed_data;
mod signer;
mod tbs_certificate;
#[cfg(test)]
mod tests;
mod txt_record;
mod unsigned;

pub use bundle::{SignatureBundleDer, member_id_bundle};
pub use certificate::{MemberCertificate, OrganisationCertificate};
pub use error::IssueError;
pub use public_key::PublicKey;
pub use request::SignatureRequest;
pub use signer::{Signer, SigningError};
pub use txt_record::txt_record;
pub use unsigned::{Issued, Unsigned};

pub use crate::crypto::{KeyError, RsaSigner};
