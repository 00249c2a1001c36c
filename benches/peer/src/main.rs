//! A server with `axum-login` over the SQL stores of `tower-sessions`: `peer DATABASE-URL`.
//!
//! Prints its address and the cookie of a user who is logged in, and serves until its standard
//! input ends. Each request reads the session and then the user, as the library does by itself.

mod database;
mod server;

use std::error::Error;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

use crate::database::Users;

/// As many as the reads of the other server may use.
const CONNECTIONS: u32 = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: peer DATABASE-URL")?;
    if url.starts_with("postgres:") {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&url).await?;
        let store = PostgresStore::new(pool.clone());
        store.migrate().await?;
        server::run(Users::in_postgres(pool).await?, store).await
    } else {
        let options = url.parse::<SqliteConnectOptions>()?.create_if_missing(true);
        let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
        let store = SqliteStore::new(pool.clone());
        store.migrate().await?;
        server::run(Users::in_sqlite(pool).await?, store).await
    }
}
