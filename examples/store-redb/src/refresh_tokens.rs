//! The statements on families and their refresh tokens.

use async_trait::async_trait;
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{Consumed, RefreshTokenRow, RefreshTokenRows, RevokedFamily};
use kleidia_tower::{FamilyId, TokenDigest, UserId};
use redb::ReadableMultimapTable as _;

use crate::store::RedbRows;
use crate::tables::{
    FAMILIES, FAMILIES_OF_USER, REFRESH_TOKENS, corrupt, get, next_id, put, unavailable,
};
use crate::values::{FamilyValue, RefreshTokenValue, time};

impl RedbRows {
    fn family(&self, id: FamilyId) -> Result<Option<FamilyValue>, StoreError> {
        get(&self.0.open_table(FAMILIES).map_err(unavailable)?, id.get())
    }

    pub(crate) fn change_family(
        &self,
        id: FamilyId,
        change: impl FnOnce(&mut FamilyValue),
    ) -> Result<(), StoreError> {
        let mut families = self.0.open_table(FAMILIES).map_err(unavailable)?;
        let found: Option<FamilyValue> = get(&families, id.get())?;
        let Some(mut family) = found else { return Ok(()) };
        change(&mut family);
        put(&mut families, id.get(), &family)
    }

    fn families_of(&self, user: UserId) -> Result<Vec<FamilyId>, StoreError> {
        let index = self.0.open_multimap_table(FAMILIES_OF_USER).map_err(unavailable)?;
        let ids = index.get(user.get()).map_err(unavailable)?;
        ids.map(|id| Ok(FamilyId::new(id.map_err(unavailable)?.value()))).collect()
    }

    fn find_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenRow>, StoreError> {
        let tokens = self.0.open_table(REFRESH_TOKENS).map_err(unavailable)?;
        let found: Option<RefreshTokenValue> = get(&tokens, &digest.0)?;
        found.map(|value| value.decode(*digest)).transpose()
    }

    fn put_refresh_token(&self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        let mut tokens = self.0.open_table(REFRESH_TOKENS).map_err(unavailable)?;
        put(&mut tokens, &row.digest.0, &RefreshTokenValue::new(row))
    }
}

#[async_trait]
impl RefreshTokenRows for RedbRows {
    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError> {
        let id = next_id(&self.0, "families")?;
        let family = FamilyValue { user, is_revoked: false, expires_at: 0, tokens: 0 };
        put(&mut self.0.open_table(FAMILIES).map_err(unavailable)?, id, &family)?;
        let mut index = self.0.open_multimap_table(FAMILIES_OF_USER).map_err(unavailable)?;
        index.insert(user.get(), id).map_err(unavailable)?;
        Ok(FamilyId::new(id))
    }

    async fn revoke_families(
        &mut self,
        families: &[FamilyId],
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        let mut revoked = Vec::new();
        for id in families {
            let found = self.family(*id)?.filter(|family| !family.is_revoked);
            if let Some(family) = found {
                self.change_family(*id, |family| family.is_revoked = true)?;
                let expires_at = time(family.expires_at)?;
                revoked.push(RevokedFamily { id: *id, expires_at });
            }
        }
        Ok(revoked)
    }

    async fn revoke_user_families(
        &mut self,
        user: UserId,
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        let families = self.families_of(user)?;
        self.revoke_families(&families).await
    }

    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError> {
        let mut valid = Vec::new();
        for id in self.families_of(user)? {
            let family = self.family(id)?.filter(|family| !family.is_revoked);
            valid.extend(family.map(|family| (family.expires_at, id)));
        }
        valid.sort_unstable();
        let excess = valid.len().saturating_sub(max).min(limit);
        Ok(valid.into_iter().take(excess).map(|(_, id)| id).collect())
    }

    async fn refresh_token_owner(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<UserId>, StoreError> {
        let Some(row) = self.find_refresh_token(digest)? else { return Ok(None) };
        let session = self.find_session(row.session)?;
        Ok(Some(session.ok_or(corrupt("refresh token: its session is missing"))?.user))
    }

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<(RefreshTokenRow, bool)>, StoreError> {
        let Some(token) = self.find_refresh_token(digest)? else { return Ok(None) };
        let family = self.family(token.family)?;
        Ok(Some((token, family.is_none_or(|family| family.is_revoked))))
    }

    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        self.put_refresh_token(row)?;
        self.change_family(row.family, |family| {
            family.expires_at = family.expires_at.max(row.expires_at.as_second());
            family.tokens += 1;
        })
    }

    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<bool, StoreError> {
        let found = self.find_refresh_token(digest)?.filter(|row| row.consumed.is_none());
        let Some(row) = found else { return Ok(false) };
        self.put_refresh_token(&RefreshTokenRow { consumed: Some(consumed.clone()), ..row })?;
        Ok(true)
    }
}
