//! Sessions: opened by a login, extended by refresh tokens, and ended on every node immediately.

mod auth_method;
mod authenticator;
mod cache;
mod cached_accounts;
mod cached_factors;
mod cached_profiles;
mod cached_recovery;
mod cached_store;
mod cookies;
mod credentials;
mod delegation;
mod event_follower;
mod events;
mod key_watch;
mod last_seen;
mod layer;
mod lookups;
mod record;
mod store;
mod stream_events;
mod streams;

pub use auth_method::{AuthMethod, AuthMethods, UnknownAuthMethod};
pub use authenticator::SessionAuthenticator;
pub use cached_store::SessionCachingStore;
pub use cookies::{CookieError, RefreshCookie, SessionCookies};
pub use events::{AccountChange, SessionEvent, SessionEventReceiver, SessionEvents};
pub use http_guard::CredentialPolicy;
pub use key_watch::KeyWatch;
pub(crate) use last_seen::LastSeenWriter;
pub use layer::{JwtSessionLayer, SessionGuard};
pub use record::{EndReason, Session, SessionEnd, SessionView};
pub use store::{
    NewSession, OpenOutcome, RefreshCheck, Rotation, RotationOutcome, SessionLookup,
    SessionSelector, SessionStore,
};
pub(crate) use streams::{SessionStream, SessionStreams, streams};
