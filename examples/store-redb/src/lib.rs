//! A store for `kleidia-tower` in a file of `redb`: what a store of your own consists of.
//!
//! redb has one writing transaction at a time, so the statements take no locks, and readers that
//! see the last commit. The values are JSON.
//!
//! ```
//! use std::sync::Arc;
//!
//! use kleidia_tower::UserId;
//! use kleidia_tower::account::AccountStore;
//! use kleidia_tower::audit::AuditKey;
//! use kleidia_tower::store::rows::SealerTask;
//! use store_redb::RedbStore;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("accounts.redb");
//! let key = AuditKey::open_or_create(directory.path().join("accounts.audit-key"))?;
//! let store = Arc::new(RedbStore::open(&path, key)?);
//! let _sealer = SealerTask::spawn(Arc::clone(&store), SealerTask::DEFAULT_INTERVAL)?;
//! assert!(store.account(UserId::new(1)).await?.is_none());
//! # Ok(()) }
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod accounts;
mod audit;
mod failures;
mod log;
mod personal;
mod purge;
mod reads;
mod refresh_tokens;
mod sessions;
mod store;
mod tables;
mod values;

pub use store::RedbStore;
