//! The rows in memory, to which an operation has exclusive access.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::account::{
    Account, AccountLookup, Factor, OneTimeCode, PasswordHash, Profile, StoredPassword,
};
use crate::audit::{AuditKey, AuditRecord, Checkpoint, LogHash};
use crate::session::{Session, SessionEvent, SessionLookup};
use crate::store::rows::{FailureRow, FailureScope, RefreshTokenRow, RegisteredKey, name_digest};
use crate::{FactorId, FamilyId, SessionId, Timestamp, TokenDigest, UserId, UserName};

/// The rows and their indexes.
#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<UserId, (Arc<Account>, StoredPassword)>,
    /// The accounts of all names, also of former ones.
    pub(super) names: HashMap<[u8; 32], UserId>,
    pub(super) profiles: HashMap<UserId, Profile>,
    pub(super) codes: HashMap<TokenDigest, OneTimeCode>,
    pub(super) factors: BTreeMap<FactorId, Factor>,
    pub(super) last_factor: i64,
    /// How many accounts have a hash with these parameters.
    pub(super) password_parameters: BTreeMap<String, usize>,
    pub(super) sessions: HashMap<SessionId, (Arc<Session>, TokenDigest)>,
    pub(super) tokens: HashMap<TokenDigest, SessionId>,
    /// The sessions of each user that were not ended.
    pub(super) find_sessions: HashMap<UserId, BTreeSet<SessionId>>,
    pub(super) families: HashMap<FamilyId, Family>,
    pub(super) families_of: HashMap<UserId, BTreeSet<FamilyId>>,
    pub(super) refresh_tokens: HashMap<TokenDigest, RefreshTokenRow>,
    pub(super) failures: HashMap<UserName, BTreeMap<FailureScope, FailureRow>>,
    pub(super) log: Log,
    /// What the current operation publishes.
    pub(super) events: Vec<SessionEvent>,
    pub(super) last_session: i64,
    pub(super) last_family: i64,
}

/// The audit log. The number of a record is its place, from 1 on, and sealed ones come first.
#[derive(Default)]
pub(super) struct Log {
    /// `None` only if the operating system provided no random octets for it.
    pub(super) key: Option<AuditKey>,
    pub(super) records: Vec<AuditRecord>,
    /// The number of sealed records.
    pub(super) sealed: usize,
    pub(super) hashes: Vec<LogHash>,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) registered_key: Option<RegisteredKey>,
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
            AccountLookup::Name(name) => {
                let found = self.accounts.get(self.names.get(&name_digest(name))?)?;
                (found.0.name == *name).then_some(found)
            }
        }
    }

    pub(super) fn find_session(&self, key: SessionLookup) -> Option<&Arc<Session>> {
        let id = match key {
            SessionLookup::Id(id) => id,
            SessionLookup::Token(digest) => *self.tokens.get(&digest)?,
        };
        self.sessions.get(&id).map(|(session, _)| session)
    }

    pub(super) fn is_revoked(&self, family: FamilyId) -> bool {
        self.families.get(&family).is_none_or(|family| family.is_revoked)
    }

    pub(super) fn session_not_ended(&mut self, id: SessionId) -> Option<&mut Session> {
        let (session, _) = self.sessions.get_mut(&id)?;
        session.end.is_none().then(|| Arc::make_mut(session))
    }

    pub(super) fn count_parameters(&mut self, password: &PasswordHash) {
        *self.password_parameters.entry(password.parameters().to_owned()).or_default() += 1;
    }

    pub(super) fn active<'a>(
        &'a self,
        ids: impl Iterator<Item = &'a SessionId>,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Session> {
        let sessions = ids.filter_map(|id| self.sessions.get(id));
        sessions.map(|(session, _)| &**session).filter(move |session| session.is_active(now))
    }
}
