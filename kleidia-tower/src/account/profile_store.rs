//! The store trait for profiles and names.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Account, AccountChangeError, EmailAddress, PasswordHash, Profile};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{UserId, UserName};

/// Stores the personal data of accounts.
#[async_trait]
pub trait ProfileStore: Send + Sync + 'static {
    /// Returns the profiles of those of these users that have personal data, in any order.
    async fn profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError>;

    /// Returns at most `limit` users whose verified address is this one, ordered by id.
    async fn users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError>;

    /// Replaces the profile of an account. Records `profile.changed` if it is another one.
    async fn replace_profile(
        &self,
        user: UserId,
        profile: Profile,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError>;

    /// Renames an account. No other account may have the name, or have had it. The failures and the
    /// familiar clients of the login stay with the account. Records `user.renamed` if the name is
    /// another one.
    ///
    /// A login that is pending meanwhile does not succeed. If its password is wrong, the failure counts
    /// for the former name, as of an unknown one: the account misses at most the pending attempts.
    async fn rename(
        &self,
        user: UserId,
        name: UserName,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError>;

    /// Erases the personal data of a disabled account, once: its profile, factors, codes, passwords,
    /// failures and familiar clients. `unusable` is the hash of a random secret. The name is replaced
    /// by `erased-`, the id and the digest of the former one. The id, the roles and the audit log
    /// stay, and the account stays disabled. Records `user.erased`.
    ///
    /// Sessions have the client's address until they are [purged](crate::store::PurgeStore).
    async fn erase(
        &self,
        user: UserId,
        unusable: PasswordHash,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError>;
}
