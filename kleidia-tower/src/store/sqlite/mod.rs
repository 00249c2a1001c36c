//! A store in an SQLite file.

mod columns;
mod database;
mod error;
mod failures;
mod file;
mod migrations;
mod purge;
mod reads;
mod rows;
mod statements;

pub use database::{OpenError, SqliteOptions, SqliteStore};
