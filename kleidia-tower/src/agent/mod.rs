//! Agents: programs on a user's own machine that receive secrets encrypted for them alone.
//!
//! At start, an agent generates a key pair ([`AgentKey`]) and serves the public key on the loopback
//! interface ([`PublicKeyService`]). The user's browser fetches the key and registers it with the
//! session. The service then encrypts secrets for the agent with it ([`AgentPublicKey::encrypt`]),
//! until the session ends or the agent restarts.
//!
//! ```
//! use kleidia_tower::agent::{AgentKey, AgentPublicKey};
//! use secrecy::ExposeSecret as _;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let agent = AgentKey::generate().await?;
//! let registered = agent.public_key().to_pem();
//!
//! let key: AgentPublicKey = registered.parse()?;
//! let ciphertext = key.encrypt(b"PUK 12345678")?;
//! assert_eq!(agent.decrypt(&ciphertext)?.expose_secret(), b"PUK 12345678");
//! # Ok(()) }
//! ```

mod key;
mod public_key;
mod public_key_error;
mod rsa_requirements;
mod service;
mod web_origin;

pub use key::{AgentKey, DecryptionError, KeyGenerationError};
pub use public_key::{AgentPublicKey, EncryptionError};
pub use public_key_error::PublicKeyError;
pub use service::PublicKeyService;
pub use web_origin::{WebOrigin, WebOriginError};
