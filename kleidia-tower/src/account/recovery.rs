//! Recovery: sets a password with a one-time code.

use std::fmt;
use std::sync::Arc;

use http_guard::telemetry::IsolatedSpan;
use secrecy::{ExposeSecret as _, SecretString};

use super::accounts::random_token;
use super::{
    Account, AccountError, AccountLookup, Accounts, CodePurpose, OneTimeCode,
    PasswordChangeContext, Recovery, RecoveryOutcome,
};
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::opaque_token::OpaqueToken;
use crate::password::PasswordViolation;
use crate::store::ChangeContext;
use crate::{ClientInfo, Principal, RequestInfo, Timestamp, UserId, UserName, time};

/// A one-time code that was issued. It is a credential: pass it to the owner of the account alone.
#[derive(Debug)]
pub struct IssuedCode {
    /// The code.
    pub code: SecretString,
    /// The time at which it expires (exclusive).
    pub expires_at: Timestamp,
}

/// The use of a recovery code.
pub struct RecoveryRequest {
    /// The code.
    pub code: SecretString,
    /// The user name as typed, if the service asks for it. It must be that of the account.
    pub user_name: Option<String>,
    /// The new password.
    pub password: SecretString,
    /// The client.
    pub client: ClientInfo,
}

impl Accounts {
    /// Issues a one-time code with which the owner of an account sets a password
    /// ([`recover`](Self::recover)). It replaces the previous one of the account, and is valid for
    /// [`AccountSettings::with_recovery_ttl`](super::AccountSettings::with_recovery_ttl).
    ///
    /// The code is all that its holder needs. So the `actor` needs what creating the account with its
    /// roles needs: nobody takes over an account that has more permissions. Pass `None` outside of a
    /// session, as on a command line. The store has a digest only. A denial is recorded as
    /// `permission.denied`.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], [`AccountError::UserDisabled`],
    /// [`AccountError::RoleChange`], and server errors.
    pub async fn issue_recovery_code(
        &self,
        actor: Option<&Principal>,
        user: UserId,
        request: impl Into<RequestInfo>,
    ) -> Result<IssuedCode, AccountError> {
        let request = request.into();
        let rules = self.role_rules(actor).await?;
        let change = self.change(request.client.clone(), actor)?;
        let (code, row) = self.new_code(CodePurpose::Recovery, Some(user), &change)?;
        let expires_at = row.expires_at;
        let issued = self.store().issue_recovery_code(row, &rules, &change).await?;
        self.changed_account(actor, request, self.publish(issued))?;
        Ok(IssuedCode { code, expires_at })
    }

    /// Sets the password of the account for which a code was issued, and uses the code up.
    ///
    /// All sessions of the user end, and all locks of the login. A code that is unknown, used,
    /// replaced, expired or of another user name, and one of a disabled account, get the same error
    /// after the same work. A new password that violates the policy leaves the code valid. The use
    /// runs to completion even if the caller drops the future. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`AccountError::CodeInvalid`], [`AccountError::PasswordRejected`] with all violations,
    /// [`AccountError::Denied`], [`AccountError::Busy`], and server errors.
    pub async fn recover(&self, request: RecoveryRequest) -> Result<Arc<Account>, AccountError> {
        let accounts = self.clone();
        let recovery = async move { accounts.try_recover(&request).await };
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let done = tokio::spawn(IsolatedSpan::current().instrument(recovery)).await;
        done.unwrap_or(Err(AccountError::Aborted))
    }

    async fn try_recover(&self, request: &RecoveryRequest) -> Result<Arc<Account>, AccountError> {
        let change = self.change(request.client.clone(), None)?;
        let code = OpaqueToken::parse(request.code.expose_secret()).map(|code| code.digest());
        let name = request.user_name.as_ref().map(|name| name.parse::<UserName>());
        let (Some(code), Ok(user_name)) = (code, name.transpose()) else {
            return Err(self.recovery_rejected(None, Reason::CodeUnknown, &change).await);
        };
        // Decides what to answer before a password is hashed. The transaction decides again.
        let found = self.store().one_time_code(&code, CodePurpose::Recovery).await?;
        let user = found.as_ref().and_then(|code| code.user);
        let account = match user {
            Some(user) => self.store().account_with_password(AccountLookup::Id(user)).await?,
            None => None,
        };
        let (Some(found), Some((account, stored))) = (found, account) else {
            return Err(self.recovery_rejected(None, Reason::CodeUnknown, &change).await);
        };
        let is_other = user_name.as_ref().is_some_and(|name| *name != account.name);
        let reason = match () {
            () if account.is_disabled => Some(Reason::AccountDisabled),
            () if !found.is_valid(change.at) => Some(Reason::CodeExpired),
            () if is_other => Some(Reason::CodeOfOtherUser),
            () => None,
        };
        if let Some(reason) = reason {
            return Err(self.recovery_rejected(Some(&account), reason, &change).await);
        }
        let mut violations = self.violations(&account.name, &request.password).await?;
        if self.matches_any(&stored, &request.password).await? {
            violations.push(PasswordViolation::UsedBefore);
        }
        if !violations.is_empty() {
            return Err(AccountError::PasswordRejected(violations));
        }
        let context = PasswordChangeContext {
            account: Arc::clone(&account),
            password: request.password.clone(),
            client: request.client.clone(),
        };
        self.check_password_hook(context).await?;
        let password = self.hash_password(&request.password).await?;
        let history = self.settings().password_policy.history();
        let recovery = Recovery { code, user_name, password, history };
        let change = self.change(request.client.clone(), None)?;
        match self.publish(self.store().recover(recovery, &change).await?) {
            RecoveryOutcome::Recovered(account) => Ok(account),
            RecoveryOutcome::Invalid => Err(AccountError::CodeInvalid),
        }
    }

    /// Requires a user to change the password: until then, sessions of the user are only for that and
    /// for a logout, as with an expired password.
    ///
    /// # Errors
    /// [`AccountError::UserNotFound`], and server errors.
    pub async fn require_password_change(
        &self,
        actor: Option<&Principal>,
        user: UserId,
        client: ClientInfo,
    ) -> Result<Arc<Account>, AccountError> {
        let change = self.change(client, actor)?;
        Ok(self.publish(self.store().require_password_change(user, &change).await?)?)
    }

    /// Returns a new code, and its row for the store.
    pub(super) fn new_code(
        &self,
        purpose: CodePurpose,
        user: Option<UserId>,
        change: &ChangeContext,
    ) -> Result<(SecretString, OneTimeCode), AccountError> {
        let code = random_token()?;
        let row = OneTimeCode {
            digest: code.digest(),
            user,
            purpose,
            data: String::new(),
            created_at: change.at,
            expires_at: time::add(change.at, self.settings().recovery_ttl),
        };
        Ok((code.to_text(), row))
    }

    /// Records that a code was rejected, and returns the error for all such codes.
    async fn recovery_rejected(
        &self,
        account: Option<&Account>,
        reason: Reason,
        change: &ChangeContext,
    ) -> AccountError {
        let user = account.map(|account| AuditIdentity::account(account.id, &account.name));
        let event = change.event(EventKind::RecoveryUsed, Outcome::Failure, Some(reason));
        match self.record_rejection(AuditEvent { user, ..event }).await {
            Ok(()) => AccountError::CodeInvalid,
            Err(error) => error,
        }
    }
}

impl fmt::Debug for RecoveryRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryRequest").field("client", &self.client).finish_non_exhaustive()
    }
}
