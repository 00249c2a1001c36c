//! Errors from opening a database.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;

use super::StoreError;
use crate::audit::LogConflict;

/// An error from opening a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database cannot be created, reached or read, or is not a database of this crate.
    #[error("failed to open the database: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The schema was created by a newer version of this crate.
    #[error("unsupported schema version {version}, expected at most {latest}")]
    NewerVersion {
        /// The schema version of the database.
        version: i32,
        /// The newest supported version.
        latest: usize,
    },
    /// The schema is older, and the store was opened to verify the audit log only; 0 for an empty
    /// database.
    #[error(
        "unsupported schema version {version}, expected {latest}: start the service to migrate it"
    )]
    OlderVersion {
        /// The schema version of the database.
        version: i32,
        /// The supported version.
        latest: usize,
    },
    /// The database has another audit log than this process has known, or the log has another key.
    #[error(transparent)]
    Log(LogConflict),
    /// The database belongs to another application.
    #[cfg(feature = "sqlite")]
    #[error("the database belongs to application {application}")]
    OtherApplication {
        /// The application id in its header (`PRAGMA application_id`), often 0.
        application: i32,
    },
    /// The path does not name a file, such as `:memory:`. Use
    /// [`MemoryStore`](crate::store::MemoryStore) instead.
    #[cfg(feature = "sqlite")]
    #[error("not a file: {}", .0.display())]
    NotAFile(PathBuf),
    /// The URL of the database is malformed, or has an option that is not supported. The text does
    /// not repeat it, since it may contain a password.
    #[cfg(feature = "postgres")]
    #[error("malformed database URL, expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    MalformedUrl,
    /// The certificates of certification authorities cannot be read.
    #[cfg(feature = "postgres")]
    #[error("failed to read root certificates: {0}")]
    RootCertificates(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Log(conflict) => Self::Log(conflict),
            error => Self::Database(error.into()),
        }
    }
}
