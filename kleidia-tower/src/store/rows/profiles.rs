//! The statements on profiles.

use async_trait::async_trait;

use crate::UserId;
use crate::account::Profile;
use crate::store::StoreError;

/// The profiles of accounts. Their accounts are locked when they are changed.
#[async_trait]
pub trait ProfileRows: Send {
    /// Returns the profile of a user. An account without a row has the default one.
    async fn profile(&mut self, user: UserId) -> Result<Profile, StoreError>;

    /// Replaces the profile of a user. Deletes the row if it is the default one, so nothing is left
    /// of an erased profile.
    async fn put_profile(&mut self, user: UserId, profile: &Profile) -> Result<(), StoreError>;
}
