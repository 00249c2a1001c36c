//! Checks that `pgbench` runs the statements of the library.

use std::collections::BTreeSet;

use test_servers::PostgresServer;

use super::Pgbench;

/// So many that background work executes each of its statements less often.
pub(crate) const OPERATIONS: u32 = 40;

/// Compares the statements that the server counts for [`OPERATIONS`] of the library, and of
/// pgbench.
pub(crate) fn check_same(
    server: &PostgresServer,
    database: &str,
    library: impl FnOnce(),
    pgbench: &mut Pgbench<'_>,
    script: &str,
) {
    server.execute("postgres", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    let library = counted(server, database, library);
    let database = pgbench.database.clone();
    let baseline = counted(server, &database, || pgbench.run_once(script, OPERATIONS));
    let [missing, added]: [Vec<_>; 2] =
        [library.difference(&baseline).collect(), baseline.difference(&library).collect()];
    assert!(
        missing.is_empty() && added.is_empty(),
        "only the library: {missing:#?}, only pgbench: {added:#?}"
    );
    assert!(!baseline.is_empty(), "no statements");
}

/// Returns the statements, each after how often an operation executes it.
fn counted(server: &PostgresServer, database: &str, run: impl FnOnce()) -> BTreeSet<String> {
    server.execute("postgres", "SELECT pg_stat_statements_reset()");
    run();
    // The server keeps the constants of statements that were prepared before the reset, and counts
    // prepared ones that start or end a transaction once. Background work executes a statement less
    // often than this.
    let select = format!(
        r"SELECT floor(sum(calls) / {OPERATIONS}) || ' ' || query FROM (SELECT calls, regexp_replace(
                regexp_replace(query, '\s+', ' ', 'g'), '\$\d+|''[^'']*''|\m\d+\M', '$', 'g') AS query
            FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
            WHERE datname = '{database}' AND toplevel
                AND query !~ '^(START TRANSACTION|COMMIT)') AS counted
         GROUP BY query HAVING sum(calls) >= {OPERATIONS}"
    );
    let statements = server.execute("postgres", &select);
    statements.lines().map(str::to_owned).collect()
}
