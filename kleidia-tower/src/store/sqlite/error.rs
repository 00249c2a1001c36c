//! What went wrong in the database, as stores tell it.

use crate::store::StoreError;

const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;

/// What can't be read is corrupt; all else is unavailable. Values are bound to statements, so that
/// none is in an error.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    match (&error, primary_code(&error)) {
        (_, Some(SQLITE_CORRUPT | SQLITE_NOTADB)) => StoreError::Corrupt("database file"),
        // What a column holds may be in the text of these.
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _) => {
            StoreError::Corrupt("column")
        }
        _ => StoreError::unavailable(error),
    }
}

/// The primary result code (<https://sqlite.org/rescode.html>).
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}
