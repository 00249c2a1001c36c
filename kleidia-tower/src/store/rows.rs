//! What a store of your own implements: the rows within a transaction, and a way to run one.
//!
//! The operations of the store traits are implemented once, over the statements of [`Rows`]. A type
//! that implements [`Transactional`] implements all store traits but
//! [`PurgeStore`](super::PurgeStore), so with that one it is a [`Store`](super::Store). Stores cannot
//! differ in what a refresh or a lockout does. Run the test cases of
//! `store::conformance` (feature `conformance`) with it.
//!
//! The statements are in nine traits: [`AccountRows`], [`ProfileRows`], [`SessionRows`],
//! [`RefreshTokenRows`], [`FailureRows`], [`OneTimeCodeRows`], [`FactorRows`], [`AuditRows`] and
//! [`EventRows`]. Most are one statement of SQL. A statement on a row that does not exist changes
//! nothing and is no error.
//!
//! # Transactions
//!
//! [`Transactional::write`] runs an [`Operation`] in one transaction:
//!
//! - It is committed as a whole or not at all, and is durable before `write` returns.
//! - Each statement sees what the earlier ones of its transaction have written.
//! - No other transaction sees them before the commit.
//! - It may see what others commit meanwhile: READ COMMITTED is enough.
//!
//! # Locks
//!
//! Each operation first locks what its decisions depend on, in one order: the administration, the
//! account, the failures of a user name. So two operations never wait for
//! each other. Only a renaming locks the failures of two names, under the lock of the administration. A lock excludes other transactions that take the same one, until the end of the
//! transaction. Reads outside of transactions do not wait for locks.
//!
//! | lock | protects |
//! |---|---|
//! | [`lock_administration`](AccountRows::lock_administration) | the roles of all accounts, and whether they are disabled |
//! | [`lock_account`](AccountRows::lock_account) | an account, with its profile, sessions, families, refresh tokens, one-time codes and factors |
//! | [`lock_failures`](FailureRows::lock_failures) | all failures and devices of a user name, also if there are none yet |
//! | [`lock_sealing`](AuditRows::lock_sealing) | the Merkle log and its keys. Only the operations `seal`, `detach`, `check_key` and `replace_key` take it, and they take no other |
//!
//! No lock protects the records of the audit log, so that operations don't wait for each other to
//! append to it.
//!
//! **A store that runs one transaction at a time takes no locks**: these statements then only read.
//! A store with concurrent transactions must take every one of them, unless its transactions are
//! serialisable. Snapshot isolation is not enough: a login would survive a logout everywhere.
//!
//! A statement that says "unless" checks its condition and writes in one step, for the
//! transactions that take no lock of the account: [`SessionRows::touch_sessions`] and
//! [`PurgeStore::purge`](super::PurgeStore::purge).
//!
//! Apart from these two and [`AuditStore::append`](crate::audit::AuditStore::append), no
//! transaction touches rows of two accounts unless it locks the administration. The failures of a
//! user name are rows of the account with this name. So accounts can be spread over partitions.
//!
//! # Errors and retries
//!
//! After an error of a statement the transaction is rolled back, and the operation returns that
//! error. A store whose database rolls back transactions because of others (deadlocks,
//! serialisation failures) runs the operation again in a new transaction: a bounded number of
//! times, after a random delay. An operation can run any number of times. If it is unknown whether
//! a transaction was committed, return [`Unavailable`](super::StoreError::Unavailable); don't run
//! the operation again.
//!
//! Limit how many operations wait, and reject further ones with [`Busy`](super::StoreError::Busy).
//! A row that cannot be read is [`Corrupt`](super::StoreError::Corrupt). An error must not contain
//! values of rows, and a driver that logs parameters must be silenced: they are digests of tokens
//! and hashes of passwords.
//!
//! # Cancellation
//!
//! The caller may drop the future of [`Transactional::write`] at each of its awaits, since clients
//! disconnect. Then the transaction is rolled back, or committed as a whole if the commit has
//! begun. In both cases nothing may remain: no lock, no open transaction on a pooled connection, no
//! permit. Later operations must not wait for the dropped one, except for a commit in progress. The
//! operation borrows its arguments, so only the commit can move to a task or a thread of its own.
//! The cases `cancellation` of the conformance suite drop operations at each await.
//!
//! The same holds if a statement panics.
//!
//! # Events
//!
//! What caches and streams must learn, an operation [publishes](EventRows::publish). The rows
//! collect it, and the store publishes it in [`Transactional::events`] by a [`Publication`]: after
//! the commit, never before, and not after a rollback. If the commit goes on after the caller has
//! disconnected, the events follow it all the same, so publish them where it ends: in its task or
//! thread.
//!
//! # The audit log
//!
//! An operation appends [records](AuditRows::append_records), which are *unsealed* until the
//! operation `seal` appends them to a Merkle log. Keep the unsealed ones in a table of their own:
//! then a record that is committed late is not skipped. The log consists of the leaves, each the
//! number of a record, of the hashes of the tree, and of checkpoints. All of them are only
//! appended; reject other changes where the database can, but those of [`AuditRows::detach`].
//! [`LogReads`] are the reads that
//! verification and proofs need.
//!
//! Start a [`SealerTask`] for the store. Without it nothing is sealed but by
//! [`AuditStore::seal`](crate::audit::AuditStore::seal).
//!
//! # Values
//!
//! - **Times**: a store may drop fractions of seconds.
//! - **Ids**: the store assigns them, and never again: not after rows were deleted, and not after a
//!   restart. Those of the sessions and families of a user ascend. The upper bits of all ids of an
//!   account may name its partition.
//! - **Digests and wrapped tokens** have 32 octets. Neither is a credential, but an attacker who
//!   knows the digests learns which tokens belong together.
//! - **Text** has visible characters only, and bounded length ([`UserName`](crate::UserName),
//!   [`UserAgent`](crate::UserAgent), [`PasswordHash`](crate::account::PasswordHash)). Compare user names
//!   octet by octet: they are in canonical form.
//! - The types of rows get fields in later versions: store all of them.

