//! The store trait for one-time codes that set passwords.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Account, AccountChangeError, CodePurpose, OneTimeCode, PasswordHash};
use crate::rbac::RoleRules;
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{TokenDigest, UserId, UserName};

/// Stores one-time codes with which the owners of accounts set passwords. Each method is one atomic
/// change together with its audit events.
#[async_trait]
pub trait RecoveryStore: Send + Sync + 'static {
    /// Returns a one-time code with this purpose, expired or not, by a read that waits for no writer:
    /// anyone can send unknown codes.
    async fn one_time_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError>;

    /// Stores a recovery code of an enabled account, in place of earlier ones. Records
    /// `recovery.issued`.
    ///
    /// Checks by [`RoleRules::check_recovery`] that the issuer may take over the account, with the
    /// account of the issuer as the transaction sees it.
    async fn issue_recovery_code(
        &self,
        code: OneTimeCode,
        rules: &RoleRules,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError>;

    /// Uses a recovery code: of concurrent uses, one succeeds.
    ///
    /// Sets the password, ends all sessions ([`EndReason::PasswordChanged`]), revokes all families of
    /// refresh tokens, removes all locks of the login, and no longer requires a change of the
    /// password. Records `recovery.used`, `password.changed` and one `session.ended` per ended
    /// session; or a failed `recovery.used` for a code that is stored and not valid.
    ///
    /// [`EndReason::PasswordChanged`]: crate::session::EndReason::PasswordChanged
    async fn recover(
        &self,
        recovery: Recovery,
        change: &ChangeContext,
    ) -> Result<Committed<RecoveryOutcome>, StoreError>;

    /// Requires a user to change the password before anything else. Records `password.expired` if
    /// that was not required yet.
    async fn require_password_change(
        &self,
        user: UserId,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError>;
}

/// The input of [`RecoveryStore::recover`].
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The digest of the code.
    pub code: TokenDigest,
    /// The name of the account, if the owner has entered one. It must match.
    pub user_name: Option<UserName>,
    /// The hash of the new password.
    pub password: PasswordHash,
    /// How many previous hashes to keep.
    pub history: usize,
}

/// The result of [`RecoveryStore::recover`].
#[derive(Clone, Debug)]
pub enum RecoveryOutcome {
    /// The password is set.
    Recovered(Arc<Account>),
    /// The code is unknown, used, replaced or expired, of another account, or the account is
    /// disabled.
    Invalid,
}
