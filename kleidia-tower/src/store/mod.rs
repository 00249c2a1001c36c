//! Stores of accounts, sessions, failure counters and the audit log.

mod change;
mod cleanup;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod memory;
mod operations;
mod purge;
pub(crate) mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;
mod transactional;

use crate::account::AccountStore;
use crate::audit::AuditStore;
use crate::lockout::FailureStore;
use crate::session::SessionStore;

pub use change::{ChangeContext, Committed};
pub use cleanup::{Cleanup, CleanupSettings};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use purge::{PurgeStore, Retention};
#[cfg(feature = "sqlite")]
pub use sqlite::{OpenError, SqliteOptions, SqliteStore};

/// A complete store. Every type that implements the five traits implements this one.
pub trait Store: AccountStore + SessionStore + FailureStore + AuditStore + PurgeStore {}

impl<T: AccountStore + SessionStore + FailureStore + AuditStore + PurgeStore> Store for T {}
