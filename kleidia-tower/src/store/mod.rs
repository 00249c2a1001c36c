//! Stores of accounts, sessions, failure counters and the audit log.

#[cfg(test)]
#[cfg(feature = "conformance")]
mod account_scope;
mod change;
mod cleanup;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod columns;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod log_continuity;
mod log_detachment;
mod log_hashes;
mod log_proof;
mod log_reads;
mod log_unsealed;
mod log_verification;
mod measured;
mod memory;
mod newest_checkpoint;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod open_error;
mod operation;
mod operations;
#[cfg(feature = "postgres")]
mod postgres;
mod purge;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod record_query;
pub mod rows;
mod sealer;
#[cfg(feature = "sqlite")]
mod sqlite;
mod transactional;
mod transactional_accounts;
mod transactional_factors;
mod transactional_failures;
mod transactional_profiles;
mod transactional_recovery;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod without_subscriber;

use crate::account::{AccountStore, FactorStore, ProfileStore, RecoveryStore};
use crate::audit::AuditStore;
use crate::lockout::FailureStore;
use crate::session::SessionStore;

pub use change::{ChangeContext, Committed};
pub use cleanup::{Cleanup, CleanupSettings};
pub use error::StoreError;
pub use memory::MemoryStore;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use open_error::OpenError;
#[cfg(feature = "postgres")]
pub use postgres::{DatabaseClock, PostgresOptions, PostgresStore};
pub use purge::{PurgeStore, Retention};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};

/// A complete store. Every type that implements the seven traits implements this one.
pub trait Store:
    AccountStore
    + ProfileStore
    + RecoveryStore
    + SessionStore
    + FactorStore
    + FailureStore
    + AuditStore
    + PurgeStore
{
}

impl<T> Store for T where
    T: AccountStore
        + ProfileStore
        + RecoveryStore
        + SessionStore
        + FactorStore
        + FailureStore
        + AuditStore
        + PurgeStore
{
}
