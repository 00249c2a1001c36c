//! Unlocks a login from outside of the API, as on a command line.

use super::{AccountError, AccountLookup, Accounts};
use crate::{ClientInfo, UserName};

impl Accounts {
    /// Removes all locks of a user's login, for an operator who has no session: a sole admin may be
    /// the one who is locked out. Devices stay familiar.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNotFound`], and server errors.
    pub async fn unlock_by_name(&self, name: &str) -> Result<(), AccountError> {
        let name: UserName = name.parse()?;
        let found = self.store().account_with_password(AccountLookup::Name(&name)).await?;
        let (account, _) = found.ok_or(AccountError::UserNotFound)?;
        let change = self.change(ClientInfo::default(), None)?;
        self.publish(self.store().unlock(&account.name, &change).await?);
        Ok(())
    }
}
