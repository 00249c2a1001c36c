//! Token bundles.

mod authorization;
mod error;
mod token;
mod token_bundle;
mod verify;

pub use authorization::AuthorizationError;
pub use error::{Error, Invalid, Malformed};
pub use token::{Claims, Token, TokenError};
pub use token_bundle::{MAX_BUNDLE_OCTETS, TokenBundle};
pub use veraid::{Member, OrganisationName, Period, SignerKind, Timestamp, TrustAnchor, UserName};
pub use verify::{SERVICE, TokenVerification, VerifiedToken};
