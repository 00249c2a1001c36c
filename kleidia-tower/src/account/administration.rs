//! Operations of admins on the accounts of other users.

use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::SecretString;

use super::{Account, AccountChangeError, AccountError, AccountUpdate, Accounts, NewUser};
use crate::audit::{AuditEvent, AuditQuery, AuditRecord, EventKind, Reason};
use crate::rbac::{Denial, Policy, RoleChangeError, RoleName, RoleRules};
use crate::session::{EndReason, SessionLookup, SessionSelector};
use crate::telemetry::log_unavailable;
use crate::{ClientInfo, Principal, RequestInfo, SessionId, UserId};

/// These operations check the [rules for roles](RoleRules), but no other permissions;
/// [`RbacLayer`](crate::rbac::RbacLayer) does.
impl Accounts {
    /// Creates an account with roles of the policy. The audit log records the `actor`; pass `None`
    /// outside of a session, as on a command line. `request` is a [`RequestInfo`], or a
    /// [`ClientInfo`] if there is no HTTP request.
    ///
    /// An `actor` needs `roles:assign` for other roles than `user`, and cannot assign a role that
    /// grants more than the actor has. A denial is recorded as `permission.denied`.
    ///
    /// # Errors
    /// [`AccountError::InvalidUserName`], [`AccountError::UserNameTaken`],
    /// [`AccountError::RoleChange`], [`AccountError::PasswordRejected`] with all violations,
    /// [`AccountError::Denied`], [`AccountError::Busy`], and server errors.
    pub async fn create_user(
        &self,
        actor: Option<&Principal>,
        name: &str,
        password: SecretString,
        roles: BTreeSet<RoleName>,
        request: impl Into<RequestInfo>,
    ) -> Result<Arc<Account>, AccountError> {
        let new = NewUser::new(name).with_roles(roles).with_password(password);
        Ok(self.create(actor, new, request).await?.account)
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
    /// sessions of the user. `actor` and `request` are as for [`create_user`](Self::create_user).
    ///
    /// An `actor` needs `roles:assign` to change roles, and cannot assign a role that grants more
    /// than the actor has. To enable an account, the actor needs what creating it with its roles
    /// needs. The last enabled administrator is neither disabled nor loses the role. A
    /// denial is recorded as `permission.denied`.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], [`AccountError::RoleChange`], and server errors.
    pub async fn update_user(
        &self,
        actor: Option<&Principal>,
        id: UserId,
        update: AccountUpdate,
        request: impl Into<RequestInfo>,
    ) -> Result<Arc<Account>, AccountError> {
        let request = request.into();
        let rules = self.role_rules(actor).await?;
        // The store checks this again, but denials should not wait for its writer.
        let before = self.require_account(id).await?;
        let after = update.apply_to(&before);
        if let Err(error) = rules.check_change(actor.and_then(find_account), &before, &after) {
            return Err(self.role_change_rejected(actor, request, error));
        }
        let change = self.change(request.client.clone(), actor)?;
        let updated = self.store().update_account(id, update, &rules, &change).await?;
        self.changed_account(actor, request, self.publish(updated))
    }

    /// Records that a principal was denied a request.
    pub(crate) fn record_denial(
        &self,
        principal: &Principal,
        request: RequestInfo,
        denial: &Denial,
    ) {
        let (kind, reason) = (EventKind::PermissionDenied, Reason::Policy(denial.to_string()));
        let event = |at| AuditEvent::from_request(principal, request, at, kind, reason);
        self.audit_trail().record_denial(|at| vec![event(at)]);
    }

    pub(super) async fn current_policy(&self) -> Result<Policy, AccountError> {
        let policy = self.policy().policy().await;
        Ok(policy.inspect_err(|error| log_unavailable("policy", error))?)
    }

    pub(super) async fn role_rules(
        &self,
        actor: Option<&Principal>,
    ) -> Result<RoleRules, AccountError> {
        let policy = self.current_policy().await?;
        Ok(match actor {
            Some(principal) => RoleRules::for_principal(policy, principal),
            None => RoleRules::for_operator(policy),
        })
    }

    pub(super) fn changed_account(
        &self,
        actor: Option<&Principal>,
        request: RequestInfo,
        changed: Result<Arc<Account>, AccountChangeError>,
    ) -> Result<Arc<Account>, AccountError> {
        match changed {
            Err(AccountChangeError::Roles(error)) => {
                Err(self.role_change_rejected(actor, request, error))
            }
            changed => Ok(changed?),
        }
    }

    /// Returns the error, after recording a denial.
    pub(super) fn role_change_rejected(
        &self,
        actor: Option<&Principal>,
        request: RequestInfo,
        error: RoleChangeError,
    ) -> AccountError {
        if let (Some(principal), RoleChangeError::Denied(denial)) = (actor, &error) {
            self.record_denial(principal, request, denial);
        }
        error.into()
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

    /// Ends all sessions of a user, and returns the ids of those that were active. `actor` is as for
    /// [`create_user`](Self::create_user).
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn end_user_sessions(
        &self,
        actor: Option<&Principal>,
        id: UserId,
        client: ClientInfo,
    ) -> Result<Vec<SessionId>, AccountError> {
        self.require_account(id).await?;
        let change = self.change(client, actor)?;
        let which = SessionSelector::All { user: id };
        let ended = self.store().end_sessions(which, EndReason::RevokedByAdmin, &change);
        Ok(self.publish(ended.await?))
    }

    /// Ends one session of any user. If it has expired and a refresh has opened another one in its
    /// place, it ends that one. `actor` is as for [`create_user`](Self::create_user).
    ///
    /// # Errors
    /// [`AccountError::SessionNotFound`] if there is no such active session, and server errors.
    pub async fn revoke_session(
        &self,
        actor: Option<&Principal>,
        session: SessionId,
        client: ClientInfo,
    ) -> Result<Arc<Account>, AccountError> {
        let found = self.store().session(SessionLookup::Id(session)).await?;
        let view = found.ok_or(AccountError::SessionNotFound)?;
        let change = self.change(client, actor)?;
        let which = SessionSelector::One { user: view.account.id, session };
        let ended = self.store().end_sessions(which, EndReason::RevokedByAdmin, &change);
        let ended = self.publish(ended.await?);
        if ended.is_empty() { Err(AccountError::SessionNotFound) } else { Ok(view.account) }
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

    /// Returns the matching records of the audit log, newest first. A query for a user's id finds the
    /// records with former names of the account, too.
    ///
    /// # Errors
    /// Server errors.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, AccountError> {
        Ok(self.store().records(query).await?)
    }
}

/// Returns the account of a principal, as it was when the request was authenticated.
pub(super) fn find_account(principal: &Principal) -> Option<&Account> {
    principal.session().map(|view| &*view.account)
}
