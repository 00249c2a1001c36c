//! `pgbench` with the statements of operations.

pub(crate) mod statements;

use std::fs;
use std::process::Command;
use std::time::Duration;

use test_servers::PostgresServer;

use crate::people::People;

/// The clients of pgbench, as many as of the library.
pub(crate) const CLIENTS: u32 = 32;
/// The users of each client.
pub(crate) const USERS: u32 = 8;

/// The time in which new connections fill their caches.
const WARM_UP: Duration = Duration::from_secs(3);

/// Accounts whose names are numbers. The variables of pgbench are numbers too, so tokens and
/// digests are shorter than those of the library.
const ACCOUNTS: &str = "
    ALTER TABLE accounts DROP CONSTRAINT accounts_name_digest_check;
    ALTER TABLE accounts DISABLE TRIGGER accounts_take_free_names;
    ALTER TABLE failures DROP CONSTRAINT failures_name_digest_check;
    ALTER TABLE sessions DROP CONSTRAINT sessions_token_check;
    ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_digest_check,
        DROP CONSTRAINT refresh_tokens_successor_check,
        DROP CONSTRAINT refresh_tokens_wrapped_check;
    ALTER TABLE audit DROP CONSTRAINT audit_mac_check;
    INSERT INTO accounts (name, name_digest, roles, created_at, password_changed_at,
        password_parameters, password, previous_passwords)
        SELECT number, number::text::bytea, 'user', 1800000000, 1800000000,
        '$argon2id$v=19$m=7168,t=1,p=1', repeat('x', 97), ''";

/// A database whose rows are like those of the library.
pub(crate) struct Pgbench<'a> {
    server: &'a PostgresServer,
    /// Statements that run before each run.
    prepare: fn(run: u32) -> String,
    pub(crate) database: String,
    url: String,
    runs: u32,
}

impl<'a> Pgbench<'a> {
    /// Creates a database with [`USERS`] accounts for each client, numbered from 1, and further
    /// rows.
    pub(crate) async fn new(
        server: &'a PostgresServer,
        rows: &str,
        prepare: fn(run: u32) -> String,
    ) -> Self {
        let url = server.create_database();
        let database = url.rsplit('/').next().expect("a database").to_owned();
        // Creates the schema.
        People::open(&url, 1).await.store.close();
        let users = CLIENTS * USERS;
        let accounts = format!("{ACCOUNTS} FROM generate_series(1, {users}) AS number;");
        server.execute(&database, &format!("{accounts} {rows}"));
        Self { server, prepare, database, url, runs: 0 }
    }

    /// Runs a script with all clients, and returns its transactions per second, without the
    /// [`WARM_UP`].
    pub(crate) fn run(&mut self, script: &str, time: Duration) -> f64 {
        let seconds = (WARM_UP + time).as_secs().to_string();
        let output = self.start(script, CLIENTS, &["--progress", "1", "--time", &seconds]);
        let rates = output.lines().filter_map(|line| line.strip_prefix("progress: "));
        let rates = rates.filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok());
        let warm_up = usize::try_from(WARM_UP.as_secs()).expect("a number");
        let rates: Vec<_> = rates.skip(warm_up).take(time.as_secs() as usize).collect();
        rates.iter().sum::<f64>() / rates.len() as f64
    }

    /// Runs a script with one client for a number of transactions.
    pub(crate) fn run_once(&mut self, script: &str, transactions: u32) {
        self.start(script, 1, &["--transactions", &transactions.to_string()]);
    }

    /// Returns the progress.
    fn start(&mut self, script: &str, clients: u32, arguments: &[&str]) -> String {
        self.runs += 1;
        self.server.execute(&self.database, &(self.prepare)(self.runs));
        let name = format!("{}-{}.sql", self.database, std::process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, script).expect("a temporary file");
        let output = Command::new(self.server.bin().join("pgbench"))
            .args(["--no-vacuum", "--protocol", "prepared", "--jobs", "2"])
            .args(["--client", &clients.to_string(), "--define", "n=0"])
            .args(["--define", &format!("run={}", self.runs), "--file"])
            .arg(&file)
            .args(arguments)
            .arg(&self.url)
            .output()
            .expect("pgbench starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !error.contains("aborted"), "pgbench: {error}");
        fs::remove_file(file).expect("the temporary file");
        error.into_owned()
    }

    /// Returns the number of audit records, for a check that the work was done.
    pub(crate) fn records(&self) -> u32 {
        records(self.server, &self.database)
    }
}

/// Returns the number of audit records of a database.
pub(crate) fn records(server: &PostgresServer, database: &str) -> u32 {
    server.execute(database, "SELECT count(*) FROM audit").parse().expect("a number")
}
