//! The statements on one-time codes.

use async_trait::async_trait;

use crate::account::{CodePurpose, OneTimeCode};
use crate::store::StoreError;
use crate::{TokenDigest, UserId};

/// The one-time codes. A code is *taken* once: of concurrent transactions that take it, one gets it.
///
/// An operation on a code with a user reads it first, then locks the account, and then takes the
/// code: so codes of an account only change under its lock, but for those that a purge deletes.
/// A code without a user is taken without a lock, before any other one.
#[async_trait]
pub trait OneTimeCodeRows: Send {
    /// Returns a code, expired or not, without a lock.
    async fn code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError>;

    /// Inserts a code, whose digest is unique.
    async fn insert_code(&mut self, code: &OneTimeCode) -> Result<(), StoreError>;

    /// Deletes and returns a code with this purpose, expired or not. `None` if there is none, also
    /// if another transaction took it.
    async fn take_code(
        &mut self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError>;

    /// Deletes the codes of a user: those with this purpose, or all. Returns how many.
    async fn delete_codes(
        &mut self,
        user: UserId,
        purpose: Option<CodePurpose>,
    ) -> Result<u64, StoreError>;
}
