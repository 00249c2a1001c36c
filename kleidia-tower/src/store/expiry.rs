//! How stores forget what is over.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// Forgets what is over: sessions, refresh tokens and failures; never accounts or the audit log.
#[async_trait]
pub trait ExpiryStore: Send + Sync + 'static {
    /// Forgets at most `limit` rows of each kind, and tells how many there were in all; fewer than
    /// `limit` of each kind means that there are no more.
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError>;
}

/// How long what is over is still kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long sessions are kept once they and their refresh tokens are over;
    /// a day by default.
    pub sessions: Duration,
    /// How long failures are kept once they lock nothing; 12 hours by default.
    pub failures: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self { sessions: hours(24), failures: hours(12) }
    }
}
