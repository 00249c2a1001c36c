//! The rows in memory, to which an operation has exclusive access.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;

use crate::account::{Account, AccountLookup, NewAccount, PasswordHash, StoredPassword};
use crate::audit::{AuditRecord, ChainHead};
use crate::rbac::RoleName;
use crate::session::{Session, SessionEnd, SessionLookup};
use crate::store::StoreError;
use crate::store::rows::{Consumed, FailureRow, FailureScope, RefreshTokenRow, Rows};
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserId, UserName};

/// The rows and their indexes.
#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<UserId, (Arc<Account>, StoredPassword)>,
    pub(super) names: HashMap<UserName, UserId>,
    /// How many accounts have a hash with these parameters.
    pub(super) password_parameters: BTreeMap<String, usize>,
    pub(super) sessions: HashMap<SessionId, (Arc<Session>, TokenDigest)>,
    pub(super) tokens: HashMap<TokenDigest, SessionId>,
    /// The sessions of each user that were not ended.
    pub(super) sessions_of: HashMap<UserId, BTreeSet<SessionId>>,
    pub(super) families: HashMap<FamilyId, Family>,
    pub(super) families_of: HashMap<UserId, BTreeSet<FamilyId>>,
    pub(super) refresh_tokens: HashMap<TokenDigest, RefreshTokenRow>,
    pub(super) failures: HashMap<UserName, BTreeMap<FailureScope, FailureRow>>,
    pub(super) records: Vec<AuditRecord>,
    last_session: i64,
    last_family: i64,
}

/// A family of refresh tokens, with the ids of its sessions.
#[derive(Default)]
pub(super) struct Family {
    pub(super) is_revoked: bool,
    pub(super) sessions: BTreeSet<SessionId>,
    /// The number of stored refresh tokens.
    pub(super) tokens: usize,
    /// The time at which the last refresh token expires.
    pub(super) expires_at: Timestamp,
}

impl State {
    pub(super) fn find_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Option<&(Arc<Account>, StoredPassword)> {
        match key {
            AccountLookup::Id(id) => self.accounts.get(&id),
            AccountLookup::Name(name) => self.accounts.get(self.names.get(name)?),
        }
    }

    pub(super) fn find_session(&self, key: SessionLookup) -> Option<&Arc<Session>> {
        let id = match key {
            SessionLookup::Id(id) => id,
            SessionLookup::Token(digest) => *self.tokens.get(&digest)?,
        };
        self.sessions.get(&id).map(|(session, _)| session)
    }

    fn count_parameters(&mut self, password: &PasswordHash) {
        *self.password_parameters.entry(password.parameters().to_owned()).or_default() += 1;
    }

    fn active<'a>(
        &'a self,
        ids: impl Iterator<Item = &'a SessionId>,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Session> {
        let sessions = ids.filter_map(|id| self.sessions.get(id));
        sessions.map(|(session, _)| &**session).filter(move |session| session.is_active(now))
    }
}

