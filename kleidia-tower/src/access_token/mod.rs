//! Access tokens: short-lived JWTs, and the keys that sign and verify them.

mod claims;
mod header;
mod key_provider;
mod key_ring;
mod token;

pub use claims::{Claims, SessionId, UserId};
pub use key_provider::{KeyError, KeyProvider};
pub use key_ring::{KeyRing, KeyRingError, SigningKey};
pub use token::{AccessTokenError, IssuedToken, issue, verify};
