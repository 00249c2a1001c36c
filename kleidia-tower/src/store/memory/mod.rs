//! A store in memory: for tests, and for services that may forget everybody when they end.

mod purge;
mod rows;
mod store;

pub use store::MemoryStore;
