//! Access tokens: short-lived JWTs, and the keys that sign and verify them.

mod claims;
mod header;
mod held_keys;
mod key_file;
mod key_provider;
mod key_ring;
mod key_text;
mod token;
#[cfg(feature = "vault")]
mod vault_keys;
#[cfg(feature = "vault")]
mod vault_secret;

pub use claims::Claims;
pub use key_file::{KeyFile, KeyFileError, KeyFileOptions};
pub use key_provider::{KeyError, KeyProvider};
pub use key_ring::{KeyRing, KeyRingError, SigningKey};
pub use key_text::{KeyEnvironmentError, KeyTextError};
pub use token::{AccessTokenError, IssuedToken, issue, verify};
#[cfg(feature = "vault")]
pub use vault_keys::{VaultKeys, VaultKeysOptions};
#[cfg(feature = "vault")]
pub use vault_secret::VaultKeyError;
