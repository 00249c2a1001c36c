//! Deletion of expired rows.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// Deletes expired sessions, refresh tokens and failure counters. Accounts and the audit log are
/// never deleted.
#[async_trait]
pub trait PurgeStore: Send + Sync + 'static {
    /// Deletes at most `limit` rows of each kind, and returns how many were deleted in total. A
    /// total below `limit` means that no purgeable rows are left.
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError>;
}

/// How long expired rows are kept. Durations count whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    sessions: Duration,
    failures: Duration,
    familiar_sources: Duration,
}

impl Retention {
    /// Sets how long sessions are kept after they and their refresh tokens have expired. A day by
    /// default.
    #[must_use]
    pub const fn with_sessions(self, sessions: Duration) -> Self {
        Self { sessions, ..self }
    }

    /// Sets how long failure counters are kept after they lock nothing. 12 hours by default, as
    /// [`LockoutPolicy::reset_after`](crate::lockout::LockoutPolicy::reset_after); a shorter time
    /// makes locks short again earlier.
    #[must_use]
    pub const fn with_failures(self, failures: Duration) -> Self {
        Self { failures, ..self }
    }

    /// Sets how long the sources of successful logins are kept. 90 days by default, as
    /// [`LockoutPolicy::familiar_ttl`](crate::lockout::LockoutPolicy::familiar_ttl); a shorter time
    /// makes sources unfamiliar earlier.
    #[must_use]
    pub const fn with_familiar_sources(self, familiar_sources: Duration) -> Self {
        Self { familiar_sources, ..self }
    }

    /// Returns how long sessions are kept.
    #[must_use]
    pub const fn sessions(&self) -> Duration {
        self.sessions
    }

    /// Returns how long failure counters are kept.
    #[must_use]
    pub const fn failures(&self) -> Duration {
        self.failures
    }

    /// Returns how long the sources of successful logins are kept.
    #[must_use]
    pub const fn familiar_sources(&self) -> Duration {
        self.familiar_sources
    }
}

impl Default for Retention {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self { sessions: hours(24), failures: hours(12), familiar_sources: hours(90 * 24) }
    }
}
