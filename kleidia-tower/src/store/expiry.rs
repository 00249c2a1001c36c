//! How stores forget what is over.

use async_trait::async_trait;

use super::StoreError;
use crate::UnixTime;

/// Forgets what is over: sessions, refresh tokens and failures; never accounts or the audit log.
#[async_trait]
pub trait ExpiryStore: Send + Sync + 'static {
    /// Forgets at most `limit` rows of each kind, and tells how many there were in all; fewer than
    /// `limit` of each kind means that there are no more.
    async fn purge(
        &self,
        now: UnixTime,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError>;
}

/// How long what is over is still kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For how many seconds sessions are kept once they and their refresh tokens are over;
    /// a day by default.
    pub sessions: UnixTime,
    /// For how many seconds failures are kept once they lock nothing; 12 hours by default.
    pub failures: UnixTime,
}

impl Default for Retention {
    fn default() -> Self {
        Self { sessions: 24 * 3600, failures: 12 * 3600 }
    }
}
