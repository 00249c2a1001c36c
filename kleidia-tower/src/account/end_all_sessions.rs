//! Ends the sessions of all users, as after a restored backup.

use std::num::NonZeroU16;

use tokio::task::JoinSet;

use super::{AccountError, Accounts};
use crate::session::{EndReason, SessionSelector};
use crate::store::StoreError;
use crate::{ClientInfo, UserId};

/// How many accounts are listed at a time.
const PAGE: usize = 1000;

impl Accounts {
    /// Ends all sessions of all users, and revokes all refresh tokens, for an operator who has no
    /// session. Returns the number of sessions that were ended.
    ///
    /// A backup has sessions that ended after it was made: call this after it was restored, before
    /// the service starts. A login meanwhile may stay valid.
    ///
    /// Each account is a transaction of its own, with a record of each session that ends
    /// (`revoked-by-admin`). At most `concurrency` accounts are changed at the same time, fewer than
    /// the connections of the store.
    ///
    /// # Errors
    /// Server errors. The sessions of some users are ended then: call it again.
    pub async fn end_all_sessions(&self, concurrency: NonZeroU16) -> Result<u64, AccountError> {
        let (mut ended, mut after) = (0, None);
        // Dropping it aborts what runs: each transaction is committed as a whole or not at all.
        let mut running = JoinSet::new();
        loop {
            let page = self.users(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for account in page {
                if running.len() >= concurrency.get().into() {
                    ended += joined(running.join_next().await)?;
                }
                let (accounts, id) = (self.clone(), account.id);
                #[expect(
                    clippy::disallowed_methods,
                    reason = "supervised: joined, and a panic is an error"
                )]
                running.spawn(async move { accounts.end_all_of(id).await });
            }
        }
        while let Some(done) = running.join_next().await {
            ended += joined(Some(done))?;
        }
        Ok(ended)
    }

    async fn end_all_of(&self, user: UserId) -> Result<u64, AccountError> {
        let change = self.change(ClientInfo::default(), None)?;
        let which = SessionSelector::All { user };
        let done = self.store().end_sessions(which, EndReason::RevokedByAdmin, &change).await?;
        Ok(self.publish(done).len() as u64)
    }
}

/// Returns the result of a task; `None` if there is none.
fn joined(
    done: Option<Result<Result<u64, AccountError>, tokio::task::JoinError>>,
) -> Result<u64, AccountError> {
    done.unwrap_or(Ok(Ok(0))).map_err(StoreError::unavailable)?
}
