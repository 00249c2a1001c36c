//! Deletion of expired rows.

use async_trait::async_trait;
use kleidia_tower::store::{PurgeStore, Retention, StoreError};
use kleidia_tower::{FamilyId, SessionId, Timestamp, TokenDigest};
use redb::{ReadableMultimapTable as _, ReadableTable as _};

use crate::store::{RedbRows, RedbStore};
use crate::tables::{
    FAILURES, FAMILIES, FAMILIES_OF_USER, REFRESH_TOKENS, SESSION_TOKENS, SESSIONS,
    SESSIONS_OF_FAMILY, SESSIONS_OF_USER, decode, get, unavailable,
};
use crate::values::{FailureValue, FamilyValue, RefreshTokenValue, SessionValue};

#[async_trait]
impl PurgeStore for RedbStore {
    /// Reads all rows, in the transaction. A store for many accounts has indexes by time.
    async fn purge(
        &self,
        now: Timestamp,
        retention: &Retention,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let writer = self.writer().await;
        let rows = self.begin()?;
        let since = retention.sessions().as_secs().try_into().unwrap_or(i64::MAX);
        let since = now.as_second().saturating_sub(since);
        let tokens = rows.purge_refresh_tokens(now.as_second(), limit)?;
        let sessions = rows.purge_sessions(since, limit)?;
        let failures = rows.purge_failures(now.as_second(), limit)?;
        let codes = rows.purge_codes(now.as_second(), limit)?;
        self.commit(rows, writer).await?;
        Ok(tokens + sessions + failures + codes)
    }
}

impl RedbRows {
    fn purge_refresh_tokens(&self, until: i64, limit: usize) -> Result<usize, StoreError> {
        let mut expired = Vec::new();
        let mut tokens = self.0.open_table(REFRESH_TOKENS).map_err(unavailable)?;
        for row in tokens.iter().map_err(unavailable)? {
            let (digest, value) = row.map_err(unavailable)?;
            let token: RefreshTokenValue = decode(value.value())?;
            if token.expires_at <= until && expired.len() < limit {
                expired.push((TokenDigest(*digest.value()), token.family));
            }
        }
        for (digest, family) in &expired {
            tokens.remove(&digest.0).map_err(unavailable)?;
            self.change_family(*family, |family| family.tokens -= 1)?;
        }
        Ok(expired.len())
    }

    /// Deletes the sessions of families that expired. While a refresh token is stored, they are
    /// kept to detect reuse.
    fn purge_sessions(&self, until: i64, limit: usize) -> Result<usize, StoreError> {
        let mut families = Vec::new();
        for row in self.0.open_table(FAMILIES).map_err(unavailable)?.iter().map_err(unavailable)? {
            let (id, value) = row.map_err(unavailable)?;
            let family: FamilyValue = decode(value.value())?;
            if family.tokens == 0 && family.expires_at <= until {
                families.push((FamilyId::new(id.value()), family));
            }
        }
        let mut deleted = 0;
        for (id, family) in families {
            let sessions = self.sessions_of_family(id)?;
            if sessions.iter().any(|(_, session)| session.expires_at > until) {
                continue;
            }
            let (all, left) = (sessions.len(), limit - deleted);
            for (session, value) in sessions.into_iter().take(left) {
                self.delete_session(session, &value, id, &family)?;
                deleted += 1;
            }
            if all <= left {
                self.delete_family(id, &family)?;
            }
        }
        Ok(deleted)
    }

    fn sessions_of_family(
        &self,
        family: FamilyId,
    ) -> Result<Vec<(SessionId, SessionValue)>, StoreError> {
        let index = self.0.open_multimap_table(SESSIONS_OF_FAMILY).map_err(unavailable)?;
        let sessions = self.0.open_table(SESSIONS).map_err(unavailable)?;
        let mut found = Vec::new();
        for id in index.get(family.get()).map_err(unavailable)? {
            let id = SessionId::new(id.map_err(unavailable)?.value());
            found.extend(get(&sessions, id.get())?.map(|value| (id, value)));
        }
        Ok(found)
    }

    fn delete_session(
        &self,
        id: SessionId,
        value: &SessionValue,
        family: FamilyId,
        owner: &FamilyValue,
    ) -> Result<(), StoreError> {
        self.0.open_table(SESSIONS).map_err(unavailable)?.remove(id.get()).map_err(unavailable)?;
        let mut tokens = self.0.open_table(SESSION_TOKENS).map_err(unavailable)?;
        tokens.remove(&value.token).map_err(unavailable)?;
        let keys = [(SESSIONS_OF_USER, owner.user.get()), (SESSIONS_OF_FAMILY, family.get())];
        for (index, key) in keys {
            let mut index = self.0.open_multimap_table(index).map_err(unavailable)?;
            index.remove(key, id.get()).map_err(unavailable)?;
        }
        Ok(())
    }

    fn delete_family(&self, id: FamilyId, family: &FamilyValue) -> Result<(), StoreError> {
        self.0.open_table(FAMILIES).map_err(unavailable)?.remove(id.get()).map_err(unavailable)?;
        let mut index = self.0.open_multimap_table(FAMILIES_OF_USER).map_err(unavailable)?;
        index.remove(family.user.get(), id.get()).map_err(unavailable)?;
        Ok(())
    }

    fn purge_failures(&self, until: i64, limit: usize) -> Result<usize, StoreError> {
        let mut expired = Vec::new();
        let mut failures = self.0.open_table(FAILURES).map_err(unavailable)?;
        for row in failures.iter().map_err(unavailable)? {
            let (key, value) = row.map_err(unavailable)?;
            let (digest, scope) = key.value();
            let value: FailureValue = decode(value.value())?;
            if value.expires_at <= until && expired.len() < limit {
                expired.push((*digest, scope.to_owned()));
            }
        }
        for (digest, scope) in &expired {
            failures.remove((digest, scope.as_str())).map_err(unavailable)?;
        }
        Ok(expired.len())
    }
}
