//! The tables and indexes, and the statements on one row.

use kleidia_tower::store::StoreError;
use redb::{Key, MultimapTableDefinition, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value is JSON.
pub(crate) type Values<K> = TableDefinition<'static, K, &'static [u8]>;
/// A digest, as a key.
pub(crate) type Digest = &'static [u8; 32];

pub(crate) const ACCOUNTS: Values<i64> = TableDefinition::new("accounts");
/// The accounts of all names, also of former ones, by the digests of the names.
pub(crate) const NAMES: TableDefinition<Digest, i64> = TableDefinition::new("account_names");
pub(crate) const PROFILES: Values<i64> = TableDefinition::new("profiles");
pub(crate) const CODES: Values<Digest> = TableDefinition::new("one_time_codes");
pub(crate) const FACTORS: Values<i64> = TableDefinition::new("factors");
/// How many accounts have a hash with these parameters.
pub(crate) const PARAMETERS: TableDefinition<&str, u64> = TableDefinition::new("parameters");
pub(crate) const SESSIONS: Values<i64> = TableDefinition::new("sessions");
pub(crate) const SESSION_TOKENS: TableDefinition<Digest, i64> =
    TableDefinition::new("session_tokens");
/// The sessions of a user that were not ended.
pub(crate) const SESSIONS_OF_USER: MultimapTableDefinition<i64, i64> =
    MultimapTableDefinition::new("sessions_of_user");
pub(crate) const FAMILIES: Values<i64> = TableDefinition::new("families");
pub(crate) const FAMILIES_OF_USER: MultimapTableDefinition<i64, i64> =
    MultimapTableDefinition::new("families_of_user");
pub(crate) const SESSIONS_OF_FAMILY: MultimapTableDefinition<i64, i64> =
    MultimapTableDefinition::new("sessions_of_family");
pub(crate) const REFRESH_TOKENS: Values<Digest> = TableDefinition::new("refresh_tokens");
/// The failures, by the digest of the user name and the text of the scope.
pub(crate) const FAILURES: Values<(Digest, &str)> = TableDefinition::new("failures");
pub(crate) const RECORDS: Values<u64> = TableDefinition::new("records");
/// The records that are not sealed.
pub(crate) const UNSEALED: TableDefinition<u64, ()> = TableDefinition::new("unsealed");
/// The records of the leaves.
pub(crate) const LEAVES: TableDefinition<u64, u64> = TableDefinition::new("leaves");
pub(crate) const LEAF_OF_RECORD: TableDefinition<u64, u64> = TableDefinition::new("leaf_of_record");
pub(crate) const HASHES: TableDefinition<u64, [u8; 32]> = TableDefinition::new("hashes");
/// The last checkpoint, by its size.
pub(crate) const CHECKPOINTS: TableDefinition<u64, &str> = TableDefinition::new("checkpoints");
/// A verifier key of the log, and the last checkpoint of the previous key.
pub(crate) type KeyValue = (&'static str, Option<&'static str>);
/// The verifier keys of the log, by the first leaf that was sealed with them.
pub(crate) const KEYS: TableDefinition<u64, KeyValue> = TableDefinition::new("keys");
/// The last id of each kind: ids are never assigned again.
const LAST_IDS: TableDefinition<&str, i64> = TableDefinition::new("last_ids");

/// Creates the tables that do not exist.
pub(crate) fn create(transaction: &WriteTransaction) -> Result<(), StoreError> {
    for table in [ACCOUNTS, SESSIONS, FAMILIES, PROFILES, FACTORS] {
        transaction.open_table(table).map_err(unavailable)?;
    }
    for index in [SESSIONS_OF_USER, FAMILIES_OF_USER, SESSIONS_OF_FAMILY] {
        transaction.open_multimap_table(index).map_err(unavailable)?;
    }
    transaction.open_table(NAMES).map_err(unavailable)?;
    transaction.open_table(PARAMETERS).map_err(unavailable)?;
    transaction.open_table(SESSION_TOKENS).map_err(unavailable)?;
    transaction.open_table(CODES).map_err(unavailable)?;
    transaction.open_table(REFRESH_TOKENS).map_err(unavailable)?;
    transaction.open_table(FAILURES).map_err(unavailable)?;
    transaction.open_table(RECORDS).map_err(unavailable)?;
    transaction.open_table(UNSEALED).map_err(unavailable)?;
    for table in [LEAVES, LEAF_OF_RECORD] {
        transaction.open_table(table).map_err(unavailable)?;
    }
    transaction.open_table(HASHES).map_err(unavailable)?;
    transaction.open_table(CHECKPOINTS).map_err(unavailable)?;
    transaction.open_table(KEYS).map_err(unavailable)?;
    transaction.open_table(LAST_IDS).map_err(unavailable)?;
    Ok(())
}

/// Returns the next id of this kind.
pub(crate) fn next_id(transaction: &WriteTransaction, kind: &str) -> Result<i64, StoreError> {
    let mut last = transaction.open_table(LAST_IDS).map_err(unavailable)?;
    let id = last.get(kind).map_err(unavailable)?.map_or(0, |last| last.value()) + 1;
    last.insert(kind, id).map_err(unavailable)?;
    Ok(id)
}

/// Returns the value of a key.
pub(crate) fn get<K: Key + 'static, V: DeserializeOwned>(
    table: &impl ReadableTable<K, &'static [u8]>,
    key: K::SelfType<'_>,
) -> Result<Option<V>, StoreError> {
    let found = table.get(key).map_err(unavailable)?;
    found.map(|value| decode(value.value())).transpose()
}

/// Inserts or replaces the value of a key.
pub(crate) fn put<K: Key + 'static>(
    table: &mut Table<'_, K, &'static [u8]>,
    key: K::SelfType<'_>,
    value: &impl Serialize,
) -> Result<(), StoreError> {
    let value = serde_json::to_vec(value).map_err(|_| corrupt("value"))?;
    table.insert(key, value.as_slice()).map_err(unavailable)?;
    Ok(())
}

pub(crate) fn decode<V: DeserializeOwned>(value: &[u8]) -> Result<V, StoreError> {
    // The error could contain parts of the value.
    serde_json::from_slice(value).map_err(|_| corrupt("value"))
}

pub(crate) const fn corrupt(what: &'static str) -> StoreError {
    StoreError::Corrupt(what)
}

/// Maps the errors of redb. None contains values.
pub(crate) fn unavailable(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(_) => corrupt("file"),
        error => StoreError::unavailable(error),
    }
}
