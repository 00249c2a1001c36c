//! New passwords: for who knows the current one, and for new accounts.

use secrecy::{ExposeSecret as _, SecretString};
use tracing::Instrument as _;

use super::{AccountKey, Accounts, PasswordChange, PasswordHash, StoredPassword};
use crate::lockout::{Attempt, Source};
use crate::password::{PasswordCheck, PasswordViolation};
use crate::session::SessionView;
use crate::{Origin, Rejection, UserName};

impl Accounts {
    /// Replaces the password of who asks.
    ///
    /// The session that asks goes on; all others are ended, and no refresh token of the user is
    /// taken any more. A wrong current password counts as a failed login.
    ///
    /// # Errors
    /// [`Rejection::InvalidCredentials`], [`Rejection::PasswordRejected`] with all reasons,
    /// [`Rejection::Busy`], and what is our fault.
    pub async fn change_password(
        &self,
        view: &SessionView,
        current: SecretString,
        new: SecretString,
        origin: Origin,
    ) -> Result<(), Rejection> {
        let (accounts, view) = (self.clone(), view.clone());
        let change =
            async move { accounts.try_change_password(&view, &current, &new, origin).await };
        // As with a login: what was begun is settled, whether anybody waits for it or not.
        let done = tokio::spawn(change.in_current_span()).await;
        done.unwrap_or(Err(Rejection::Unavailable("the change was not finished")))
    }

    async fn try_change_password(
        &self,
        view: &SessionView,
        current: &SecretString,
        new: &SecretString,
        origin: Origin,
    ) -> Result<(), Rejection> {
        let (user, name) = (view.account.id, &view.account.name);
        let permit = self.hasher().permit().await?;
        let change = self.change(origin, None)?;
        let source = Source::new(change.origin.address);
        let attempt = Attempt { name: name.clone(), source };
        let proven = self.prove(permit, &attempt, current, &change).await?;
        self.store().release(&attempt).await?;
        let mut faults = self.faults(name, new).await?;
        if self.was_used(user, current, new).await? {
            faults.push(PasswordViolation::UsedBefore);
        }
        if !faults.is_empty() {
            return Err(Rejection::PasswordRejected(faults));
        }
        let new = PasswordChange {
            user,
            expected: proven.hash,
            new: self.hashed(new).await?,
            history: self.settings().password_policy.history(),
            kept: Some(view.session.id),
        };
        let is_changed = self.published(self.store().change_password(new, &change).await?);
        // Somebody else was quicker.
        if is_changed { Ok(()) } else { Err(Rejection::InvalidCredentials) }
    }

    pub(super) async fn hashed(&self, new: &SecretString) -> Result<PasswordHash, Rejection> {
        Ok(PasswordHash::new(self.hasher().hash(new).await?))
    }

    /// All that speaks against a password but its past.
    pub(super) async fn faults(
        &self,
        name: &UserName,
        new: &SecretString,
    ) -> Result<Vec<PasswordViolation>, Rejection> {
        let mut faults = self.settings().password_policy.violations(name.as_str(), new);
        if let Some(breached) = self.breached() {
            let is_known = breached.contains(new).await.map_err(|error| {
                tracing::error!(%error, "new passwords can't be checked");
                Rejection::Unavailable("the breached passwords can't be had")
            })?;
            faults.extend(is_known.then_some(PasswordViolation::Breached));
        }
        Ok(faults)
    }

    /// Whether it is the current password, or one of those that are remembered.
    async fn was_used(
        &self,
        user: i64,
        current: &SecretString,
        new: &SecretString,
    ) -> Result<bool, Rejection> {
        if current.expose_secret() == new.expose_secret() {
            return Ok(true);
        }
        let found = self.store().account_with_password(AccountKey::Id(user)).await?;
        let Some((_, StoredPassword { current, earlier })) = found else { return Ok(false) };
        let history = self.settings().password_policy.history();
        for hash in [current].iter().chain(earlier.iter().take(history)) {
            if self.hasher().verify(new, hash.as_str()).await? != PasswordCheck::Mismatch {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
