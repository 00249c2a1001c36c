//! Operations of admins on the accounts of other users.

use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::SecretString;

use super::{Account, AccountError, AccountUpdate, Accounts, NewAccount};
use crate::audit::{AuditQuery, AuditRecord};
use crate::rbac::RoleName;
use crate::session::{EndReason, SessionSelector};
use crate::{ClientInfo, Principal, UserId, UserName};

/// These operations do not check permissions; [`RbacLayer`](crate::rbac::RbacLayer) does.
impl Accounts {
    /// Creates an account. The audit log records the `actor`; pass `None` outside of a session, as
    /// on a command line.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNameTaken`],
    /// [`AccountError::PasswordRejected`] with all violations, [`AccountError::Busy`], and server
    /// errors.
    pub async fn create_user(
        &self,
        actor: Option<&Principal>,
        name: &str,
        password: SecretString,
        roles: BTreeSet<RoleName>,
        client: ClientInfo,
    ) -> Result<Arc<Account>, AccountError> {
        let name: UserName = name.parse()?;
        let violations = self.violations(&name, &password).await?;
        if !violations.is_empty() {
            return Err(AccountError::PasswordRejected(violations));
        }
        let password = self.hash_password(&password).await?;
        let (new, change) = (NewAccount { name, roles, password }, self.change(client, actor)?);
        let created = self.store().create_account(new, &change).await?;
        self.publish(created).ok_or(AccountError::UserNameTaken)
    }

    /// Creates an account with the role `admin` at the first start of a service. Returns `false` if
    /// the user name exists, and then leaves the account unchanged.
    ///
    /// # Errors
    /// As [`create_user`](Self::create_user).
    pub async fn ensure_admin(
        &self,
        name: &str,
        password: SecretString,
    ) -> Result<bool, AccountError> {
        let roles = [RoleName::admin()].into();
        match self.create_user(None, name, password, roles, ClientInfo::default()).await {
            Ok(_) => Ok(true),
            Err(AccountError::UserNameTaken) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Disables or enables an account, or changes its roles, as one change. Disabling ends all
    /// sessions of the user.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn update_user(
        &self,
        actor: &Principal,
        id: UserId,
        update: AccountUpdate,
        client: ClientInfo,
    ) -> Result<Arc<Account>, AccountError> {
        let change = self.change(client, Some(actor))?;
        let updated = self.store().update_account(id, update, &change).await?;
        self.publish(updated).ok_or(AccountError::UserNotFound)
    }

    /// Removes all locks of a user's login.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn unlock(
        &self,
        actor: &Principal,
        id: UserId,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        let account = self.require_account(id).await?;
        let change = self.change(client, Some(actor))?;
        self.publish(self.store().unlock(&account.name, &change).await?);
        Ok(())
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn end_sessions_of(
        &self,
        actor: &Principal,
        id: UserId,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        self.require_account(id).await?;
        let change = self.change(client, Some(actor))?;
        let which = SessionSelector::All { user: id };
        self.publish(self.store().end_sessions(which, EndReason::RevokedByAdmin, &change).await?);
        Ok(())
    }

    /// Returns at most `limit` accounts with ids greater than `after`, ordered by id.
    ///
    /// # Errors
    /// Server errors.
    pub async fn users(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, AccountError> {
        Ok(self.store().accounts(after, limit).await?)
    }

    /// Returns the account with this id.
    ///
    /// # Errors
    /// Server errors.
    pub async fn user(&self, id: UserId) -> Result<Option<Arc<Account>>, AccountError> {
        Ok(self.store().account(id).await?)
    }

    /// Returns the matching records of the audit log, newest first.
    ///
    /// # Errors
    /// Server errors.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, AccountError> {
        Ok(self.store().records(query).await?)
    }
}
