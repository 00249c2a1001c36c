//! The process that is killed.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, Read as _, Write as _};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use kleidia_tower::SessionId;
use kleidia_tower::account::{Account, AccountLookup, AccountUpdate, PasswordChange, PasswordHash};
use kleidia_tower::audit::AuditRecord;
use kleidia_tower::session::{EndReason, OpenOutcome, RotationOutcome, SessionSelector};
use kleidia_tower::store::{Store, StoreError};

use crate::ack_log::hex;
use crate::database::Database;
use crate::numbered::{at, hash, new_session, operator, rotation};
use crate::operation::Operation;
use crate::{DATABASE, FIRST_TOKEN};

/// A user that performs random operations until the process or the database is killed.
struct Load {
    store: Arc<dyn Store>,
    account: Arc<Account>,
    tokens: Arc<AtomicU32>,
    password: PasswordHash,
    is_disabled: bool,
    /// The sessions of this process: their IDs in the store, and their refresh tokens.
    sessions: BTreeMap<u32, (SessionId, Option<u32>)>,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "child process of another test"]
async fn mixed_load() {
    std::thread::spawn(|| {
        // The pipe closes when the parent process exits.
        io::stdin().read_to_end(&mut Vec::new()).ok();
        process::exit(1);
    });
    let store = Database::open(&env::var(DATABASE).unwrap()).await.store();
    let tokens = env::var(FIRST_TOKEN).unwrap().parse().unwrap();
    let tokens = Arc::new(AtomicU32::new(tokens));
    let accounts = store.accounts(None, 100).await.unwrap();
    let mut loads = Vec::new();
    for account in accounts {
        loads.push(Load::new(Arc::clone(&store), account, Arc::clone(&tokens)).await);
    }
    // The database may be killed as soon as an operation is acknowledged.
    for load in join_all(loads.into_iter().map(|load| tokio::spawn(load.run()))).await {
        load.unwrap();
    }
}

impl Load {
    async fn new(store: Arc<dyn Store>, account: Arc<Account>, tokens: Arc<AtomicU32>) -> Self {
        let key = AccountLookup::Id(account.id);
        let (_, password) = store.account_with_password(key).await.unwrap().unwrap();
        let (password, is_disabled) = (password.current, account.is_disabled);
        let sessions = BTreeMap::new();
        Self { store, account, tokens, password, is_disabled, sessions }
    }

    async fn run(mut self) {
        loop {
            let operation = self.next_operation();
            let user = self.account.id;
            print_line(&format!("start {user} {operation}"));
            let records = match self.apply(operation).await {
                Ok(records) => records,
                // Whether it was committed is unknown.
                Err(error) => return print_line(&format!("failed {user} {error:?}")),
            };
            let records = records.iter();
            let records = records.map(|record| format!("{}={}", record.sequence, hex(&record.mac)));
            print_line(&format!("done {user} {}", records.collect::<Vec<_>>().join(" ")));
        }
    }

    fn next_number(&self) -> u32 {
        self.tokens.fetch_add(1, Ordering::Relaxed)
    }

    fn next_operation(&self) -> Operation {
        let any = fastrand::choice(self.sessions.keys().copied());
        let refreshable = self
            .sessions
            .iter()
            .filter_map(|(session, (_, token))| token.map(|presented| (*session, presented)));
        let refreshable = fastrand::choice(refreshable.collect::<Vec<_>>());
        if self.is_disabled {
            return Operation::Enable;
        }
        match (fastrand::u32(0..20), any, refreshable) {
            (0, ..) => Operation::Disable,
            (1, ..) => Operation::LogOutEverywhere,
            (2, kept, _) => {
                let kept = kept.filter(|_| fastrand::bool());
                Operation::ChangePassword { hash: self.next_number(), kept }
            }
            (3..6, Some(session), _) => Operation::LogOut { session },
            (6..14, _, Some((session, presented))) => {
                Operation::Refresh { session, presented, successor: self.next_number() }
            }
            _ => Operation::LogIn { session: self.next_number() },
        }
    }

    /// Applies an operation, and returns its audit records.
    async fn apply(&mut self, operation: Operation) -> Result<Vec<AuditRecord>, StoreError> {
        let (store, user) = (Arc::clone(&self.store), self.account.id);
        match operation {
            Operation::LogIn { session } => {
                let new = new_session(&self.account, self.password.clone(), session);
                let opened = store.open_session(new, &at(0)).await?;
                let OpenOutcome::Opened { session: view, .. } = opened.value else {
                    panic!("{:?}", opened.value)
                };
                self.sessions.insert(session, (view.session.id, Some(session)));
                Ok(opened.records)
            }
            Operation::Refresh { session, presented, successor } => {
                let rotation = rotation(presented, successor);
                let rotated = store.rotate_refresh_token(&rotation, &at(0)).await?;
                assert!(
                    matches!(rotated.value, RotationOutcome::Rotated { .. }),
                    "{:?}",
                    rotated.value
                );
                self.sessions.get_mut(&session).unwrap().1 = Some(successor);
                Ok(rotated.records)
            }
            Operation::LogOut { session } => {
                let (session, _) = self.sessions.remove(&session).unwrap();
                self.end(SessionSelector::One { user, session }).await
            }
            Operation::LogOutEverywhere => {
                self.sessions.clear();
                self.end(SessionSelector::All { user }).await
            }
            Operation::Disable | Operation::Enable => {
                self.is_disabled = operation == Operation::Disable;
                self.sessions.clear();
                let update = AccountUpdate { is_disabled: Some(self.is_disabled), roles: None };
                Ok(store.update_account(user, update, &operator(), &at(0)).await?.records)
            }
            Operation::ChangePassword { hash: number, kept } => {
                self.change_password(number, kept).await
            }
        }
    }

    async fn end(&self, which: SessionSelector) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(self.store.end_sessions(which, EndReason::Logout, &at(0)).await?.records)
    }

    async fn change_password(
        &mut self,
        number: u32,
        kept: Option<u32>,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.sessions.retain(|session, _| Some(*session) == kept);
        self.sessions.values_mut().for_each(|(_, token)| *token = None);
        let change = PasswordChange {
            user: self.account.id,
            expected_hash: self.password.clone(),
            new: hash(number),
            history: 3,
            kept_session: self.sessions.values().next().map(|(id, _)| *id),
        };
        self.password = hash(number);
        let changed = self.store.change_password(change, &at(0)).await?;
        assert!(changed.value);
        Ok(changed.records)
    }
}

/// Writes the line in one call, so that the pipe keeps it when this process is killed.
fn print_line(line: &str) {
    io::stderr().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}
