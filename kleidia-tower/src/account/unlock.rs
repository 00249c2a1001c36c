//! Unlocks a login from outside of the API, as on a command line.

use std::sync::Arc;

use secrecy::SecretString;

use super::accounts::random_token;
use super::{Account, AccountError, AccountLookup, Accounts};
use crate::{ClientInfo, UserName};

impl Accounts {
    /// Removes all locks of a user's login, for an operator who has no session: a sole admin may be
    /// the one who is locked out. Devices stay familiar.
    ///
    /// If guessing continues, the account is soon throttled again for unfamiliar clients:
    /// [`add_device`](Self::add_device) makes a client of the user familiar.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNotFound`], and server errors.
    pub async fn unlock_by_name(&self, name: &str) -> Result<(), AccountError> {
        let account = self.find_by_name(name).await?;
        let change = self.change(ClientInfo::default(), None)?;
        self.publish(self.store().unlock(&account.name, &change).await?);
        Ok(())
    }

    /// Returns a new device token of a user, for the next login from a place that is not familiar.
    ///
    /// It is not a credential: with it, the failures of others do not delay the login. No audit
    /// record is written. The user presents it as
    /// [`LoginRequest::device_token`](super::LoginRequest::device_token), in the API in the header
    /// `X-Device-Token`. It replaces the user's oldest device if there are too many.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNotFound`], and server errors.
    pub async fn add_device(&self, name: &str) -> Result<SecretString, AccountError> {
        let account = self.find_by_name(name).await?;
        let token = random_token()?;
        let (lockout, now) = (&self.settings().lockout, self.now()?);
        self.store().add_device(&account.name, token.digest(), lockout, now).await?;
        Ok(token.to_text())
    }

    /// Returns the account with this name, for an operator who has no session.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNotFound`], and server errors.
    pub async fn find_by_name(&self, name: &str) -> Result<Arc<Account>, AccountError> {
        let name: UserName = name.parse()?;
        let found = self.store().account_with_password(AccountLookup::Name(&name)).await?;
        found.map(|(account, _)| account).ok_or(AccountError::UserNotFound)
    }
}