#[async_trait]
impl Rows for State {
    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        let found = self.find_account(key);
        Ok(found.map(|(account, password)| (Account::clone(account), password.clone())))
    }

    async fn insert_account(
        &mut self,
        new: NewAccount,
        at: Timestamp,
    ) -> Result<Account, StoreError> {
        let NewAccount { name, roles, password } = new;
        let id = self.accounts.last_key_value().map_or(1, |(last, _)| last.get() + 1);
        let id = UserId::new(id);
        let (created_at, password_changed_at) = (at, at);
        self.names.insert(name.clone(), id);
        let is_disabled = false;
        let account = Account { id, name, roles, is_disabled, created_at, password_changed_at };
        self.count_parameters(&password);
        let password = StoredPassword { current: password, previous: Vec::new() };
        self.accounts.insert(id, (Arc::new(account.clone()), password));
        Ok(account)
    }

    async fn update_account(&mut self, account: &Account) -> Result<(), StoreError> {
        if let Some((stored, _)) = self.accounts.get_mut(&account.id) {
            *stored = Arc::new(account.clone());
        }
        Ok(())
    }

    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError> {
        let mut accounts = self.accounts.values().map(|(account, _)| account);
        Ok(accounts.any(|account| {
            account.id != than && !account.is_disabled && !account.roles.is_disjoint(roles)
        }))
    }

    async fn update_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
    ) -> Result<(), StoreError> {
        if let Some((_, stored)) = self.accounts.get_mut(&user) {
            let previous = std::mem::replace(stored, password.clone());
            self.count_parameters(&password.current);
            if let Some(count) = self.password_parameters.get_mut(previous.current.parameters()) {
                *count = count.saturating_sub(1);
            }
        }
        Ok(())
    }

    async fn session(&mut self, key: SessionLookup) -> Result<Option<Session>, StoreError> {
        Ok(self.find_session(key).map(|session| Session::clone(session)))
    }

    async fn insert_session(
        &mut self,
        mut session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError> {
        self.last_session += 1;
        session.id = SessionId::new(self.last_session);
        self.tokens.insert(token, session.id);
        self.sessions_of.entry(session.user).or_default().insert(session.id);
        self.families.entry(session.family).or_default().sessions.insert(session.id);
        self.sessions.insert(session.id, (Arc::new(session.clone()), token));
        Ok(session)
    }

    async fn update_session(&mut self, session: &Session) -> Result<(), StoreError> {
        if let Some((stored, _)) = self.sessions.get_mut(&session.id) {
            *stored = Arc::new(session.clone());
        }
        if session.end.is_some()
            && let Some(sessions) = self.sessions_of.get_mut(&session.user)
        {
            sessions.remove(&session.id);
        }
        Ok(())
    }

    async fn touch_session(&mut self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        if let Some((session, _)) = self.sessions.get_mut(&id)
            && session.last_seen_at < at
        {
            Arc::make_mut(session).last_seen_at = at;
        }
        Ok(())
    }

    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let ids = self.sessions_of.get(&user).into_iter().flatten();
        Ok(self.active(ids, now).cloned().collect())
    }

    async fn active_sessions_of_family(
        &mut self,
        family: FamilyId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let ids = self.families.get(&family).into_iter().flat_map(|family| &family.sessions);
        Ok(self.active(ids, now).cloned().collect())
    }

    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError> {
        for mut session in self.active_sessions(user, end.at).await? {
            if Some(session.id) != kept {
                (session.end, session.agent_key) = (Some(end), None);
                self.update_session(&session).await?;
            }
        }
        Ok(())
    }

    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError> {
        self.last_family += 1;
        let id = FamilyId::new(self.last_family);
        self.families.insert(id, Family::default());
        self.families_of.entry(user).or_default().insert(id);
        Ok(id)
    }

    async fn is_family_revoked(&mut self, family: FamilyId) -> Result<bool, StoreError> {
        Ok(self.families.get(&family).is_none_or(|family| family.is_revoked))
    }

    async fn revoke_family(&mut self, family: FamilyId) -> Result<(), StoreError> {
        if let Some(family) = self.families.get_mut(&family) {
            family.is_revoked = true;
        }
        Ok(())
    }

    async fn revoke_families_of(&mut self, user: UserId) -> Result<(), StoreError> {
        for id in self.families_of.get(&user).into_iter().flatten() {
            if let Some(family) = self.families.get_mut(id) {
                family.is_revoked = true;
            }
        }
        Ok(())
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

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenRow>, StoreError> {
        Ok(self.refresh_tokens.get(digest).cloned())
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
    ) -> Result<(), StoreError> {
        if let Some(row) = self.refresh_tokens.get_mut(digest) {
            row.consumed = Some(consumed.clone());
        }
        Ok(())
    }

    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError> {
        Ok(self.failures.get(name).and_then(|rows| rows.get(&scope)).copied())
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        self.failures.entry(name.clone()).or_default().insert(scope, *row);
        Ok(())
    }

    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        let Some(rows) = self.failures.get_mut(name) else { return Ok(()) };
        rows.retain(|_, row| row.succeeded_at.is_some());
        for row in rows.values_mut() {
            let FailureRow { succeeded_at, expires_at, .. } = *row;
            *row = FailureRow { succeeded_at, expires_at, ..FailureRow::default() };
        }
        Ok(())
    }

    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError> {
        let Some(rows) = self.failures.get_mut(name) else { return Ok(()) };
        let devices = rows.iter().filter(|(scope, _)| matches!(scope, FailureScope::Device(_)));
        let mut devices: Vec<_> = devices.map(|(scope, row)| (row.succeeded_at, *scope)).collect();
        devices.sort_unstable_by(|one, other| other.cmp(one));
        for (_, scope) in devices.into_iter().skip(max) {
            rows.remove(&scope);
        }
        Ok(())
    }

    async fn chain_head(&mut self) -> Result<ChainHead, StoreError> {
        Ok(self.records.last().map(AuditRecord::head).unwrap_or_default())
    }

    async fn append_record(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        self.records.push(record.clone());
        Ok(())
    }
}
