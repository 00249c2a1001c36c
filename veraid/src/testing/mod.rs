//! A mock DNS with signed zones, organisations and members, for tests; never enable it in
//! production.
//!
//! Keys, signatures and messages are real, and verify with the trust anchor of a mock root. The
//! module reads no clock and does no I/O.
//!
//! - [`MockEnvironment`] suits most tests: organisations and members that sign.
//! - [`MockDns`] is for tests of DNSSEC: zones, TXT records, the chain and the trust anchors.
//! - [`MockZone`] and [`MockKey`] choose algorithms, roles, digests and times.
//! - [`MockRrset`], [`MockSignature`] and [`MockMessage`] allow changes to every field, before
//!   signing and after it: see [`MockDns::rrset`] and [`MockDns::chain_messages`].
//!
//! ```
//! use veraid::testing::{MockDns, MockMessage, rtype};
//! use veraid::{DnssecChain, DnssecError, Period, Timestamp};
//!
//! let start: Timestamp = "2026-01-01T00:00:00Z".parse()?;
//! let end: Timestamp = "2026-02-01T00:00:00Z".parse()?;
//! let dns = MockDns::new(Period::new(start, end).expect("starts before it ends"))?
//!     .with_zones(["com", "example.com"])?
//!     .with_txt("_veraid.example.com", "some text")?;
//!
//! // The TXT records as if a wildcard had been expanded.
//! let mut set = dns.rrset("_veraid.example.com", rtype::TXT)?.expect("there is one");
//! set.signatures[0].labels -= 1;
//! let dns = dns.with_rrset(set)?;
//!
//! let messages = dns.chain("_veraid.example.com")?;
//! let chain = DnssecChain::from_messages(messages.iter().map(Vec::as_slice))?;
//! let rejected = chain.verify_at("_veraid.example.com", start, &dns.trust_anchors()?);
//! assert!(matches!(rejected, Err(DnssecError::Wildcard { expected: 3, found: 2, .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dns;
mod environment;
mod error;
mod key;
mod member;
mod message;
mod name;
mod organisation;
mod record;
mod rrset;
mod zone;

pub use crate::crypto::ZoneAlgorithm;
pub use dns::{MockDns, ResponseForm};
pub use environment::MockEnvironment;
pub use error::MockError;
pub use key::MockKey;
pub use member::MockMember;
pub use message::{MockMessage, MockQuestion};
pub use organisation::MockOrganisation;
pub use record::{MockRecord, rtype};
pub use rrset::{MockRrset, MockSignature};
pub use zone::MockZone;
