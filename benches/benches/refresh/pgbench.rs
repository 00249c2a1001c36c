//! `pgbench` with the statements of a refresh.

use std::fs;
use std::process::Command;
use std::time::Duration;

use kleidia_tower::audit::AuditKey;
use kleidia_tower::store::PostgresStore;
use test_servers::PostgresServer;

use crate::CLIENTS;

const SCRIPT: &str = include_str!("refresh.sql");

/// A database whose rows are like those of the library.
pub(crate) struct Pgbench<'a> {
    server: &'a PostgresServer,
    pub(crate) database: String,
    url: String,
    runs: u32,
}

impl<'a> Pgbench<'a> {
    pub(crate) fn new(server: &'a PostgresServer) -> Self {
        let url = server.create_database();
        let database = url.rsplit('/').next().expect("a database").to_owned();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        // Creates the schema.
        runtime.block_on(async {
            PostgresStore::open(&url, AuditKey::generate("bench.example").expect("a key"))
                .await
                .expect("a database")
                .close();
        });
        let rows = format!(
            "ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_digest_check, \
                 DROP CONSTRAINT refresh_tokens_successor_check, \
                 DROP CONSTRAINT refresh_tokens_wrapped_check;
             ALTER TABLE audit DROP CONSTRAINT audit_mac_check;
             INSERT INTO accounts (name, name_digest, roles, created_at, password_changed_at, \
                 password_parameters, password, previous_passwords) \
                 SELECT 'user-' || id, sha256(id::text::bytea), 'user', 1800000000, 1800000000, '', \
                 repeat('x', 97), '' FROM generate_series(1, {CLIENTS}) AS id ORDER BY id;
             INSERT INTO families (\"user\") SELECT id FROM accounts ORDER BY id;
             INSERT INTO sessions (\"user\", family, token, ip, created_at, authenticated_at, \
                 last_seen_at, expires_at) SELECT id, id, sha256(id::text::bytea), '127.0.0.1', \
                 1800000000, 1800000000, 1800000000, 1800000600 FROM accounts ORDER BY id;"
        );
        server.execute(&database, &rows);
        Self { server, database, url, runs: 0 }
    }

    /// Returns the transactions per second.
    pub(crate) fn run(&mut self, time: Duration) -> f64 {
        let seconds = time.as_secs().to_string();
        let output = self.start(CLIENTS, &["--time", &seconds]);
        let rate = output.lines().find_map(|line| line.strip_prefix("tps = ")).expect("a rate");
        let rate = rate.split(' ').next().expect("a number");
        rate.parse().expect("a number")
    }

    /// Runs one client for a number of transactions.
    pub(crate) fn run_once(&mut self, transactions: u32) {
        self.start(1, &["--transactions", &transactions.to_string()]);
    }

    /// Each run starts with tokens of its own.
    fn start(&mut self, clients: u32, arguments: &[&str]) -> String {
        self.runs += 1;
        let run = self.runs;
        let tokens = format!(
            "INSERT INTO refresh_tokens (digest, family, session, expires_at) \
                 SELECT ((id - 1 + 100 * {run}) * 1000000000000)::text::bytea, id, id, 1900000000 \
                 FROM generate_series(1, {clients}::bigint) AS id;"
        );
        self.server.execute(&self.database, &tokens);
        let script = std::env::temp_dir().join(format!("refresh-{}.sql", std::process::id()));
        fs::write(&script, SCRIPT).expect("a temporary file");
        let output = Command::new(self.server.bin().join("pgbench"))
            .args(["--no-vacuum", "--protocol", "prepared", "--jobs", "2"])
            .args(["--client", &clients.to_string(), "--define", "n=0"])
            .args(["--define", &format!("run={run}"), "--file"])
            .arg(&script)
            .args(arguments)
            .arg(&self.url)
            .output()
            .expect("pgbench starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !error.contains("aborted"), "pgbench: {error}");
        fs::remove_file(script).expect("the temporary file");
        String::from_utf8(output.stdout).expect("pgbench prints text")
    }
}
