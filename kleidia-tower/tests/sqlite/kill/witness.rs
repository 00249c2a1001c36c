//! Who heard what was acknowledged, and looks into the store for it.

use std::collections::{BTreeMap, BTreeSet};

use kleidia_tower::UserId;
use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::audit::{
    AuditQuery, AuditRecord, AuditStore as _, ChainCheck, ChainHead, EventKind,
};
use kleidia_tower::session::{RotationOutcome, SessionLookup, SessionStore as _};
use kleidia_tower::store::SqliteStore;

use super::operation::Operation;
use super::person::Person;
use crate::people::{NOW, at, hash, refresh_token, rotation, session_token};

/// Who heard what was acknowledged.
pub(super) struct Witness {
    people: BTreeMap<UserId, Heard>,
    /// The end of the log when it was last looked at.
    head: ChainHead,
    pub(super) acknowledged: usize,
}

/// What was heard of somebody.
#[derive(Default)]
struct Heard {
    person: Person,
    /// What they began, and nobody acknowledged yet.
    pending: Option<Operation>,
    /// The records that were acknowledged since the last look: number, digest and kind.
    records: Vec<(String, EventKind)>,
    /// What was over when it was last looked at.
    looked_at: Person,
}

impl Witness {
    pub(super) async fn new(store: &SqliteStore) -> Self {
        let accounts = store.accounts(None, 100).await.unwrap();
        let people = accounts.iter().map(|account| (account.id, Heard::default())).collect();
        Self { people, head: end_of_log(store).await, acknowledged: 0 }
    }

    /// Hears a line of the process that was killed.
    pub(super) fn hear(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (verb, user, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
        let user = user.and_then(|user| user.parse::<UserId>().ok());
        let heard = user.and_then(|user| self.people.get_mut(&user));
        match (verb, heard) {
            (Some("start"), Some(heard)) => heard.pending = Some(rest.parse().unwrap()),
            (Some("done"), Some(heard)) => {
                let kinds = heard.person.play(heard.pending.take().unwrap());
                let records: Vec<_> = rest.split(' ').filter(|word| !word.is_empty()).collect();
                assert_eq!(records.len(), kinds.len(), "{line}: {kinds:?}");
                let records = records.into_iter().map(str::to_owned).zip(kinds);
                heard.records.extend(records);
                self.acknowledged += 1;
            }
            _ => panic!("{line}"),
        }
    }

    /// Whether something was begun that nobody acknowledged.
    pub(super) fn is_waiting(&self) -> bool {
        self.people.values().any(|heard| heard.pending.is_some())
    }

    /// Compares the store with what was heard. What was not acknowledged may be there or not, but
    /// as a whole and with its events.
    pub(super) async fn check(&mut self, store: &SqliteStore, mut token: u32) {
        let mut records = self.records_since(store).await;
        for (user, heard) in &mut self.people {
            heard.check_records(records.remove(user).unwrap_or_default());
            heard.check_account(store, *user).await;
            heard.check_sessions(store, &mut token).await;
        }
        assert!(records.is_empty(), "{records:?}");
        self.head = end_of_log(store).await;
    }

    /// Asks for all tokens that were ever revoked, and all sessions that ever ended.
    pub(super) async fn check_all_that_is_over(&self, store: &SqliteStore) {
        for heard in self.people.values() {
            check_over(store, &heard.person, &Person::default()).await;
        }
    }

    /// The records that are new, by the account.
    async fn records_since(&self, store: &SqliteStore) -> BTreeMap<UserId, Vec<AuditRecord>> {
        let check = store.verify_chain(self.head).await.unwrap();
        assert!(matches!(check, ChainCheck::Intact(_)), "{check:?}");
        end_of_log(store).await;
        let all = AuditQuery { limit: 1_000_000, ..AuditQuery::default() };
        let mut records = BTreeMap::<UserId, Vec<AuditRecord>>::new();
        for record in store.records(&all).await.unwrap().into_iter().rev() {
            if record.sequence > self.head.sequence {
                let user = record.user.as_ref().and_then(|user| user.id).unwrap();
                records.entry(user).or_default().push(record);
            }
        }
        records
    }
}

impl Heard {
    /// All that was acknowledged is recorded, and of what was not, all or nothing.
    fn check_records(&mut self, found: Vec<AuditRecord>) {
        let found = found
            .into_iter()
            .map(|record| (format!("{}={}", record.sequence, hex(&record.digest)), record.kind));
        let found: Vec<_> = found.collect();
        let (acknowledged, rest) = found
            .split_at_checked(self.records.len())
            .unwrap_or_else(|| panic!("{:?} were acknowledged, and found {found:?}", self.records));
        assert_eq!(acknowledged, self.records);
        self.records.clear();
        let pending = self.pending.take();
        if rest.is_empty() && !pending.is_some_and(is_silent(&self.person)) {
            return;
        }
        let kinds: Vec<_> = rest.iter().map(|(_, kind)| *kind).collect();
        let expected = self.person.play(pending.expect("nobody asked for these records"));
        assert_eq!(kinds, expected);
    }

    async fn check_account(&self, store: &SqliteStore, user: UserId) {
        let found = store.account_with_password(AccountLookup::Id(user)).await.unwrap();
        let (account, password) = found.unwrap();
        let expected = (self.person.is_disabled, hash(self.person.hash));
        assert_eq!((account.is_disabled, password.current), expected, "{user}");
    }

    /// What goes on can be used, and nothing else.
    async fn check_sessions(&mut self, store: &SqliteStore, token: &mut u32) {
        check_over(store, &self.person, &self.looked_at).await;
        for (session, refresh) in &mut self.person.sessions {
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
        self.looked_at = self.person.clone();
    }
}

/// Whether nothing is recorded of an operation, so that nobody can tell whether it was done: the
/// end of no session.
fn is_silent(person: &Person) -> impl Fn(Operation) -> bool {
    let has_sessions = !person.sessions.is_empty();
    move |operation| operation == Operation::LogOutEverywhere && !has_sessions
}

/// Nothing lives again that was over, and that was not found so before.
async fn check_over(store: &SqliteStore, person: &Person, before: &Person) {
    for session in person.ended_sessions.difference(&before.ended_sessions) {
        let key = SessionLookup::Token(session_token(*session));
        let view = store.session(key).await.unwrap().expect("a session was lost");
        assert!(!view.session.is_active(NOW), "session {session} lives again");
    }
    for token in new(&person.revoked, &before.revoked) {
        let refreshed =
            store.rotate_refresh_token(&rotation(token, 0), &at(0)).await.unwrap().value;
        let is_refused =
            matches!(refreshed, RotationOutcome::Invalid | RotationOutcome::AccountDisabled);
        assert!(is_refused, "{:?} lives again: {refreshed:?}", refresh_token(token));
    }
}

fn new(all: &BTreeSet<u32>, before: &BTreeSet<u32>) -> Vec<u32> {
    all.difference(before).copied().collect()
}

/// Where the log ends, which is verified from its beginning.
async fn end_of_log(store: &SqliteStore) -> ChainHead {
    match store.verify_chain(ChainHead::default()).await.unwrap() {
        ChainCheck::Intact(head) => head,
        broken @ ChainCheck::Broken { .. } => panic!("{broken:?}"),
    }
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"))
}
