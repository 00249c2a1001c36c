//! A store whose operations are not recorded: the baseline of the audit log.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use kleidia_tower::account::{
    Account, AccountLookup, CodePurpose, EmailAddress, Factor, NewAccount, OneTimeCode, Profile,
    StoredPassword,
};
use kleidia_tower::audit::{AuditKey, AuditQuery, AuditRecord, LogHash, LogKey};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::{
    AuthMethods, Session, SessionEnd, SessionEvent, SessionEvents, SessionLookup, SessionView,
};
use kleidia_tower::store::rows::{
    AccountRows, AuditRows, Consumed, EventRows, FactorRows, FailureRow, FailureRows, FailureScope,
    LeafRow, LogReads, LogState, OneTimeCodeRows, Operation, OrphanRecords, ProfileRows,
    RefreshTokenRow, RefreshTokenRows, RefreshTokenState, RegisteredKey, RevokedFamily, Rows,
    SealedBatch, Sealing, SessionRows, Transactional, UnsealedRecord,
};
use kleidia_tower::store::{PostgresStore, StoreError};
use kleidia_tower::{FactorId, FamilyId, SessionId, Timestamp, TokenDigest, UserId, UserName};

/// A store that runs the same transactions, without the records of the audit log.
pub(crate) struct Unrecorded(pub(crate) PostgresStore);

struct UnrecordedRows<'a>(&'a mut dyn Rows);

/// Implements a trait by the inner rows, with further methods.
macro_rules! forward {
    ($trait:ident {
        $(fn $name:ident($($argument:ident: $of:ty),*) -> $output:ty;)*
    } $($further:tt)*) => {
        #[async_trait]
        impl $trait for UnrecordedRows<'_> {
            $(async fn $name(&mut self, $($argument: $of),*) -> Result<$output, StoreError> {
                self.0.$name($($argument),*).await
            })*

            $($further)*
        }
    };
}

