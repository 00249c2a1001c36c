//! A store in memory: for tests, and for services that need no data after a restart.

mod purge;
mod rows;
mod store;

pub use store::MemoryStore;
