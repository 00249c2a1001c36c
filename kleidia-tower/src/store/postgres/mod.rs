//! A store in a PostgreSQL database, which several nodes share.

mod accounts;
mod audit;
mod clock;
mod connections;
mod error;
mod events;
mod failures;
mod feed;
mod lease;
mod log;
mod migrations;
mod notification;
mod options;
mod personal;
mod purge;
mod reads;
mod records;
mod refresh_tokens;
mod sessions;
mod statements;
mod store;
mod tls;

pub use clock::DatabaseClock;
pub use options::PostgresOptions;
pub use store::PostgresStore;
