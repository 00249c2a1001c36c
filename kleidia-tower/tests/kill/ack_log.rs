//! The operations that the child acknowledged, and their comparison with the store.

use std::collections::{BTreeMap, BTreeSet};

use kleidia_tower::UserId;
use kleidia_tower::account::AccountLookup;
use kleidia_tower::audit::{AuditQuery, AuditRecord, Checkpoint, EventKind};
use kleidia_tower::session::{RotationOutcome, SessionLookup};
use kleidia_tower::store::Store;

use crate::numbered::{NOW, at, hash, refresh_token, rotation, session_token, verified};
use crate::operation::Operation;
use crate::user_state::UserState;

/// The acknowledged operations of all users.
pub(crate) struct AckLog {
    users: BTreeMap<UserId, UserLog>,
    /// The checkpoint of the audit log at the last check.
    checkpoint: Option<Checkpoint>,
    /// The numbers of the records that it seals.
    checked: BTreeSet<u64>,
    pub(crate) acknowledged: u32,
}

/// The acknowledged operations of a user.
#[derive(Default)]
struct UserLog {
    state: UserState,
    /// The operation that started and is not acknowledged yet.
    pending: Option<Operation>,
    /// The records that were acknowledged since the last check: number, code and kind.
    records: Vec<(String, EventKind)>,
    /// The state at the last check.
    checked: UserState,
}

impl AckLog {
    pub(crate) async fn new(store: &dyn Store) -> Self {
        let accounts = store.accounts(None, 100).await.unwrap();
        let users = accounts.iter().map(|account| (account.id, UserLog::default())).collect();
        let checkpoint = verified(store).await;
        let checked = all_records(store).await.iter().map(|record| record.sequence).collect();
        Self { users, checkpoint, checked, acknowledged: 0 }
    }

    /// Reads a line of output of the child.
    pub(crate) fn read_line(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (verb, user, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
        let user = user.and_then(|user| user.parse::<UserId>().ok());
        let log = user.and_then(|user| self.users.get_mut(&user));
        match (verb, log) {
            (Some("start"), Some(log)) => log.pending = Some(rest.parse().unwrap()),
            (Some("done"), Some(log)) => {
                let kinds = log.state.apply(log.pending.take().unwrap());
                let records: Vec<_> = rest.split(' ').filter(|word| !word.is_empty()).collect();
                assert_eq!(records.len(), kinds.len(), "{line}: {kinds:?}");
                let records = records.into_iter().map(str::to_owned).zip(kinds);
                log.records.extend(records);
                self.acknowledged += 1;
            }
            // The operation remains pending.
            (Some("failed"), Some(_)) => {}
            _ => panic!("{line}"),
        }
    }

    /// Returns whether an operation started and is not acknowledged.
    pub(crate) fn has_pending(&self) -> bool {
        self.users.values().any(|log| log.pending.is_some())
    }

    /// Compares the store with the acknowledged operations. A pending operation may be missing, but
    /// not partial.
    pub(crate) async fn check(&mut self, store: &dyn Store, mut token: u32) {
        let mut records = self.records_since(store).await;
        for (user, log) in &mut self.users {
            log.check_records(records.remove(user).unwrap_or_default());
            log.check_account(store, *user).await;
            log.check_sessions(store, &mut token).await;
        }
        assert!(records.is_empty(), "{records:?}");
        self.checkpoint = verified(store).await;
        let records = all_records(store).await;
        self.checked = records.iter().map(|record| record.sequence).collect();
    }

    /// Checks all revoked tokens and ended sessions.
    pub(crate) async fn check_all_revoked(&self, store: &dyn Store) {
        for log in self.users.values() {
            check_revoked(store, &log.state, &UserState::default()).await;
        }
    }

    /// Returns the records since the last check, by account.
    async fn records_since(&self, store: &dyn Store) -> BTreeMap<UserId, Vec<AuditRecord>> {
        store.seal().await.unwrap();
        let verification = store.verify(self.checkpoint.as_ref()).await.unwrap();
        assert!(verification.is_intact(), "{:?}", verification.faults());
        let mut records = BTreeMap::<UserId, Vec<AuditRecord>>::new();
        for record in all_records(store).await.into_iter().rev() {
            if !self.checked.contains(&record.sequence) {
                let user = record.user.as_ref().and_then(|user| user.id).unwrap();
                records.entry(user).or_default().push(record);
            }
        }
        records
    }
}

impl UserLog {
    /// Checks that acknowledged operations are recorded, and a pending one entirely or not at all.
    fn check_records(&mut self, found: Vec<AuditRecord>) {
        let found = found
            .into_iter()
            .map(|record| (format!("{}={}", record.sequence, hex(&record.mac)), record.kind));
        let found: Vec<_> = found.collect();
        let (acknowledged, rest) = found
            .split_at_checked(self.records.len())
            .unwrap_or_else(|| panic!("acknowledged {:?}, found {found:?}", self.records));
        assert_eq!(acknowledged, self.records);
        self.records.clear();
        let pending = self.pending.take();
        if rest.is_empty() && !pending.is_some_and(records_nothing(&self.state)) {
            return;
        }
        let kinds: Vec<_> = rest.iter().map(|(_, kind)| *kind).collect();
        let expected = self.state.apply(pending.expect("no operation has these records"));
        assert_eq!(kinds, expected);
    }

