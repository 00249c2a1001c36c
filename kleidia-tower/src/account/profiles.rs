//! Operations on the personal data and the names of accounts.

use std::sync::Arc;

use super::accounts::random_token;
use super::{Account, AccountError, Accounts, Profile};
use crate::{ClientInfo, Principal, UserId};

/// These operations check no permissions.
impl Accounts {
    /// Returns the personal data of an account.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn profile(&self, user: UserId) -> Result<Profile, AccountError> {
        self.require_account(user).await?;
        let found = self.store().profiles(&[user]).await?;
        Ok(found.into_iter().find(|(id, _)| *id == user).map(|(_, it)| it).unwrap_or_default())
    }

    /// Replaces the personal data of an account. A change of the address ends codes that were sent to
    /// the previous one. Records `profile.changed`, without the data.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn replace_profile(
        &self,
        actor: Option<&Principal>,
        user: UserId,
        profile: Profile,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        let change = self.change(client, actor)?;
        self.publish(self.store().replace_profile(user, profile, &change).await?)?;
        Ok(())
    }

    /// Renames an account. Sessions stay active. No other account may have the name, or have had it:
    /// the audit log names accounts as they were called.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNameTaken`],
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn rename(
        &self,
        actor: Option<&Principal>,
        user: UserId,
        name: &str,
        client: ClientInfo,
    ) -> Result<Arc<Account>, AccountError> {
        let (name, change) = (name.parse()?, self.change(client, actor)?);
        Ok(self.publish(self.store().rename(user, name, &change).await?)?)
    }

    /// Erases the personal data of a disabled account. This cannot be undone: see
    /// [`ProfileStore::erase`](super::ProfileStore::erase).
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], [`AccountError::UserEnabled`], and server errors.
    pub async fn erase(
        &self,
        actor: Option<&Principal>,
        user: UserId,
        client: ClientInfo,
    ) -> Result<Arc<Account>, AccountError> {
        let unusable = self.hash_password(&random_token()?.to_text()).await?;
        let change = self.change(client, actor)?;
        Ok(self.publish(self.store().erase(user, unusable, &change).await?)?)
    }
}
