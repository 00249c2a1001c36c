//! Access tokens: short-lived JWTs, and the keys that sign and verify them.

mod claims;
mod crypto_provider;
mod extra_claims;
mod header;
pub(crate) mod key_file;
mod key_lookup;
mod key_provider;
mod key_ring;
mod key_rotation;
mod key_text;
mod last_valid_keys;
pub(crate) mod new_key_file;
mod token;
mod token_error;
#[cfg(feature = "vault")]
mod vault_api;
#[cfg(feature = "vault")]
mod vault_error;
#[cfg(feature = "vault")]
mod vault_keys;
#[cfg(feature = "vault")]
mod vault_login;
#[cfg(feature = "vault")]
mod vault_secret;
#[cfg(feature = "vault")]
mod vault_token;

pub use claims::Claims;
pub use extra_claims::{ExtraClaimError, ExtraClaims};
pub use key_file::{KeyFile, KeyFileError, KeyFileOptions};
pub use key_provider::{KeyError, KeyProvider};
pub(crate) use key_ring::TokenKey;
pub use key_ring::{KeyRing, KeyRingError, SigningKey};
pub use key_rotation::{KeyRotation, KeyRotationError, KeyState, StoredKey, StoredKeys};
pub use key_text::{KeyEnvironmentError, KeyTextError};
pub use token::{IssuedToken, issue, verify};
pub(crate) use token::{unknown_key_id, verify_with_key};
pub use token_error::{AccessTokenError, InvalidTokenReason};
#[cfg(feature = "vault")]
pub use vault_error::VaultKeyError;
#[cfg(feature = "vault")]
pub use vault_keys::{VaultKeys, VaultKeysOptions};
#[cfg(feature = "vault")]
pub use vault_login::VaultLogin;
#[cfg(feature = "vault")]
pub use vault_secret::KvVersion;
