//! A temporary database.

use std::path::{Path, PathBuf};

use kleidia_tower::store::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

pub(crate) use crate::numbered::{
    NOW, at, audit_key, create, hash, log_in, new_account, new_session, operator, rotation,
    session_token, verified, verified_size,
};

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
        SqliteStore::open(&self.path, audit_key()).await.unwrap()
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
