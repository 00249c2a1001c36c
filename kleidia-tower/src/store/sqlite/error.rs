//! Maps errors of the database to errors of the store.

use crate::store::StoreError;

const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;

/// Maps invalid data to `Corrupt`, and all other errors to `Unavailable`. Values are bound to
/// statements, so errors of statements do not contain them.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match (&error, primary_code(&error)) {
        (_, Some(SQLITE_CORRUPT | SQLITE_NOTADB)) => StoreError::Corrupt("database file"),
        // The messages of these errors may contain values, so they are dropped.
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _) => {
            StoreError::Corrupt("column")
        }
        _ => StoreError::unavailable(error),
    }
}

/// Returns the primary result code (<https://sqlite.org/rescode.html>).
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}
