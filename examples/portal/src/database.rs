//! The database: an SQLite file, or PostgreSQL.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use kleidia_tower::audit::{AuditKey, AuditKeyFiles, AuditStore as _, LogKey};
use kleidia_tower::store::{PostgresOptions, PostgresStore, SqliteStore, Store};
use kleidia_tower::{Clock, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};

use crate::BoxError;
use crate::arguments::AuditFiles;
use crate::settings::Settings;

const UNSUPPORTED: &str = "unsupported database URL, expected postgres://...";

/// Where the database is. It is printed without the password of a URL.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    File(PathBuf),
    Postgres(SecretString),
    /// The URL of another database.
    Unsupported,
}

/// An open database.
pub(crate) enum Database {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl FromStr for Location {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Self::Postgres(text.into()),
            Some(_) => Self::Unsupported,
            None => Self::File(text.into()),
        })
    }
}

impl Location {
    /// Returns the file of the keys of access tokens: by default it is next to the database file.
    pub(crate) fn keys(&self, given: Option<PathBuf>) -> Result<PathBuf, BoxError> {
        let needed = "a database on PostgreSQL needs --keys FILE or --vault URL, with the same keys on \
            all nodes";
        self.file_beside(given, ".keys", needed)
    }

    /// Returns the files of the audit log's key: by default they are next to the database file.
    pub(crate) fn audit_key(&self, given: &AuditFiles) -> Result<AuditKeyFiles, BoxError> {
        let needed =
            "a database on PostgreSQL needs --audit-key FILE, with the same key on all nodes";
        let key = self.file_beside(given.audit_key.clone(), ".audit-key", needed)?;
        let files = AuditKeyFiles::new(key);
        Ok(match &given.audit_checkpoint {
            Some(checkpoint) => files.with_checkpoint(checkpoint),
            None => files,
        })
    }

    fn file_beside(
        &self,
        given: Option<PathBuf>,
        ending: &str,
        needed: &str,
    ) -> Result<PathBuf, BoxError> {
        match (given, self) {
            (Some(path), _) => Ok(path),
            (None, Self::File(database)) => {
                let mut path = OsString::from(database);
                path.push(ending);
                Ok(path.into())
            }
            (None, Self::Postgres(_)) => Err(needed.into()),
            (None, Self::Unsupported) => Err(UNSUPPORTED.into()),
        }
    }

    /// Opens the database with the audit key in this file, which is created with a new SQLite file
    /// only: the log of an existing database has its key.
    pub(crate) async fn open_to_write(
        &self,
        audit: AuditKeyFiles,
        settings: &Settings,
    ) -> Result<Database, BoxError> {
        if matches!(self, Self::Unsupported) {
            return Err(UNSUPPORTED.into());
        }
        let key = audit.key().to_owned();
        let audit_key = if self.is_new_file()? {
            AuditKey::open_or_create(audit)
        } else if key.try_exists()? {
            AuditKey::open(audit)
        } else {
            return Err(self.missing_audit_key(&key).into());
        };
        let audit_key = audit_key.map_err(|error| format!("{}: {error}", key.display()))?;
        self.open(audit_key.into(), settings).await
    }

    fn is_new_file(&self) -> io::Result<bool> {
        let Self::File(path) = self else { return Ok(false) };
        match path.metadata() {
            Ok(metadata) => Ok(metadata.len() == 0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn missing_audit_key(&self, key: &Path) -> String {
        let remedy = match self {
            Self::File(_) => {
                "the database was created with an audit key, without which its log cannot \
                be continued"
            }
            _ => {
                "no such audit key; for a new database, create one with `portal audit create-key`, \
                and copy it to all nodes"
            }
        };
        format!("{}: {remedy}", key.display())
    }

    /// Fails if the file does not exist, for commands that must not create it.
    pub(crate) fn require(&self) -> Result<(), BoxError> {
        match self {
            Self::File(path) if !path.try_exists()? => {
                Err(format!("{}: no such database", path.display()).into())
            }
            _ => Ok(()),
        }
    }

    pub(crate) async fn open(
        &self,
        key: LogKey,
        settings: &Settings,
    ) -> Result<Database, BoxError> {
        if settings.database_connections.is_some() && !matches!(self, Self::Postgres(_)) {
            return Err("--database-connections needs a database on PostgreSQL".into());
        }
        match self {
            Self::File(path) => {
                let store = SqliteStore::open(path, key).await;
                let store = store.map_err(|error| format!("{}: {error}", path.display()))?;
                Ok(Database::Sqlite(Arc::new(store)))
            }
            Self::Postgres(url) => {
                let mut options = PostgresOptions::default();
                if let Some(max) = settings.database_connections {
                    let invalid = |error| format!("--database-connections: {error}");
                    options = options.with_max_connections(max).map_err(invalid)?;
                }
                let store = PostgresStore::open_with(url.expose_secret(), key, options).await?;
                Ok(Database::Postgres(Arc::new(store)))
            }
            Self::Unsupported => Err(UNSUPPORTED.into()),
        }
    }
}

impl Database {
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::<SqliteStore>::clone(store),
            Self::Postgres(store) => Arc::<PostgresStore>::clone(store),
        }
    }

    /// Returns the clock that all nodes share.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Sqlite(_) => Arc::new(SystemClock),
            Self::Postgres(store) => Arc::new(store.clock()),
        }
    }

    /// Returns a check of that clock.
    pub(crate) fn clock_check(
        &self,
    ) -> impl Fn() -> Result<(), http_guard::HealthError> + Clone + Send + Sync + use<> {
        let clock = match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => Some(store.clock()),
        };
        move || clock.as_ref().map_or(Ok(()), kleidia_tower::store::DatabaseClock::health)
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => {
                // What fails is done by another node, or at the next start.
                drop(store.seal().await);
                store.close();
            }
        }
    }
}
