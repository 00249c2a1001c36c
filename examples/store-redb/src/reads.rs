//! The reads of the store.

use std::sync::Arc;

use async_trait::async_trait;
use kleidia_tower::account::{
    Account, AccountLookup, CodePurpose, EmailAddress, Factor, OneTimeCode, Profile, StoredPassword,
};
use kleidia_tower::audit::{AuditQuery, AuditRecord, LogKey};
use kleidia_tower::session::{Session, SessionEvents, SessionLookup, SessionView};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{Operation, RefreshTokenState, Sealing, Transactional};
use kleidia_tower::{SessionId, Timestamp, TokenDigest, UserId};
use redb::ReadableTable as _;

use crate::store::RedbStore;
use crate::tables::{
    ACCOUNTS, CODES, FACTORS, FAMILIES, NAMES, PARAMETERS, PROFILES, RECORDS, REFRESH_TOKENS,
    SESSION_TOKENS, SESSIONS, SESSIONS_OF_USER, corrupt, decode, get, unavailable,
};
use crate::values::{AccountValue, FamilyValue, RefreshTokenValue};
use crate::{accounts, audit, personal, sessions};

#[async_trait]
impl Transactional for RedbStore {
    async fn read_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        let read = self.read()?;
        let table = read.open_table(ACCOUNTS).map_err(unavailable)?;
        let found = accounts::find(&table, &read.open_table(NAMES).map_err(unavailable)?, key)?;
        Ok(found.map(|(account, password)| (Arc::new(account), password)))
    }

    async fn read_accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let table = self.read()?.open_table(ACCOUNTS).map_err(unavailable)?;
        let first = after.map_or(i64::MIN, |after| after.get().saturating_add(1));
        let rows = table.range(first..).map_err(unavailable)?.take(limit);
        let accounts = rows.map(|row| {
            let (id, value) = row.map_err(unavailable)?;
            let value: AccountValue = decode(value.value())?;
            Ok(Arc::new(value.decode(UserId::new(id.value()))?.0))
        });
        accounts.collect()
    }

    async fn read_password_parameters(&self) -> Result<Vec<String>, StoreError> {
        let table = self.read()?.open_table(PARAMETERS).map_err(unavailable)?;
        let rows = table.iter().map_err(unavailable)?;
        rows.map(|row| Ok(row.map_err(unavailable)?.0.value().to_owned())).collect()
    }

    async fn read_profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        let profiles = self.read()?.open_table(PROFILES).map_err(unavailable)?;
        let mut found = Vec::new();
        for user in users {
            let profile = personal::profile(&profiles, *user)?;
            found.extend((profile != Profile::default()).then_some((*user, profile)));
        }
        Ok(found)
    }

    async fn read_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let profiles = self.read()?.open_table(PROFILES).map_err(unavailable)?;
        let mut users = personal::users_by_email(&profiles, address)?;
        users.truncate(limit);
        Ok(users)
    }

    async fn read_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        let codes = self.read()?.open_table(CODES).map_err(unavailable)?;
        personal::code(&codes, digest, purpose)
    }

    async fn read_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let factors = self.read()?.open_table(FACTORS).map_err(unavailable)?;
        personal::factors(&factors, |factor| factor.user == user)
    }

    async fn read_factor_by_credential(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        let factors = self.read()?.open_table(FACTORS).map_err(unavailable)?;
        let of = |factor: &Factor| factor.credential.as_deref() == Some(credential);
        Ok(personal::factors(&factors, of)?.pop())
    }

    async fn read_session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        let read = self.read()?;
        let id = match key {
            SessionLookup::Id(id) => Some(id),
            SessionLookup::Token(digest) => {
                let tokens = read.open_table(SESSION_TOKENS).map_err(unavailable)?;
                let found = tokens.get(&digest.0).map_err(unavailable)?;
                found.map(|id| SessionId::new(id.value()))
            }
        };
        let table = read.open_table(SESSIONS).map_err(unavailable)?;
        let session = id.map(|id| sessions::find(&table, id)).transpose()?.flatten();
        let Some(session) = session else { return Ok(None) };
        let table = read.open_table(ACCOUNTS).map_err(unavailable)?;
        let names = read.open_table(NAMES).map_err(unavailable)?;
        let account = accounts::find(&table, &names, AccountLookup::Id(session.user))?;
        let (account, _) = account.ok_or(corrupt("session: its account is missing"))?;
        Ok(Some(SessionView { session: Arc::new(session), account: Arc::new(account) }))
    }

    async fn read_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let read = self.read()?;
        let table = read.open_table(SESSIONS).map_err(unavailable)?;
        let index = read.open_multimap_table(SESSIONS_OF_USER).map_err(unavailable)?;
        let active = sessions::active(&table, &index, user.get(), now)?;
        Ok(active.into_iter().rev().map(Arc::new).collect())
    }

    async fn read_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenState>, StoreError> {
        let read = self.read()?;
        let tokens = read.open_table(REFRESH_TOKENS).map_err(unavailable)?;
        let found: Option<RefreshTokenValue> = get(&tokens, &digest.0)?;
        let Some(token) = found else { return Ok(None) };
        let token = token.decode(*digest)?;
        let sessions = read.open_table(SESSIONS).map_err(unavailable)?;
        let session = sessions::find(&sessions, token.session)?;
        let session = session.ok_or(corrupt("refresh token: its session is missing"))?;
        let accounts = read.open_table(ACCOUNTS).map_err(unavailable)?;
        let names = read.open_table(NAMES).map_err(unavailable)?;
        let account = accounts::find(&accounts, &names, AccountLookup::Id(session.user))?;
        let (account, _) = account.ok_or(corrupt("session: its account is missing"))?;
        let families = read.open_table(FAMILIES).map_err(unavailable)?;
        let family: Option<FamilyValue> = get(&families, token.family.get())?;
        let is_revoked = family.is_none_or(|family| family.is_revoked);
        Ok(Some(RefreshTokenState::new(&token, &session, &Arc::new(account), is_revoked)))
    }

    async fn read_records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let table = self.read()?.open_table(RECORDS).map_err(unavailable)?;
        let mut records = Vec::new();
        for row in table.iter().map_err(unavailable)?.rev() {
            if records.len() >= query.limit {
                break;
            }
            let (sequence, value) = row.map_err(unavailable)?;
            let record = audit::decode_record(sequence.value(), value.value())?;
            records.extend(query.matches(&record).then_some(record));
        }
        Ok(records)
    }

    fn log_key(&self) -> Result<&LogKey, StoreError> {
        Ok(&self.key)
    }

    fn sealing(&self) -> &Sealing {
        &self.sealing
    }

    fn events(&self) -> SessionEvents {
        self.events.clone()
    }

    async fn write<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        self.run(operation).await
    }

    async fn write_in_background<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let writer = self.writer().await;
        self.run_as(writer, operation).await
    }
}
