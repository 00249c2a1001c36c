//! A store in an SQLite file.

mod accounts;
mod audit;
mod database;
mod error;
mod events;
mod failures;
mod file;
mod log;
mod migrations;
mod personal;
mod purge;
mod reads;
mod refresh_tokens;
mod sessions;
mod statements;

pub use database::{SqliteOptions, SqliteStore};
