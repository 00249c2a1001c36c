//! The families and refresh tokens in memory.

use std::collections::HashMap;

use async_trait::async_trait;

use super::state::{Family, State};
use crate::session::SessionLookup;
use crate::store::StoreError;
use crate::store::rows::{Consumed, RefreshTokenRow, RefreshTokenRows, RevokedFamily};
use crate::{FamilyId, TokenDigest, UserId};

#[async_trait]
impl RefreshTokenRows for State {
    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError> {
        self.last_family += 1;
        let id = FamilyId::new(self.last_family);
        self.families.insert(id, Family::default());
        self.families_of.entry(user).or_default().insert(id);
        Ok(id)
    }

    async fn revoke_families(
        &mut self,
        families: &[FamilyId],
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        Ok(revoke(&mut self.families, families))
    }

    async fn revoke_user_families(
        &mut self,
        user: UserId,
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        Ok(revoke(&mut self.families, self.families_of.get(&user).into_iter().flatten()))
    }

    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError> {
        let ids = self.families_of.get(&user).into_iter().flatten();
        let families = ids.filter_map(|id| Some((self.families.get(id)?, *id)));
        let mut families: Vec<_> = families
            .filter(|(family, _)| !family.is_revoked)
            .map(|(family, id)| (family.expires_at, id))
            .collect();
        families.sort_unstable();
        let excess = families.len().saturating_sub(max).min(limit);
        Ok(families.into_iter().take(excess).map(|(_, id)| id).collect())
    }

    async fn refresh_token_owner(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<UserId>, StoreError> {
        let Some(row) = self.refresh_tokens.get(digest) else { return Ok(None) };
        let session = self.find_session(SessionLookup::Id(row.session));
        let session =
            session.ok_or(StoreError::Corrupt("refresh token: its session is missing"))?;
        Ok(Some(session.user))
    }

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<(RefreshTokenRow, bool)>, StoreError> {
        let Some(token) = self.refresh_tokens.get(digest) else { return Ok(None) };
        Ok(Some((token.clone(), self.is_revoked(token.family))))
    }

    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        if let Some(family) = self.families.get_mut(&row.family) {
            family.expires_at = family.expires_at.max(row.expires_at);
            family.tokens += 1;
        }
        self.refresh_tokens.insert(row.digest, row.clone());
        Ok(())
    }

    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<bool, StoreError> {
        let row = self.refresh_tokens.get_mut(digest).filter(|row| row.consumed.is_none());
        let Some(row) = row else { return Ok(false) };
        row.consumed = Some(consumed.clone());
        Ok(true)
    }
}

fn revoke<'a>(
    stored: &mut HashMap<FamilyId, Family>,
    families: impl IntoIterator<Item = &'a FamilyId>,
) -> Vec<RevokedFamily> {
    let mut revoked = Vec::new();
    for id in families {
        let family = stored.get_mut(id).filter(|family| !family.is_revoked);
        if let Some(family) = family {
            family.is_revoked = true;
            revoked.push(RevokedFamily { id: *id, expires_at: family.expires_at });
        }
    }
    revoked
}