mod accounts;
mod audit;
mod events;
mod factors;
mod failures;
mod one_time_codes;
mod profiles;
mod refresh_token_state;
mod refresh_tokens;
mod sessions;
#[cfg(test)]
mod tests;

pub use super::log_reads::{LOG_BATCH, LeafRow, LogReads, LogState, OrphanRecords, RegisteredKey};
pub use super::operation::{Operation, OperationFuture};
pub use super::sealer::{SealerTask, Sealing};
pub use super::transactional::Transactional;
pub use accounts::AccountRows;
pub use audit::{AuditRows, DetachedBatch, SealedBatch, UnsealedRecord};
pub use events::{EventRows, Publication};
pub use factors::FactorRows;
pub use failures::{FailureRow, FailureRows, FailureScope, name_digest};
pub use one_time_codes::OneTimeCodeRows;
pub use profiles::ProfileRows;
pub use refresh_token_state::RefreshTokenState;
pub(crate) use refresh_token_state::is_retry;
pub use refresh_tokens::{Consumed, RefreshTokenRow, RefreshTokenRows, RevokedFamily};
pub use sessions::SessionRows;

/// The rows that one transaction sees. Every type that implements the nine traits implements this
/// one.
///
/// The store commits or rolls back the transaction after the operation.
pub trait Rows:
    AccountRows
    + ProfileRows
    + SessionRows
    + RefreshTokenRows
    + FailureRows
    + OneTimeCodeRows
    + FactorRows
    + AuditRows
    + EventRows
{
}

impl<T> Rows for T where
    T: AccountRows
        + ProfileRows
        + SessionRows
        + RefreshTokenRows
        + FailureRows
        + OneTimeCodeRows
        + FactorRows
        + AuditRows
        + EventRows
{
}