    async fn check_account(&self, store: &dyn Store, user: UserId) {
        let found = store.account_with_password(AccountLookup::Id(user)).await.unwrap();
        let (account, password) = found.unwrap();
        let expected = (self.state.is_disabled, hash(self.state.hash));
        assert_eq!((account.is_disabled, password.current), expected, "{user}");
    }

    /// Checks that exactly the active sessions and their tokens are valid.
    async fn check_sessions(&mut self, store: &dyn Store, token: &mut u32) {
        check_revoked(store, &self.state, &self.checked).await;
        for (session, refresh) in &mut self.state.sessions {
            let key = SessionLookup::Token(session_token(*session));
            let view = store.session(key).await.unwrap().expect("a session was lost");
            assert!(view.session.is_active(NOW), "session {session} was ended");
            if let Some(presented) = *refresh {
                *token += 1;
                let refreshed =
                    store.rotate_refresh_token(&rotation(presented, *token), &at(0)).await.unwrap();
                let refreshed = refreshed.value;
                assert!(
                    matches!(refreshed, RotationOutcome::Rotated { .. }),
                    "{presented}: {refreshed:?}"
                );
                *refresh = Some(*token);
            }
        }
        self.checked = self.state.clone();
    }
}

/// Returns whether an operation has no records, so that its outcome is unknown: a logout without
/// sessions.
fn records_nothing(state: &UserState) -> impl Fn(Operation) -> bool {
    let has_sessions = !state.sessions.is_empty();
    move |operation| operation == Operation::LogOutEverywhere && !has_sessions
}

/// Checks that sessions and tokens that ended since the previous check are still invalid.
async fn check_revoked(store: &dyn Store, state: &UserState, before: &UserState) {
    for session in state.ended_sessions.difference(&before.ended_sessions) {
        let key = SessionLookup::Token(session_token(*session));
        let view = store.session(key).await.unwrap().expect("a session was lost");
        assert!(!view.session.is_active(NOW), "session {session} is active again");
    }
    for token in newly_added(&state.revoked, &before.revoked) {
        let refreshed =
            store.rotate_refresh_token(&rotation(token, 0), &at(0)).await.unwrap().value;
        let is_rejected =
            matches!(refreshed, RotationOutcome::Invalid | RotationOutcome::AccountDisabled);
        assert!(is_rejected, "{:?} is valid again: {refreshed:?}", refresh_token(token));
    }
}

fn newly_added(all: &BTreeSet<u32>, before: &BTreeSet<u32>) -> Vec<u32> {
    all.difference(before).copied().collect()
}

async fn all_records(store: &dyn Store) -> Vec<AuditRecord> {
    let all = AuditQuery { limit: 1_000_000, ..AuditQuery::default() };
    store.records(&all).await.unwrap()
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"))
}
