//! Two portals on one PostgreSQL and one Redis, with proxies in between.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, RwLock, RwLockReadGuard};
use std::time::Duration;

use kleidia_tower::audit::AuditKey;
use tempfile::TempDir;
use test_servers::{PostgresServer, RedisServer};
use tokio::task::block_in_place;

use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command, output_with_input};
use crate::soak::proxy::Proxy;

/// How many wrong passwords of a source lock it.
pub(crate) const THRESHOLD: usize = 5;
/// How many passwords each portal evaluates at once.
pub(crate) const PERMITS: usize = 1;
/// For how long a repeated refresh returns the same successor, in seconds.
pub(crate) const GRACE: u64 = 3;

/// For how long the first portal may accept an ended session by default. The other asks the database
/// each time.
const CACHED: Duration = Duration::from_secs(1);
/// The clock of the first portal is 5 seconds ahead of those of the other and of the database.
const FAST_CLOCK: [(&str, &str); 2] = [("FAKETIME", "+5s"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];

/// The disk is not waited for, since no power fails. The store asks for durable commits itself.
const SERVER_SETTINGS: [&str; 2] = ["fsync=off", "synchronous_commit=off"];

/// The portals, and the servers that they share.
pub(crate) struct Cluster {
    // Dropped first: the portals would report that the servers are gone.
    portals: Vec<RwLock<Portal>>,
    pub(crate) database: PostgresServer,
    database_name: String,
    pub(crate) redis: Mutex<RedisServer>,
    /// Between each portal and the database.
    pub(crate) proxies: Vec<Proxy>,
    /// Between both portals and Redis.
    pub(crate) redis_proxy: Proxy,
    /// The keys of access tokens and of the audit log, and the secret of limits.
    directory: TempDir,
    faketime: PathBuf,
    cache_sessions: Option<Duration>,
}

impl Cluster {
    /// Starts the servers, and both portals on a database with an admin.
    pub(crate) async fn start(cache_sessions: Option<Duration>) -> Self {
        let database = block_in_place(|| PostgresServer::start(&SERVER_SETTINGS));
        let url = database.create_database();
        let directory = tempfile::tempdir().unwrap();
        let audit_key = directory.path().join("portal.audit-key");
        let keys = directory.path().join("portal.keys");
        let mut keys_created = command(url.as_ref(), &["create-keys", keys.to_str().unwrap()]);
        assert!(keys_created.status().unwrap().success());
        let mut create = command(url.as_ref(), &["create-admin", ADMIN, "--password-stdin"]);
        AuditKey::create(&audit_key).unwrap();
        create.arg("--audit-key").arg(audit_key);
        let created = output_with_input(create, PASSWORD);
        assert!(created.status.success(), "{created:?}");
        let database_name = url.rsplit('/').next().unwrap().to_owned();
        fs::write(directory.path().join("limit.secret"), "correct horse battery staple, twice")
            .unwrap();
        let redis = block_in_place(RedisServer::start);
        let redis_proxy = Proxy::start(redis.port()).await;
        let proxies =
            vec![Proxy::start(database.port()).await, Proxy::start(database.port()).await];
        let mut cluster = Self {
            portals: Vec::new(),
            database,
            database_name,
            redis: Mutex::new(redis),
            proxies,
            redis_proxy,
            directory,
            faketime: faketime(),
            cache_sessions,
        };
        for node in 0..2 {
            cluster.portals.push(RwLock::new(cluster.start_portal(node)));
        }
        let [fast, other] = [cluster.date(0).await, cluster.date(1).await];
        let ahead = (fast - other).rem_euclid(24 * 3600);
        assert!((4..=7).contains(&ahead), "the clocks differ by {ahead} s");
        cluster
    }

    pub(crate) fn portal(&self, node: usize) -> RwLockReadGuard<'_, Portal> {
        self.portals[node].read().unwrap()
    }

    /// Returns the second of a portal's clock within the day.
    async fn date(&self, node: usize) -> i64 {
        let health = self.portal(node).get("/api/health");
        let health = health.send().await;
        let time = health.header("date").unwrap().split(' ').nth(4).unwrap().to_owned();
        time.split(':').fold(0, |seconds, part| 60 * seconds + part.parse::<i64>().unwrap())
    }

    /// Starts a portal that was killed.
    pub(crate) fn restart_portal(&self, node: usize) {
        let started = self.start_portal(node);
        *self.portals[node].write().unwrap() = started;
    }

    /// Ends the connections of the portals to the database.
    pub(crate) fn terminate_connections(&self) {
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        block_in_place(|| self.database.execute(&self.database_name, terminate));
    }

    /// Deletes the counters of all limits.
    pub(crate) fn flush_redis(&self) {
        let url = self.redis.lock().unwrap().url();
        let flushed = Command::new("redis-cli").args(["-u", &url, "FLUSHALL"]).output().unwrap();
        assert!(flushed.status.success(), "{flushed:?}");
    }

    /// Returns how long each portal may accept an ended session.
    pub(crate) fn access_bounds(&self) -> [Duration; 2] {
        self.cache_sessions.map_or([CACHED, Duration::ZERO], |bound| [bound; 2])
    }

    /// Returns the URL of the database, without a proxy.
    pub(crate) fn audit_key(&self) -> AuditKey {
        AuditKey::open(self.directory.path().join("portal.audit-key")).unwrap()
    }

    pub(crate) fn database_url(&self) -> String {
        self.database.url(&self.database_name)
    }

    fn start_portal(&self, node: usize) -> Portal {
        let url = format!(
            "postgres://postgres@127.0.0.1:{}/{}",
            self.proxies[node].port(),
            self.database_name
        );
        let [keys, audit_key, secret] = ["portal.keys", "portal.audit-key", "limit.secret"]
            .map(|name| self.directory.path().join(name));
        let redis = format!("redis://127.0.0.1:{}", self.redis_proxy.port());
        let grace = format!("{GRACE}s");
        let [threshold, permits] = [THRESHOLD, PERMITS].map(|number| number.to_string());
        let arguments = [
            ["--keys", keys.to_str().unwrap()],
            ["--audit-key", audit_key.to_str().unwrap()],
            ["--redis", &redis],
            ["--limit-secret", secret.to_str().unwrap()],
            ["--limit-timeout", "500ms"],
            // Limits decide nothing, but each request is counted.
            ["--login-limit", "100000/1"],
            ["--api-limit", "100000/1"],
            ["--refresh-limit", "100000/1"],
            ["--trusted-proxy", "127.0.0.1/32"],
            ["--refresh-grace", &grace],
            ["--argon2-permits", &permits],
            ["--lockout-threshold", &threshold],
            // Longer than a run.
            ["--lockout-base", "12h"],
        ];
        let mut portal = command(url.as_ref(), &arguments.concat());
        let bound = self.access_bounds()[node];
        if !bound.is_zero() {
            portal.args(["--cache-sessions", &format!("{}ms", bound.as_millis())]);
        }
        if node == 0 {
            portal.envs(FAST_CLOCK).env("LD_PRELOAD", &self.faketime);
        } else {
            portal.args(["--database-connections", "1"]);
        }
        block_in_place(|| TempDatabase::on_postgres(&url).start_with(portal))
    }
}

/// Returns the library that changes the time of a process.
fn faketime() -> PathBuf {
    let directories = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut libraries =
        directories.map(|directory| directory.path().join("faketime/libfaketimeMT.so.1"));
    let library = libraries.find(|library| library.exists());
    library.expect("Debian's package faketime is installed")
}
