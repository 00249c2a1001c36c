//! Deletion of expired rows.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// Deletes expired sessions, refresh tokens and one-time codes, and failure counters that affect no
/// further login.
/// Accounts and the audit log are never deleted.
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

/// How long expired sessions are kept. Failure counters have no retention: a store keeps them as
/// long as the [`LockoutPolicy`](crate::lockout::LockoutPolicy) needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    sessions: Duration,
}

impl Retention {
    /// Sets how long sessions are kept after they and their refresh tokens have expired. A day by
    /// default. Durations count whole seconds. With zero they are deleted at once, with
    /// [`Duration::MAX`] never.
    #[must_use]
    pub const fn with_sessions(self, sessions: Duration) -> Self {
        Self { sessions }
    }

    /// Returns how long sessions are kept.
    #[must_use]
    pub const fn sessions(&self) -> Duration {
        self.sessions
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { sessions: Duration::from_secs(24 * 3600) }
    }
}
