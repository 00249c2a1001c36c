//! Verifies a password under the rules of the lockout.

use std::sync::Arc;

use secrecy::SecretString;

use super::pending_attempt::PendingAttempt;
use super::{Account, AccountError, AccountLookup, Accounts, PasswordHash};
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::instruments;
use crate::lockout::{AttemptRecord, LoginAttempt, Reservation};
use crate::password::{HashingPermit, PasswordCheck};
use crate::store::ChangeContext;

/// The result of comparing a password with the stored hash of a user name.
enum HashCheck {
    /// The password is correct. There is a new hash if the stored one is outdated.
    Correct(Arc<Account>, PasswordHash, Option<PasswordHash>),
    WrongPassword,
    UnknownName,
}

/// An account whose password was correct.
pub(super) struct VerifiedPassword {
    pub(super) account: Arc<Account>,
    /// The stored hash that the password matches.
    pub(super) hash: PasswordHash,
    /// The same password hashed with the current parameters, if the stored ones are outdated.
    pub(super) rehashed: Option<PasswordHash>,
    /// The attempt, which is still to be settled.
    pub(super) pending: PendingAttempt,
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
        let mut pending = match store.reserve_attempt(attempt, lockout, change.at).await? {
            Reservation::Granted => PendingAttempt::granted(store, attempt),
            Reservation::Busy => {
                instruments::count_password_check("busy");
                return Err(AccountError::Busy);
            }
            Reservation::Locked { .. } => {
                instruments::count_password_check("locked");
                self.verify_unknown(permit, password).await?;
                self.record_locked_attempt(attempt, change).await?;
                return Err(AccountError::InvalidCredentials);
            }
            Reservation::Throttled { .. } => {
                instruments::count_password_check("throttled");
                let mut pending = PendingAttempt::throttled(store, attempt, *lockout, change);
                let evaluated = self.verify_unknown(permit, password).await;
                let record = self.audit_attempt(EventKind::LoginLocked, change);
                pending.set_record(record);
                let counted = store.record_throttled(attempt, lockout, change, record).await?;
                pending.mark_settled();
                self.publish(counted);
                evaluated?;
                return Err(AccountError::InvalidCredentials);
            }
        };
        let verified = self.verify_stored_hash(permit, attempt, password).await;
        instruments::count_password_check(match &verified {
            Ok(HashCheck::Correct(..)) => "correct",
            Ok(HashCheck::WrongPassword) => "wrong",
            Ok(HashCheck::UnknownName) => "unknown_name",
            Err(_) => "error",
        });
        match verified {
            Ok(HashCheck::Correct(account, hash, rehashed)) => {
                Ok(VerifiedPassword { account, hash, rehashed, pending })
            }
            Ok(failed @ (HashCheck::WrongPassword | HashCheck::UnknownName)) => {
                pending.mark_failed(*lockout, change);
                let record = match failed {
                    HashCheck::UnknownName => self.audit_attempt(EventKind::LoginFailure, change),
                    _ => AttemptRecord::Recorded,
                };
                pending.set_record(record);
                let counted = store.record_failure(attempt, lockout, change, record).await?;
                pending.mark_settled();
                self.publish(counted);
                Err(AccountError::InvalidCredentials)
            }
            Err(error) => {
                pending.release().await?;
                Err(error)
            }
        }
    }

    /// Does the work of a verification, for attempts without a hash to compare with.
    pub(super) async fn verify_unknown(
        &self,
        permit: HashingPermit,
        password: &SecretString,
    ) -> Result<(), AccountError> {
        let parameters = self.store().password_parameters().await?;
        permit.verify_uniformly(password, None, &parameters).await?;
        Ok(())
    }

    async fn verify_stored_hash(
        &self,
        permit: HashingPermit,
        attempt: &LoginAttempt,
        password: &SecretString,
    ) -> Result<HashCheck, AccountError> {
        let found = self.store().account_with_password(AccountLookup::Name(&attempt.name)).await?;
        let Some((account, stored)) = found else {
            self.verify_unknown(permit, password).await?;
            return Ok(HashCheck::UnknownName);
        };
        let (hash, parameters) = (stored.current, self.store().password_parameters().await?);
        let verified = permit.verify_uniformly(password, Some(hash.as_str()), &parameters).await?;
        let (check, rehashed) = verified;
        if check == PasswordCheck::Mismatch {
            return Ok(HashCheck::WrongPassword);
        }
        Ok(HashCheck::Correct(account, hash, rehashed.map(PasswordHash::new)))
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
        self.record_rejection(AuditEvent { user, ..event }).await
    }
}
