//! A temporary database, and accounts, sessions and tokens by number.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::account::{Account, AccountStore as _, NewAccount, PasswordHash};
use kleidia_tower::lockout::{LoginAttempt, LoginSource};
use kleidia_tower::rbac::{Policy, RoleName, RoleRules};
use kleidia_tower::session::{NewSession, OpenOutcome, Rotation, SessionStore as _, SessionView};
use kleidia_tower::store::{ChangeContext, SqliteStore};
use kleidia_tower::{ClientInfo, Timestamp, TokenDigest, UserAgent, WrappedToken};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);

/// A database in a temporary directory.
pub(crate) struct TempDatabase {
    pub(crate) path: PathBuf,
    _directory: TempDir,
}

impl TempDatabase {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { path: directory.path().join("accounts.db"), _directory: directory }
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path).await.unwrap()
    }

    /// Opens a connection that does not belong to the store.
    pub(crate) async fn connect(&self) -> SqliteConnection {
        connect(&self.path).await
    }

    /// Executes statements on a separate connection.
    pub(crate) async fn execute(&self, statements: &'static str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Returns the path with this suffix.
    pub(crate) fn with_suffix(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

pub(crate) fn at(second: u64) -> ChangeContext {
    let user_agent = Some(UserAgent::new("Laptop/1.0"));
    let client = ClientInfo { address: "192.0.2.1".parse().ok(), user_agent };
    ChangeContext { at: NOW + Duration::from_secs(second), client, actor: None }
}

pub(crate) fn session_token(number: u32) -> TokenDigest {
    digest(1, number)
}

pub(crate) fn refresh_token(number: u32) -> TokenDigest {
    digest(2, number)
}

fn digest(kind: u8, number: u32) -> TokenDigest {
    let mut octets = [kind; 32];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    TokenDigest(octets)
}

pub(crate) fn hash(number: u32) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ${number}"))
}

/// Returns the rules for changes without a principal.
pub(crate) fn operator() -> RoleRules {
    RoleRules::for_operator(Policy::default())
}

pub(crate) fn new_account(name: &str) -> NewAccount {
    let roles = BTreeSet::from([RoleName::user()]);
    NewAccount { name: name.parse().unwrap(), roles, password: hash(0) }
}

pub(crate) async fn create(store: &SqliteStore, name: &str) -> Arc<Account> {
    store.create_account(new_account(name), &operator(), &at(0)).await.unwrap().value.unwrap()
}

/// Creates a session whose tokens have this number.
pub(crate) fn new_session(account: &Account, password: PasswordHash, token: u32) -> NewSession {
    NewSession {
        user: account.id,
        expected_hash: password,
        rehashed: None,
        token: session_token(token),
        refresh_token: refresh_token(token),
        expires_at: NOW + Duration::from_secs(3600),
        refresh_expires_at: NOW + Duration::from_secs(7 * 24 * 3600),
        attempt: LoginAttempt { name: account.name.clone(), source: LoginSource::new(None) },
    }
}

pub(crate) async fn log_in(store: &SqliteStore, account: &Account, token: u32) -> SessionView {
    let opened = store.open_session(new_session(account, hash(0), token), &at(0)).await.unwrap();
    match opened.value {
        OpenOutcome::Opened(view) => view,
        other => panic!("{other:?}"),
    }
}

/// Creates a rotation without a grace period.
pub(crate) fn rotation(presented: u32, successor: u32) -> Rotation {
    Rotation {
        presented: refresh_token(presented),
        successor: refresh_token(successor),
        wrapped: WrappedToken([7; 32]),
        session_token: session_token(successor),
        expires_at: NOW + Duration::from_secs(3600),
        refresh_expires_at: NOW + Duration::from_secs(7 * 24 * 3600),
        grace: Duration::ZERO,
    }
}
