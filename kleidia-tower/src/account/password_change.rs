//! Sets passwords for new accounts and for users who present the current password.

use std::sync::Arc;

use http_guard::telemetry::IsolatedSpan;
use secrecy::{ExposeSecret as _, SecretString};

use super::password_verification::VerifiedPassword;
use super::{
    AccountError, AccountLookup, Accounts, PasswordChange, PasswordChangeContext, PasswordHash,
    StoredPassword,
};
use crate::lockout::{Evidence, LoginAttempt, LoginSource};
use crate::password::{PasswordCheck, PasswordViolation};
use crate::session::SessionView;
use crate::telemetry::log_unavailable;
use crate::{ClientInfo, UserId, UserName};

/// How often a change is tried if the stored hash is replaced meanwhile.
const MAX_TRIES: usize = 3;

impl Accounts {
    /// Replaces the password of the session's user.
    ///
    /// The current session stays active; all other sessions are ended and all refresh tokens of the
    /// user are revoked. A wrong current password counts as a failed login, and locks password
    /// changes in this session, as guesses at the login lock a source. The change runs to
    /// completion even if the caller drops the future.
    ///
    /// If the stored hash is replaced meanwhile, the current password is verified again: a
    /// concurrent login may have hashed it with newer parameters.
    ///
    /// # Errors
    /// [`AccountError::WrongCurrentPassword`], also if its verification is locked or throttled,
    /// [`AccountError::PasswordRejected`] with all violations, [`AccountError::Denied`],
    /// [`AccountError::ClientAddressUnknown`], [`AccountError::Busy`], and server errors.
    pub async fn change_password(
        &self,
        view: &SessionView,
        current: SecretString,
        new: SecretString,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        self.require_address(&client)?;
        let (accounts, view) = (self.clone(), view.clone());
        let change =
            async move { accounts.try_change_password(&view, &current, &new, client).await };
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let done = tokio::spawn(IsolatedSpan::current().instrument(change)).await;
        done.unwrap_or(Err(AccountError::Aborted))
    }

    async fn try_change_password(
        &self,
        view: &SessionView,
        current: &SecretString,
        new: &SecretString,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        let (user, name) = (view.account.id, &view.account.name);
        let mut expected_hash = self.verify_current_password(view, current, &client).await?;
        let mut violations = self.violations(name, new).await?;
        if self.is_reused(user, current, new).await? {
            violations.push(PasswordViolation::UsedBefore);
        }
        if !violations.is_empty() {
            return Err(AccountError::PasswordRejected(violations));
        }
        let context = PasswordChangeContext {
            account: Arc::clone(&view.account),
            password: new.clone(),
            client: client.clone(),
        };
        self.check_password_hook(context).await?;
        let new = self.hash_password(new).await?;
        for _ in 0..MAX_TRIES {
            let new = PasswordChange {
                user,
                expected_hash,
                new: new.clone(),
                history: self.settings().password_policy.history(),
                kept_session: Some(view.session.id),
            };
            let change = self.change(client.clone(), None)?;
            if self.publish(self.store().change_password(new, &change).await?) {
                return Ok(());
            }
            // The hash was replaced meanwhile: by a new password, which is then the current one, or
            // by a concurrent login that rehashed the same one.
            expected_hash = self.verify_current_password(view, current, &client).await?;
        }
        Err(AccountError::Busy)
    }

    /// Returns the stored hash that the current password matches.
    async fn verify_current_password(
        &self,
        view: &SessionView,
        current: &SecretString,
        client: &ClientInfo,
    ) -> Result<PasswordHash, AccountError> {
        let permit = self.hasher().permit().await?;
        let change = self.change(client.clone(), None)?;
        let source = LoginSource::new(change.client.address);
        // Guesses at the login must not keep the user from changing the password.
        let evidence = Evidence::Session(view.session.id);
        let attempt = LoginAttempt { name: view.account.name.clone(), source, evidence };
        let verified = self.verify_password(permit, &attempt, current, &change).await;
        let verified = verified.map_err(|error| match error {
            AccountError::InvalidCredentials => AccountError::WrongCurrentPassword,
            error => error,
        })?;
        let VerifiedPassword { hash, pending, .. } = verified;
        pending.release().await?;
        Ok(hash)
    }

    pub(super) async fn hash_password(
        &self,
        new: &SecretString,
    ) -> Result<PasswordHash, AccountError> {
        Ok(PasswordHash::new(self.hasher().hash(new).await?))
    }

    /// Returns all violations of the policy except reuse.
    pub(super) async fn violations(
        &self,
        name: &UserName,
        new: &SecretString,
    ) -> Result<Vec<PasswordViolation>, AccountError> {
        let mut violations = self.settings().password_policy.violations(name.as_str(), new);
        if let Some(breached) = self.breached() {
            let is_breached = breached.contains(new).await.inspect_err(|error| {
                log_unavailable("breached-password list", error);
            })?;
            violations.extend(is_breached.then_some(PasswordViolation::Breached));
        }
        Ok(violations)
    }

    /// Returns whether the new password is the current one or one in the history.
    async fn is_reused(
        &self,
        user: UserId,
        current: &SecretString,
        new: &SecretString,
    ) -> Result<bool, AccountError> {
        if current.expose_secret() == new.expose_secret() {
            return Ok(true);
        }
        let found = self.store().account_with_password(AccountLookup::Id(user)).await?;
        let Some((_, stored)) = found else { return Ok(false) };
        self.matches_any(&stored, new).await
    }

    /// Returns whether a password matches the stored one or one in the history.
    pub(super) async fn matches_any(
        &self,
        stored: &StoredPassword,
        new: &SecretString,
    ) -> Result<bool, AccountError> {
        let StoredPassword { current, previous } = stored;
        let history = self.settings().password_policy.history();
        for hash in [current].into_iter().chain(previous.iter().take(history)) {
            if self.hasher().verify(new, hash.as_str()).await? != PasswordCheck::Mismatch {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
