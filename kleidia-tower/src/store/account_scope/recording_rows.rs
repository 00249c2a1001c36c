//! The rows of a transaction, which record the accounts that are touched.

mod audit;
mod events;
mod failures;
mod personal;

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;

use super::AccountScope;
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::rbac::RoleName;
use crate::session::{AuthMethods, Session, SessionEnd};
use crate::store::StoreError;
use crate::store::rows::{
    AccountRows, Consumed, RefreshTokenRow, RefreshTokenRows, RevokedFamily, Rows, SessionRows,
};
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserId, UserName};

/// The users of families and sessions. No statement returns them.
#[derive(Default)]
pub(super) struct Owners {
    families: Mutex<HashMap<FamilyId, UserId>>,
    sessions: Mutex<HashMap<SessionId, UserId>>,
}

pub(super) struct RecordingRows<'a> {
    rows: &'a mut dyn Rows,
    owners: &'a Owners,
    /// The names of the accounts, which need not exist: failures have names only.
    touched: BTreeSet<String>,
    administration_is_locked: bool,
}

impl<'a> RecordingRows<'a> {
    pub(super) fn new(rows: &'a mut dyn Rows, owners: &'a Owners) -> Self {
        Self { rows, owners, touched: BTreeSet::new(), administration_is_locked: false }
    }

    pub(super) fn scope(&self) -> AccountScope {
        match (self.touched.len(), self.administration_is_locked) {
            (0 | 1, false) => AccountScope::One,
            (_, true) => AccountScope::Administration,
            (_, false) => AccountScope::Several,
        }
    }

    fn touch_name(&mut self, name: &UserName) {
        self.touched.insert(name.to_string());
    }

    /// An account that does not exist has no rows.
    async fn touch_user(&mut self, user: UserId) -> Result<(), StoreError> {
        let account = self.rows.account(AccountLookup::Id(user)).await?;
        self.touched.extend(account.map(|(account, _)| account.name.to_string()));
        Ok(())
    }

    async fn touch_session(&mut self, session: SessionId) -> Result<(), StoreError> {
        let user = self.owners.sessions.lock().unwrap().get(&session).copied();
        let Some(user) = user else { return Ok(()) };
        self.touch_user(user).await
    }

    async fn touch_families(&mut self, families: &[FamilyId]) -> Result<(), StoreError> {
        for family in families {
            let user = self.owners.families.lock().unwrap()[family];
            self.touch_user(user).await?;
        }
        Ok(())
    }

    async fn touch_token(&mut self, digest: &TokenDigest) -> Result<(), StoreError> {
        let Some(user) = self.rows.refresh_token_owner(digest).await? else { return Ok(()) };
        self.touch_user(user).await
    }
}

#[async_trait]
impl AccountRows for RecordingRows<'_> {
    async fn lock_administration(&mut self) -> Result<(), StoreError> {
        self.administration_is_locked = true;
        self.rows.lock_administration().await
    }

    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        match key {
            AccountLookup::Id(id) => self.touch_user(id).await?,
            AccountLookup::Name(name) => self.touch_name(name),
        }
        self.rows.account(key).await
    }

    async fn lock_account(
        &mut self,
        id: UserId,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        self.touch_user(id).await?;
        self.rows.lock_account(id).await
    }

    async fn insert_account(
        &mut self,
        new: &NewAccount,
        at: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        self.touch_name(&new.name);
        self.rows.insert_account(new, at).await
    }

    async fn set_roles(
        &mut self,
        user: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<(), StoreError> {
        self.touch_user(user).await?;
        self.rows.set_roles(user, roles).await
    }

    async fn rename_account(&mut self, user: UserId, name: &UserName) -> Result<bool, StoreError> {
        assert!(self.administration_is_locked, "touches two names");
        self.touch_user(user).await?;
        self.rows.rename_account(user, name).await
    }

    async fn set_must_change_password(
        &mut self,
        user: UserId,
        must_change: bool,
    ) -> Result<(), StoreError> {
        self.touch_user(user).await?;
        self.rows.set_must_change_password(user, must_change).await
    }

    async fn set_erased(&mut self, user: UserId) -> Result<(), StoreError> {
        self.touch_user(user).await?;
        self.rows.set_erased(user).await
    }

    async fn set_disabled(&mut self, user: UserId, is_disabled: bool) -> Result<(), StoreError> {
        self.touch_user(user).await?;
        self.rows.set_disabled(user, is_disabled).await
    }

    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError> {
        assert!(self.administration_is_locked, "reads all accounts");
        self.rows.has_other_enabled(than, roles).await
    }

    async fn set_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
        changed_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.touch_user(user).await?;
        self.rows.set_password(user, password, changed_at).await
    }
}

