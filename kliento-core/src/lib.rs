//! Token bundles: workload authentication that is verified offline.
//!
//! A workload sends `Authorization: Kliento <base64>`. The credentials are a **token bundle**: a
//! small JSON token, with its audience and its claims, in a VeraId signature bundle. The bundle
//! proves that `alice@example.com`, or `example.com`, signed the token. The verifier needs the keys
//! of the DNS root and the current time. There is no shared secret, no key server and no network
//! request.
//!
//! ```
//! use kliento_core::{TokenBundle, TokenVerification, TrustAnchor};
//!
//! # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/member-user.bin");
//! # let header = TokenBundle::from_bytes(std::fs::read(file)?)?.to_authorization();
//! // A bundle that the JavaScript implementation made, under a mock DNS root; a service uses
//! // `TrustAnchor::iana()`.
//! let trust_anchors: [TrustAnchor; 1] =
//!     ["19522 8 2 81BCD7E55DD8B40BE69DD64E6AF9B1BCEAACE85C32A6BCAD895B75AFEF828499".parse()?];
//! let verification = TokenVerification::new(&["https://api.example.com"], &trust_anchors);
//!
//! let bundle = TokenBundle::from_authorization(&header)?;
//! let token = bundle.verify(&verification, "2026-11-22T18:03:00Z".parse()?)?;
//! assert_eq!(token.subject_id(), "alice@example.com");
//! assert_eq!(token.claims()["permission"], "read-only");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The library does no I/O and reads no clock. The crate `kliento` re-exports everything here and has the
//! `kliento` command; depend on that crate.
//!
//! # Features
//! No feature is enabled by default.
//!
//! | feature | adds |
//! |---|---|
//! | `issue` | signing of tokens |
//! | `pkcs11` | private keys in an HSM, by PKCS #11 |
//! | `inspect` | step-by-step results for a bundle, to find out why it is rejected |

#![cfg_attr(not(test), warn(clippy::disallowed_macros, clippy::disallowed_methods))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authorization;
mod error;
#[cfg(feature = "issue")]
pub mod issue;
mod token;
mod token_bundle;
mod verify;

pub use authorization::AuthorizationError;
pub use error::{Error, Invalid, Malformed};
pub use token::{Claims, Token, TokenError};
pub use token_bundle::{MAX_BUNDLE_OCTETS, TokenBundle};
pub use veraid::{
    Excerpt, LimitExceeded, Member, OrganisationName, Period, SignerKind, Timestamp, TrustAnchor,
    UserName,
};
pub use verify::{SERVICE, TokenVerification, VerifiedToken};
