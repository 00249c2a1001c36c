//! Sessions: opened by a login, renewed by refresh tokens, ended at once on every node.

mod authenticator;
mod cache;
mod cached;
mod credentials;
mod handed_through;
mod layer;
mod record;
mod store;

pub use authenticator::SessionAuthenticator;
pub use cached::CachedSessions;
pub use http_guard::CredentialPolicy;
pub use layer::{JwtSessionLayer, SessionGuard};
pub use record::{EndReason, Session, SessionEnd, SessionView};
pub use store::{Ending, NewSession, Opened, Rotated, Rotation, SessionKey, SessionStore};
