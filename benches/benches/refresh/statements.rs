//! Checks that `pgbench` runs the statements of the library.

use std::collections::BTreeSet;

use test_servers::PostgresServer;
use tokio::runtime::Runtime;

use crate::people::People;
use crate::pgbench::Pgbench;

/// So many that statements of background work are told apart by their number.
const REFRESHES: u32 = 40;

/// Compares the statements that the server has counted.
pub(crate) fn check_same(runtime: &Runtime, server: &PostgresServer) {
    server.execute("postgres", "CREATE EXTENSION pg_stat_statements");
    let url = server.create_database();
    let database = url.rsplit('/').next().expect("a database");
    let mut people = runtime.block_on(People::new(&url));
    let library = counted(server, database, || runtime.block_on(people.refresh_once(REFRESHES)));
    let mut pgbench = Pgbench::new(server);
    let database = pgbench.database.clone();
    let baseline = counted(server, &database, || pgbench.run_once(REFRESHES));
    assert_eq!(library, baseline, "the statements of the library, and of pgbench");
    assert!(baseline.len() >= 10, "{baseline:?}");
}

/// Returns the statements that were executed once for each refresh.
fn counted(server: &PostgresServer, database: &str, run: impl FnOnce()) -> BTreeSet<String> {
    server.execute("postgres", "SELECT pg_stat_statements_reset()");
    run();
    let select = format!(
        "SELECT regexp_replace(query, '\\s+', ' ', 'g') FROM pg_stat_statements \
         JOIN pg_database ON pg_database.oid = dbid WHERE datname = '{database}' \
         AND calls = {REFRESHES} AND toplevel"
    );
    let statements = server.execute("postgres", &select);
    statements.lines().map(without_values).collect()
}

/// Removes what differs: a record is inserted from arrays by the library, from values by pgbench.
fn without_values(statement: &str) -> String {
    let is_record = statement.starts_with("WITH records AS (INSERT INTO audit ");
    if is_record { "INSERT INTO audit".to_owned() } else { statement.to_owned() }
}
