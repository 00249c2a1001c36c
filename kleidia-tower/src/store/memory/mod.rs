//! A store in memory: for tests, and for services that need no data after a restart.

mod accounts;
mod events;
mod failures;
mod log;
mod personal;
mod purge;
mod refresh_tokens;
mod sessions;
mod state;
mod store;

pub use store::MemoryStore;
