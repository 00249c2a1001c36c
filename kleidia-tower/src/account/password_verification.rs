//! Verifies a password under the rules of the lockout.

use std::sync::Arc;

use secrecy::SecretString;

use super::{Account, AccountError, AccountLookup, Accounts, PasswordHash};
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::lockout::{LoginAttempt, Reservation};
use crate::password::{HashingPermit, PasswordCheck};
use crate::store::ChangeContext;

/// An account whose password was correct. The attempt is still to be settled.
pub(super) struct VerifiedPassword {
    pub(super) account: Arc<Account>,
    /// The stored hash that the password matches.
    pub(super) hash: PasswordHash,
    /// The same password hashed with the current parameters, if the stored ones are outdated.
    pub(super) rehashed: Option<PasswordHash>,
}

impl Accounts {
    /// Verifies a password. A failed attempt is settled and recorded.
    pub(super) async fn verify_password(
        &self,
        permit: HashingPermit,
        attempt: &LoginAttempt,
        password: &SecretString,
        change: &ChangeContext,
    ) -> Result<VerifiedPassword, AccountError> {
        let (store, lockout) = (self.store(), &self.settings().lockout);
        match store.reserve_attempt(attempt, lockout, change.at).await? {
            Reservation::Granted => {}
            Reservation::Busy => return Err(AccountError::Busy),
            Reservation::Locked { .. } => {
                permit.dummy_verify(password).await?;
                self.record_locked_attempt(attempt, change).await?;
                return Err(AccountError::InvalidCredentials);
            }
            Reservation::Throttled { .. } => {
                let evaluated = permit.dummy_verify(password).await;
                self.publish(store.record_throttled(attempt, lockout, change).await?);
                evaluated?;
                return Err(AccountError::InvalidCredentials);
            }
        }
        match self.verify_stored_hash(permit, attempt, password).await {
            Ok(Some(verified)) => Ok(verified),
            Ok(None) => {
                self.publish(store.record_failure(attempt, lockout, change).await?);
                Err(AccountError::InvalidCredentials)
            }
            Err(error) => {
                store.release_attempt(attempt).await?;
                Err(error)
            }
        }
    }

    async fn verify_stored_hash(
        &self,
        permit: HashingPermit,
        attempt: &LoginAttempt,
        password: &SecretString,
    ) -> Result<Option<VerifiedPassword>, AccountError> {
        let found = self.store().account_with_password(AccountLookup::Name(&attempt.name)).await?;
        let Some((account, stored)) = found else {
            permit.dummy_verify(password).await?;
            return Ok(None);
        };
        let hash = stored.current;
        let (check, rehashed) = permit.verify_and_rehash(password, hash.as_str()).await?;
        let rehashed = rehashed.map(PasswordHash::new);
        Ok((check != PasswordCheck::Mismatch).then_some(VerifiedPassword {
            account,
            hash,
            rehashed,
        }))
    }

    async fn record_locked_attempt(
        &self,
        attempt: &LoginAttempt,
        change: &ChangeContext,
    ) -> Result<(), AccountError> {
        let found = self.store().account_with_password(AccountLookup::Name(&attempt.name)).await?;
        let user = found.map(|(account, _)| AuditIdentity::account(account.id, &account.name));
        let reason = Some(Reason::Locked);
        let event = change.event(EventKind::LoginLocked, Outcome::Failure, reason);
        self.append(AuditEvent { user, ..event }).await
    }
}
