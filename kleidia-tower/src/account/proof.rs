//! Whether a password is somebody's, asked under the rules of the lockout.

use std::sync::Arc;

use secrecy::SecretString;

use super::{Account, AccountKey, Accounts, PasswordHash};
use crate::Rejection;
use crate::audit::{AuditEvent, EventKind, Outcome, Party, Reason};
use crate::lockout::{Attempt, Reservation};
use crate::password::{HashingPermit, PasswordCheck};
use crate::store::Change;

/// An account whose password was found to be right. The attempt is still to be settled.
pub(super) struct Proven {
    pub(super) account: Arc<Account>,
    /// The hash that was compared with.
    pub(super) hash: PasswordHash,
    /// The same password with the parameters of today, where those were others.
    pub(super) rehashed: Option<PasswordHash>,
}

impl Accounts {
    /// Compares a password; an attempt that comes to nothing is settled and recorded.
    pub(super) async fn prove(
        &self,
        permit: HashingPermit,
        attempt: &Attempt,
        password: &SecretString,
        change: &Change,
    ) -> Result<Proven, Rejection> {
        let (store, lockout) = (self.store(), &self.settings().lockout);
        match store.reserve(attempt, lockout, change.at).await? {
            Reservation::Granted => {}
            Reservation::Busy => return Err(Rejection::Busy),
            Reservation::Locked { .. } => {
                permit.dummy_verify(password).await?;
                self.record_locked(attempt, change).await?;
                return Err(Rejection::InvalidCredentials);
            }
            Reservation::Refused { .. } => {
                let evaluated = permit.dummy_verify(password).await;
                self.published(store.refuse(attempt, lockout, change).await?);
                evaluated?;
                return Err(Rejection::InvalidCredentials);
            }
        }
        match self.compare(permit, attempt, password).await {
            Ok(Some(proven)) => Ok(proven),
            Ok(None) => {
                self.published(store.fail(attempt, lockout, change).await?);
                Err(Rejection::InvalidCredentials)
            }
            Err(rejection) => {
                store.release(attempt).await?;
                Err(rejection)
            }
        }
    }

    async fn compare(
        &self,
        permit: HashingPermit,
        attempt: &Attempt,
        password: &SecretString,
    ) -> Result<Option<Proven>, Rejection> {
        let found = self.store().account_with_password(AccountKey::Name(&attempt.name)).await?;
        let Some((account, stored)) = found else {
            permit.dummy_verify(password).await?;
            return Ok(None);
        };
        let hash = stored.current;
        let (verdict, renewed) = permit.verify_and_rehash(password, hash.as_str()).await?;
        let rehashed = renewed.map(PasswordHash::new);
        Ok((verdict != PasswordCheck::Mismatch).then_some(Proven { account, hash, rehashed }))
    }

    async fn record_locked(&self, attempt: &Attempt, change: &Change) -> Result<(), Rejection> {
        let found = self.store().account_with_password(AccountKey::Name(&attempt.name)).await?;
        let user = found.map(|(account, _)| Party::account(account.id, &account.name));
        let reason = Some(Reason::Locked);
        let event = change.event(EventKind::LoginLocked, Outcome::Failure, reason);
        self.append(AuditEvent { user, ..event }).await
    }
}
