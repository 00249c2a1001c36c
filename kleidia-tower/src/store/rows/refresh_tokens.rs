//! The statements on families and their refresh tokens.

use async_trait::async_trait;

use crate::store::StoreError;
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserId, WrappedToken};

/// The families and their refresh tokens.
///
/// A revoked family and a consumed token stay so: guard it in the database too, if you can.
#[async_trait]
pub trait RefreshTokenRows: Send {
    /// Inserts a family of a user that is not revoked, and returns the id that the store assigns.
    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError>;

    /// Revokes families of one user. Returns those that were not revoked before, in any order.
    async fn revoke_families(
        &mut self,
        families: &[FamilyId],
    ) -> Result<Vec<RevokedFamily>, StoreError>;

    /// Revokes all families of a user. Returns those that were not revoked before, in any order.
    async fn revoke_user_families(
        &mut self,
        user: UserId,
    ) -> Result<Vec<RevokedFamily>, StoreError>;

    /// Returns the families of a user that are not revoked, beyond the `max` whose tokens expire
    /// last: at most `limit`, those that expire first. A family expires with the last one of its
    /// tokens; of two that expire at the same time, the one with the smaller id is first.
    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError>;

    /// Returns the user of a refresh token, without a lock. It never changes.
    async fn refresh_token_owner(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<UserId>, StoreError>;

    /// Returns a refresh token, consumed or not, and whether its family is revoked. The account of
    /// its user is locked.
    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<(RefreshTokenRow, bool)>, StoreError>;

    /// Inserts a refresh token, whose digest is unique.
    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError>;

    /// Consumes a refresh token, unless it was. Returns whether it was not consumed.
    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<bool, StoreError>;
}

/// A family that a statement has revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedFamily {
    /// The family.
    pub id: FamilyId,
    /// The time at which the last one of its tokens expires (exclusive).
    pub expires_at: Timestamp,
}

/// A refresh token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshTokenRow {
    /// The digest of the token.
    pub digest: TokenDigest,
    /// The family: all tokens that descend from one login.
    pub family: FamilyId,
    /// The session that the token extends. It has the same family.
    pub session: SessionId,
    /// The time at which the token expires (exclusive). Until then it is kept, to detect reuse.
    pub expires_at: Timestamp,
    /// Its consumption, or `None` if it was not used.
    pub consumed: Option<Consumed>,
}

/// The consumption of a refresh token, with its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    /// The time of the use.
    pub at: Timestamp,
    /// The digest of the successor.
    pub successor: TokenDigest,
    /// The successor, which only the holder of the consumed token can unwrap.
    pub wrapped: WrappedToken,
}
