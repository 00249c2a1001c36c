//! Maps errors of the database to errors of the store.

use std::fmt;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// An error of the server. Its details may contain values of rows, so they are dropped.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {})", .code.code())]
struct ServerError {
    code: SqlState,
    message: String,
}

/// An error of the connection, which is written with its cause.
#[derive(Debug)]
struct ConnectionError(Error);

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        match std::error::Error::source(error) {
            Some(cause) => write!(f, "{error}: {cause}"),
            None => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectionError {}

pub(super) fn store_error(error: Error) -> StoreError {
    match error.as_db_error() {
        Some(error) if *error.code() == SqlState::DATA_CORRUPTED => {
            StoreError::Corrupt("database file")
        }
        Some(error) => StoreError::unavailable(ServerError {
            code: error.code().clone(),
            message: error.message().to_owned(),
        }),
        None => StoreError::unavailable(ConnectionError(error)),
    }
}

/// Maps an error of reading a column. Its text may contain a value, so it is dropped.
pub(super) fn column_error(_: Error) -> StoreError {
    StoreError::Corrupt("column")
}

pub(super) fn pool_error(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => store_error(error),
        error => StoreError::unavailable(error),
    }
}

/// Whether the transaction was rolled back because of concurrent ones, and may be run again.
pub(super) fn is_conflict(error: &StoreError) -> bool {
    let StoreError::Unavailable(cause) = error else { return false };
    let conflicts = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    cause.downcast_ref::<ServerError>().is_some_and(|error| conflicts.contains(&error.code))
}
