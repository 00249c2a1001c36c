//! A store for `kleidia-tower` in a file of `redb`: what a store of your own consists of.
//!
//! redb has one writing transaction at a time, so the statements take no locks, and readers that see
//! the last commit. The values are JSON.
//!
//! ```
//! use kleidia_tower::UserId;
//! use kleidia_tower::account::AccountStore;
//! use store_redb::RedbStore;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("accounts.redb");
//! let store = RedbStore::open(&path)?;
//! assert!(store.account(UserId::new(1)).await?.is_none());
//! # Ok(()) }
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod accounts;
mod audit;
mod failures;
mod purge;
mod reads;
mod refresh_tokens;
mod sessions;
mod store;
mod tables;
mod values;

pub use store::RedbStore;
