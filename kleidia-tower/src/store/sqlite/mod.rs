//! A store in a file of SQLite's: the embedded default.

mod columns;
mod database;
mod error;
mod file;
mod migrations;
mod purge;
mod reads;
mod rows;

pub use database::{OpenError, SqliteOptions, SqliteStore};