forward!(AccountRows {
    fn lock_administration() -> ();
    fn account(key: AccountLookup<'_>) -> Option<(Account, StoredPassword)>;
    fn lock_account(id: UserId) -> Option<(Account, StoredPassword)>;
    fn insert_account(new: &NewAccount, at: Timestamp) -> Option<Account>;
    fn set_roles(user: UserId, roles: &BTreeSet<RoleName>) -> ();
    fn rename_account(user: UserId, name: &UserName) -> bool;
    fn set_must_change_password(user: UserId, must_change: bool) -> ();
    fn set_erased(user: UserId) -> ();
    fn set_disabled(user: UserId, is_disabled: bool) -> ();
    fn has_other_enabled(than: UserId, roles: &BTreeSet<RoleName>) -> bool;
    fn set_password(user: UserId, password: &StoredPassword, at: Option<Timestamp>) -> ();
});

forward!(ProfileRows {
    fn profile(user: UserId) -> Profile;
    fn put_profile(user: UserId, profile: &Profile) -> ();
});

forward!(OneTimeCodeRows {
    fn code(digest: &TokenDigest, purpose: CodePurpose) -> Option<OneTimeCode>;
    fn insert_code(code: &OneTimeCode) -> ();
    fn take_code(digest: &TokenDigest, purpose: CodePurpose) -> Option<OneTimeCode>;
    fn delete_codes(user: UserId, purpose: Option<CodePurpose>) -> u64;
});

forward!(FactorRows {
    fn factors(user: UserId) -> Vec<Factor>;
    fn factor_by_credential(credential: &[u8]) -> Option<Factor>;
    fn insert_factor(factor: Factor) -> Option<Factor>;
    fn update_factor(factor: &Factor) -> bool;
    fn delete_factor(user: UserId, id: FactorId) -> bool;
    fn delete_factors(user: UserId) -> u64;
});

forward!(SessionRows {
    fn session(user: UserId, id: SessionId) -> Option<Session>;
    fn insert_session(session: Session, token: TokenDigest) -> Session;
    fn extend_session(id: SessionId, expires_at: Timestamp, seen_at: Timestamp) -> bool;
    fn set_authentication(id: SessionId, methods: AuthMethods, at: Timestamp) -> bool;
    fn set_agent_key(id: SessionId, key: &str) -> bool;
    fn touch_sessions(seen: &[(SessionId, Timestamp)]) -> ();
    fn active_sessions(user: UserId, now: Timestamp) -> Vec<Session>;
    fn end_active_sessions(user: UserId, kept: Option<SessionId>, end: SessionEnd) -> ();
    fn end_active_sessions_of_families(
        families: &[FamilyId],
        end: SessionEnd
    ) -> Vec<(SessionId, FamilyId)>;
});

forward!(RefreshTokenRows {
    fn insert_family(user: UserId) -> FamilyId;
    fn revoke_families(families: &[FamilyId]) -> Vec<RevokedFamily>;
    fn revoke_user_families(user: UserId) -> Vec<RevokedFamily>;
    fn excess_families(user: UserId, max: usize, limit: usize) -> Vec<FamilyId>;
    fn refresh_token_owner(digest: &TokenDigest) -> Option<UserId>;
    fn refresh_token(digest: &TokenDigest) -> Option<(RefreshTokenRow, bool)>;
    fn insert_refresh_token(row: &RefreshTokenRow) -> ();
    fn consume_refresh_token(digest: &TokenDigest, consumed: &Consumed) -> bool;
});

forward!(FailureRows {
    fn lock_failures(name: &UserName) -> Option<FailureRow>;
    fn failures(name: &UserName, scope: FailureScope) -> Option<FailureRow>;
    fn put_failures(name: &UserName, scope: FailureScope, row: &FailureRow) -> ();
    fn clear_failures(name: &UserName) -> ();
    fn move_failures(from: &UserName, to: &UserName) -> ();
    fn delete_failures(name: &UserName) -> ();
    fn delete_excess_devices(name: &UserName, max: usize) -> ();
});

forward!(EventRows {
    fn publish(events: Vec<SessionEvent>) -> ();
});

forward!(AuditRows {
    fn next_sequences(count: usize) -> Vec<u64>;
    fn lock_sealing(waits: bool) -> bool;
    fn registered_key() -> Option<RegisteredKey>;
    fn register_key(key: &RegisteredKey) -> ();
    fn last_checkpoint() -> Option<String>;
    fn unsealed_records(after: u64, limit: usize) -> Vec<UnsealedRecord>;
    fn log_hashes(positions: &[u64]) -> Vec<LogHash>;
    fn append_sealed(batch: &SealedBatch) -> ();
}
    fn audit_key(&self) -> Result<AuditKey, StoreError> {
        self.0.audit_key()
    }

    /// Appends nothing.
    async fn append_records(&mut self, _: &[AuditRecord]) -> Result<(), StoreError> {
        Ok(())
    }
);

#[async_trait]
impl Transactional for Unrecorded {
    async fn read_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        self.0.read_account(key).await
    }

    async fn read_accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        self.0.read_accounts(after, limit).await
    }

    async fn read_password_parameters(&self) -> Result<Vec<String>, StoreError> {
        self.0.read_password_parameters().await
    }

    async fn read_profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        self.0.read_profiles(users).await
    }

    async fn read_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        self.0.read_users_by_email(address, limit).await
    }

    async fn read_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.0.read_code(digest, purpose).await
    }

    async fn read_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.0.read_factors(user).await
    }

    async fn read_factor_by_credential(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        self.0.read_factor_by_credential(credential).await
    }

    async fn read_session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        self.0.read_session(key).await
    }

    async fn read_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.0.read_sessions(user, now).await
    }

    async fn read_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenState>, StoreError> {
        self.0.read_refresh_token(digest).await
    }

    async fn read_records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.0.read_records(query).await
    }

    fn log_key(&self) -> Result<&LogKey, StoreError> {
        self.0.log_key()
    }

    fn sealing(&self) -> &Sealing {
        self.0.sealing()
    }

    fn events(&self) -> SessionEvents {
        self.0.events()
    }

    async fn write<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let unrecorded = operation.on_wrapped_rows(|rows| Box::new(UnrecordedRows(rows)));
        self.0.write(unrecorded).await
    }
}

#[async_trait]
impl LogReads for Unrecorded {
    async fn read_log_state(&self) -> Result<LogState, StoreError> {
        self.0.read_log_state().await
    }

    async fn read_first_leaf(&self) -> Result<Option<i64>, StoreError> {
        self.0.read_first_leaf().await
    }

    async fn read_leaves(&self, from: u64, until: u64) -> Result<Vec<LeafRow>, StoreError> {
        self.0.read_leaves(from, until).await
    }

    async fn find_leaf(&self, record: u64) -> Result<Option<LeafRow>, StoreError> {
        self.0.find_leaf(record).await
    }

    async fn read_hashes(&self, from: u64, until: u64) -> Result<Vec<(u64, LogHash)>, StoreError> {
        self.0.read_hashes(from, until).await
    }

    async fn read_hashes_at(&self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        self.0.read_hashes_at(positions).await
    }

    async fn read_unsealed(&self, after: u64) -> Result<Vec<UnsealedRecord>, StoreError> {
        self.0.read_unsealed(after).await
    }

    async fn read_orphan_records(
        &self,
        after: i64,
        first_leaf: u64,
    ) -> Result<Option<OrphanRecords>, StoreError> {
        self.0.read_orphan_records(after, first_leaf).await
    }
}
