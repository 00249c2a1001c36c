//! The store traits, implemented once for every store that has transactions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::log_reads::LogReads;
use super::measured::{Measured as _, measure};
use super::operation::Operation;
use super::rows::RefreshTokenState;
use super::sealer::Sealing;
use super::{
    ChangeContext, Committed, StoreError, log_detachment, log_proof, log_verification, operations,
};
use crate::account::{
    Account, AccountLookup, CodePurpose, EmailAddress, Factor, OneTimeCode, Profile, StoredPassword,
};
use crate::audit::{
    AuditEvent, AuditKey, AuditQuery, AuditRecord, AuditStore, Checkpoint, Detachment, ExportError,
    InclusionProof, LogKey, LogVerification,
};
use crate::session::{
    EndReason, NewSession, OpenOutcome, RefreshCheck, Rotation, RotationOutcome, Session,
    SessionEvents, SessionLookup, SessionSelector, SessionStore, SessionView,
};
use crate::{HealthError, SessionId, Timestamp, TokenDigest, UserId};

/// A store with transactions: its reads, and a way to run an operation in a transaction.
///
/// Each type that implements it implements [`AccountStore`](crate::account::AccountStore), [`SessionStore`],
/// [`FailureStore`](crate::lockout::FailureStore) and [`AuditStore`]. The [module](super::rows) has
/// the rules of transactions.
///
/// Reads see what was committed before they began, on every node. They don't wait for transactions.
#[async_trait]
pub trait Transactional: LogReads {
    /// Returns an account with its hashed passwords.
    async fn read_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError>;

    /// Returns at most `limit` accounts with ids greater than `after`, ordered by id.
    async fn read_accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError>;

    /// Returns the distinct [parameters](crate::account::PasswordHash::parameters) of the current
    /// hashes of all accounts. Every login reads them, so it must be as fast as a lookup.
    async fn read_password_parameters(&self) -> Result<Vec<String>, StoreError>;

    /// Returns the profiles of those of these users that have a row, in any order.
    async fn read_profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError>;

    /// Returns at most `limit` users whose verified address is this one, ordered by id. Compares
    /// octet by octet.
    async fn read_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError>;

    /// Returns a one-time code with this purpose, expired or not. Anyone can send unknown ones: do
    /// not wait for a writer.
    async fn read_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError>;

    /// Returns the factors of a user, in the order of their ids.
    async fn read_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError>;

    /// Returns the factor with this credential.
    async fn read_factor_by_credential(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError>;

    /// Returns a session, active or not, with its account. Every request reads it.
    async fn read_session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError>;

    /// Returns the active sessions of a user, the newest first.
    async fn read_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError>;

    /// Returns what decides whether a refresh token is rejected, whether it was consumed or not.
    /// Anyone can send unknown tokens, and former users send revoked ones: do not wait for a
    /// writer.
    async fn read_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenState>, StoreError>;

    /// Returns the matching records, newest first ([`AuditQuery::matches`]).
    async fn read_records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Returns the key with which the store was opened.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is none.
    fn log_key(&self) -> Result<&LogKey, StoreError>;

    /// Returns what the store remembers of sealing its audit log.
    fn sealing(&self) -> &Sealing;

    /// Returns the events of the store. [`Self::write`] publishes those of its operations, after
    /// the commit: see the [module](super::rows#events).
    fn events(&self) -> SessionEvents;

    /// Runs an operation in its own transaction, and commits it. Limit how many wait.
    ///
    /// The operation may run several times: a store rolls back and tries again after a deadlock.
    /// The result is the one of the run that was committed.
    ///
    /// # Errors
    /// [`StoreError`] of the operation, or of the transaction: see the
    /// [module](super::rows#errors-and-retries).
    async fn write<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError>;

    /// Runs an operation like [`Self::write`], but not subject to a limit of waiting operations:
    /// for background work, which runs one at a time.
    ///
    /// # Errors
    /// As [`Self::write`].
    async fn write_in_background<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        self.write(operation).await
    }
}

