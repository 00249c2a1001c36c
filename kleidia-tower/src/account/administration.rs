//! What admins do with the accounts of others, and see of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::SecretString;

use super::{Account, AccountUpdate, Accounts, NewAccount};
use crate::access_token::UserId;
use crate::audit::{AuditQuery, AuditRecord};
use crate::rbac::RoleName;
use crate::session::{EndReason, Ending};
use crate::{Origin, Principal, Rejection, UserName};

/// Who may do these things is not asked here, but by [`RbacLayer`](crate::rbac).
impl Accounts {
    /// Creates an account. `actor` is who does it: `None` where it is nobody's session, as on a
    /// command line.
    ///
    /// # Errors
    /// [`Rejection::MalformedRequest`] if the name can't be one, [`Rejection::NameTaken`],
    /// [`Rejection::PasswordRejected`] with all reasons, [`Rejection::Busy`], and what is our fault.
    pub async fn create_user(
        &self,
        actor: Option<&Principal>,
        name: &str,
        password: SecretString,
        roles: BTreeSet<RoleName>,
        origin: Origin,
    ) -> Result<Arc<Account>, Rejection> {
        let name: UserName =
            name.parse().map_err(|_| Rejection::MalformedRequest("the user name"))?;
        let faults = self.faults(&name, &password).await?;
        if !faults.is_empty() {
            return Err(Rejection::PasswordRejected(faults));
        }
        let password = self.hashed(&password).await?;
        let (new, change) = (NewAccount { name, roles, password }, self.change(origin, actor)?);
        let created = self.store().create_account(new, &change).await?;
        self.published(created).ok_or(Rejection::NameTaken)
    }

    /// Disables, enables, or changes roles, all at once. Whoever is disabled is signed out.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and what is our fault.
    pub async fn update_user(
        &self,
        actor: &Principal,
        id: UserId,
        update: AccountUpdate,
        origin: Origin,
    ) -> Result<Arc<Account>, Rejection> {
        let change = self.change(origin, Some(actor))?;
        let updated = self.store().update_account(id, update, &change).await?;
        self.published(updated).ok_or(Rejection::NotFound)
    }

    /// Lifts all locks of a user's login.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and what is our fault.
    pub async fn unlock(
        &self,
        actor: &Principal,
        id: UserId,
        origin: Origin,
    ) -> Result<(), Rejection> {
        let account = self.existing(id).await?;
        let change = self.change(origin, Some(actor))?;
        self.published(self.store().unlock(&account.name, &change).await?);
        Ok(())
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and what is our fault.
    pub async fn end_sessions_of(
        &self,
        actor: &Principal,
        id: UserId,
        origin: Origin,
    ) -> Result<(), Rejection> {
        self.existing(id).await?;
        let change = self.change(origin, Some(actor))?;
        let which = Ending::All { user: id };
        self.published(self.store().end(which, EndReason::RevokedByAdmin, &change).await?);
        Ok(())
    }

    /// At most `limit` accounts whose numbers come after `after`, in the order of their numbers.
    ///
    /// # Errors
    /// What is our fault.
    pub async fn users(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, Rejection> {
        Ok(self.store().accounts(after, limit).await?)
    }

    /// The account of this number.
    ///
    /// # Errors
    /// What is our fault.
    pub async fn user(&self, id: UserId) -> Result<Option<Arc<Account>>, Rejection> {
        Ok(self.store().account(id).await?)
    }

    /// The records of the audit log that match, the newest first.
    ///
    /// # Errors
    /// What is our fault.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, Rejection> {
        Ok(self.store().records(query).await?)
    }
}
