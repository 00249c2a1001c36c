//! The statements on factors.

use async_trait::async_trait;

use crate::account::Factor;
use crate::store::StoreError;
use crate::{FactorId, UserId};

/// The factors of accounts. They only change under the lock of their account, so an operation that
/// has it can read one, decide, and update it.
#[async_trait]
pub trait FactorRows: Send {
    /// Returns the factors of a user, in the order of their ids.
    async fn factors(&mut self, user: UserId) -> Result<Vec<Factor>, StoreError>;

    /// Returns the factor with this credential, without a lock. Read it again once the account of
    /// its user is locked.
    async fn factor_by_credential(
        &mut self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError>;

    /// Inserts a factor. The store assigns the id; the one in `factor` is ignored. Returns the factor
    /// with its id, or `None` if a factor has this credential.
    async fn insert_factor(&mut self, factor: Factor) -> Result<Option<Factor>, StoreError>;

    /// Replaces the label, the data and the time of the last use of a factor of its user. Returns
    /// whether it exists.
    async fn update_factor(&mut self, factor: &Factor) -> Result<bool, StoreError>;

    /// Deletes a factor of a user. Returns whether it existed.
    async fn delete_factor(&mut self, user: UserId, id: FactorId) -> Result<bool, StoreError>;

    /// Deletes all factors of a user. Returns how many.
    async fn delete_factors(&mut self, user: UserId) -> Result<u64, StoreError>;
}