#[async_trait]
impl SessionRows for RecordingRows<'_> {
    async fn session(
        &mut self,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        self.touch_user(user).await?;
        self.rows.session(user, id).await
    }

    async fn insert_session(
        &mut self,
        session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError> {
        self.touch_user(session.user).await?;
        self.touch_families(&[session.family]).await?;
        let session = self.rows.insert_session(session, token).await?;
        self.owners.sessions.lock().unwrap().insert(session.id, session.user);
        Ok(session)
    }

    async fn extend_session(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        seen_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.touch_session(id).await?;
        self.rows.extend_session(id, expires_at, seen_at).await
    }

    async fn set_authentication(
        &mut self,
        id: SessionId,
        methods: AuthMethods,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.touch_session(id).await?;
        self.rows.set_authentication(id, methods, at).await
    }

    async fn set_agent_key(&mut self, id: SessionId, key: &str) -> Result<bool, StoreError> {
        self.touch_session(id).await?;
        self.rows.set_agent_key(id, key).await
    }

    async fn touch_sessions(&mut self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        for (id, _) in seen {
            self.touch_session(*id).await?;
        }
        self.rows.touch_sessions(seen).await
    }

    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.touch_user(user).await?;
        self.rows.active_sessions(user, now).await
    }

    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError> {
        self.touch_user(user).await?;
        self.rows.end_active_sessions(user, kept, end).await
    }

    async fn end_active_sessions_of_families(
        &mut self,
        families: &[FamilyId],
        end: SessionEnd,
    ) -> Result<Vec<(SessionId, FamilyId)>, StoreError> {
        self.touch_families(families).await?;
        self.rows.end_active_sessions_of_families(families, end).await
    }
}

#[async_trait]
impl RefreshTokenRows for RecordingRows<'_> {
    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError> {
        self.touch_user(user).await?;
        let family = self.rows.insert_family(user).await?;
        self.owners.families.lock().unwrap().insert(family, user);
        Ok(family)
    }

    async fn revoke_families(
        &mut self,
        families: &[FamilyId],
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        self.touch_families(families).await?;
        self.rows.revoke_families(families).await
    }

    async fn revoke_user_families(
        &mut self,
        user: UserId,
    ) -> Result<Vec<RevokedFamily>, StoreError> {
        self.touch_user(user).await?;
        self.rows.revoke_user_families(user).await
    }

    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError> {
        self.touch_user(user).await?;
        self.rows.excess_families(user, max, limit).await
    }

    async fn refresh_token_owner(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<UserId>, StoreError> {
        self.touch_token(digest).await?;
        self.rows.refresh_token_owner(digest).await
    }

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<(RefreshTokenRow, bool)>, StoreError> {
        self.touch_token(digest).await?;
        self.rows.refresh_token(digest).await
    }

    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        self.touch_families(&[row.family]).await?;
        self.touch_session(row.session).await?;
        self.rows.insert_refresh_token(row).await
    }

    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<bool, StoreError> {
        self.touch_token(digest).await?;
        self.rows.consume_refresh_token(digest, consumed).await
    }
}
