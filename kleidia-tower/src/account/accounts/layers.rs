//! The layers of a service's accounts, and their streams.

use std::sync::Arc;

use http_guard::stream::StreamSettings;

use super::{Accounts, Inner};
use crate::rbac::{RbacLayer, Requirement};
use crate::session::{JwtSessionLayer, SessionAuthenticator, streams};
use crate::store::Store;

impl Accounts {
    /// Returns a layer that authenticates users by the access tokens of these accounts.
    #[must_use]
    pub fn session_layer(&self) -> JwtSessionLayer {
        JwtSessionLayer::new(self.authenticator())
    }

    /// Returns a layer that allows requests whose principal meets the requirement, under the policy
    /// of these accounts. Denials go to their audit log.
    ///
    /// Place it inside the layer that authenticates the caller.
    #[must_use]
    pub fn require(&self, requirement: Requirement) -> RbacLayer {
        RbacLayer::new(Arc::clone(&self.0.policy), requirement, self.audit_trail())
    }

    /// Returns the authenticator of access and session tokens.
    #[must_use]
    pub fn authenticator(&self) -> SessionAuthenticator {
        let Inner { store, keys, clock, settings, last_seen, streams, audit, .. } = &*self.0;
        let sessions: Arc<dyn Store> = Arc::clone(store);
        SessionAuthenticator::new(sessions, Arc::clone(keys))
            .with_clock(Arc::clone(clock))
            .with_settings(settings)
            .with_audit_trail(audit.clone())
            .with_last_seen_writer(last_seen.clone())
            .with_streams(streams.clone())
    }

    /// Sets the limits of streams; [`StreamSettings::default`] by default.
    ///
    /// A [stream](http_guard::stream) is a response of server-sent events, a gRPC call, or what a handler
    /// watches by the [`StreamWatch`](http_guard::stream::StreamWatch) in the request's extensions.
    /// It ends with its session, not with the access token, so a refresh keeps it open:
    ///
    /// | code | when |
    /// |---|---|
    /// | `session_ended`, `account_disabled` | at once, also if another node ended it and the store has a [feed](crate::session::SessionEvents::has_feed) |
    /// | `session_expired` | when the session or the login expires |
    /// | `permission_denied` | when the roles of the account no longer permit the request, at once after a change of roles |
    /// | `password_expired` | within the lease after the password expired |
    /// | `token_invalid` | within the lease after the key of its access token was withdrawn |
    /// | `unavailable` | after the lease, while the store, the keys, the policy or the clock is unavailable |
    ///
    /// Without a feed, or while it delivers nothing, streams of a session that another node has ended
    /// end within the lease and the maximum staleness of a
    /// [cache](crate::session::SessionCachingStore): 20 seconds by default. Each session with streams
    /// is looked up twice in a lease, so a service with many of them needs that cache.
    ///
    /// Forced ends are recorded as `stream.ended`: see [`AuditTrail`](crate::audit::AuditTrail#ends-of-streams).
    ///
    /// All layers of these accounts share the streams, and the limit per user.
    #[must_use]
    pub fn with_stream_settings(self, settings: StreamSettings) -> Self {
        self.with(|inner| {
            let sessions: Arc<dyn Store> = Arc::clone(&inner.store);
            inner.streams = streams(sessions, settings);
        })
    }

    /// Ends all streams, with the code `server_shutdown`, and rejects further ones. Returns how many
    /// were open. Call it when the server begins to shut down, which otherwise waits for them.
    /// gRPC calls that are not answered may go on for 5 seconds.
    #[expect(clippy::must_use_candidate, reason = "it is called to end them")]
    pub fn shut_down_streams(&self) -> usize {
        self.0.streams.shut_down()
    }
}
