//! Ends the sessions of all users, as after a restored backup.

use super::{AccountError, Accounts};
use crate::session::EndReason;
use crate::{ClientInfo, UserId};

/// How many accounts are changed in one transaction.
const BATCH: usize = 100;

impl Accounts {
    /// Ends all sessions of all users, and revokes all refresh tokens, for an operator who has no
    /// session. Returns the number of sessions that were ended.
    ///
    /// A backup has sessions that ended after it was made: call this after it was restored, before
    /// the service starts. A login meanwhile may stay valid.
    ///
    /// It changes 100 accounts at a time, each time in one transaction, with a record of each
    /// session that ends (`revoked-by-admin`).
    ///
    /// # Errors
    /// Server errors. The sessions of some users are ended then: call it again.
    pub async fn end_all_sessions(&self) -> Result<u64, AccountError> {
        let (mut ended, mut after) = (0, None);
        loop {
            let accounts = self.users(after, BATCH).await?;
            let users: Vec<UserId> = accounts.iter().map(|account| account.id).collect();
            let Some(last) = users.last() else { return Ok(ended) };
            after = Some(*last);
            let (reason, change) =
                (EndReason::RevokedByAdmin, self.change(ClientInfo::default(), None)?);
            let done = self.store().end_sessions_of_users(&users, reason, &change).await?;
            ended += self.publish(done).len() as u64;
        }
    }
}
