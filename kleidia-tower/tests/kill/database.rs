//! The database that the tests and their child processes open.

use std::sync::Arc;

use kleidia_tower::store::{PostgresStore, SqliteStore, Store};

use crate::numbered::audit_key;

/// An open database.
pub(crate) enum Database {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Database {
    /// Opens a URL of PostgreSQL, or an SQLite file.
    pub(crate) async fn open(location: &str) -> Self {
        if location.starts_with("postgres://") {
            Self::Postgres(Arc::new(PostgresStore::open(location, audit_key()).await.unwrap()))
        } else {
            Self::Sqlite(Arc::new(SqliteStore::open(location, audit_key()).await.unwrap()))
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::<SqliteStore>::clone(store),
            Self::Postgres(store) => Arc::<PostgresStore>::clone(store),
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close(),
        }
    }
}