#[async_trait]
impl<S: Transactional> SessionStore for S {
    async fn session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        measure("session", self.read_session(key)).await
    }

    async fn find_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        measure("find_sessions", self.read_sessions(user, now)).await
    }

    async fn open_session(
        &self,
        new: NewSession,
        change: &ChangeContext,
    ) -> Result<Committed<OpenOutcome>, StoreError> {
        self.run(Operation::new("open_session", |rows| {
            Box::pin(operations::open(rows.0, &new, change))
        }))
        .await
    }

    async fn check_refresh_token(
        &self,
        presented: &TokenDigest,
        login_ttl: Duration,
        now: Timestamp,
    ) -> Result<RefreshCheck, StoreError> {
        match measure("check_refresh_token", self.read_refresh_token(presented)).await? {
            Some(token) => Ok(token.check(login_ttl, now)),
            None => Ok(RefreshCheck::Unknown),
        }
    }

    async fn rotate_refresh_token(
        &self,
        rotation: &Rotation,
        change: &ChangeContext,
    ) -> Result<Committed<RotationOutcome>, StoreError> {
        self.run(Operation::new("rotate_refresh_token", |rows| {
            Box::pin(operations::rotate(rows.0, rotation, change))
        }))
        .await
    }

    async fn end_sessions(
        &self,
        which: SessionSelector,
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        self.run(Operation::new("end_sessions", |rows| {
            Box::pin(operations::end(rows.0, which, reason, change))
        }))
        .await
    }

    async fn end_sessions_of_users(
        &self,
        users: &[UserId],
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError> {
        self.run(Operation::new("end_sessions_of_users", |rows| {
            Box::pin(operations::end_of_users(rows.0, users, reason, change))
        }))
        .await
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        self.run_in_background(Operation::new("touch", |rows| rows.0.touch_sessions(seen))).await
    }

    async fn register_agent(
        &self,
        session: SessionId,
        user: UserId,
        key: String,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError> {
        self.run(Operation::new("register_agent", |rows| {
            Box::pin(operations::register_agent(rows.0, session, user, &key, change))
        }))
        .await
    }

    fn session_events(&self) -> Option<SessionEvents> {
        Some(self.events())
    }
}

#[async_trait]
impl<S: Transactional> AuditStore for S {
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError> {
        self.run(Operation::new("append", |rows| Box::pin(operations::append(rows.0, &events))))
            .await
    }

    async fn append_in_background(
        &self,
        events: Vec<AuditEvent>,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.run_in_background(Operation::new("append", |rows| {
            Box::pin(operations::append(rows.0, &events))
        }))
        .await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        measure("records", self.read_records(query)).await
    }

    async fn seal(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.sealing().seal(self, true).await
    }

    async fn replace_key(
        &self,
        successor: &AuditKey,
        change: &ChangeContext,
    ) -> Result<Checkpoint, StoreError> {
        self.sealing().replace_key(self, successor, change).await
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.sealing().read(self).await?.0)
    }

    async fn verify(&self, since: Option<&Checkpoint>) -> Result<LogVerification, StoreError> {
        let key = self.log_key()?;
        let newest = self.sealing().newest(key)?;
        let newest = newest.as_ref().filter(|newest| Some(*newest) != since);
        let since = since.into_iter().chain(newest);
        // Every log continues an empty one, also if its first records are detached.
        let since: Vec<_> = since.filter(|since| since.size() > 0).collect();
        log_verification::verify(self, key, &since).await
    }

    async fn prove(&self, sequence: u64) -> Result<Option<InclusionProof>, StoreError> {
        log_proof::prove(self, self.log_key()?.verifier_key(), sequence).await
    }

    async fn prove_leaves(
        &self,
        checkpoint: &Checkpoint,
        from: u64,
        until: u64,
    ) -> Result<Vec<InclusionProof>, StoreError> {
        log_detachment::prove_leaves(self, checkpoint, from, until).await
    }

    async fn detachment(&self) -> Result<Option<Detachment>, StoreError> {
        log_detachment::read(self, self.log_key()?.verifier_key()).await
    }

    async fn detach(
        &self,
        exported: &[InclusionProof],
        now: Timestamp,
    ) -> Result<Detachment, ExportError> {
        log_detachment::detach(self, exported, now).await
    }

    fn log_health(&self) -> Result<(), HealthError> {
        self.sealing().health()
    }
}
