//! Portals on one database in PostgreSQL.

mod cached_sessions;
mod command_line;
mod crashes;
mod keys_command;
mod live_events;
mod load;
mod sessions;
mod user_command;
mod user_import;
mod vault;

use tempfile::TempDir;
use test_servers::PostgresServer;

use crate::portal::{
    ADMIN, PASSWORD, Portal, TempDatabase, command, command_without_database, output_with_input,
};

/// A database, and the keys that its portals share.
pub(crate) struct Cluster {
    pub(crate) url: String,
    directory: TempDir,
}

impl Cluster {
    /// Creates a database with the admin.
    pub(crate) fn new(server: &PostgresServer) -> Self {
        let cluster = Self::empty(server);
        cluster.create_admin();
        cluster
    }

    /// Creates an empty database, and the keys.
    pub(crate) fn empty(server: &PostgresServer) -> Self {
        let cluster =
            Self { url: server.create_database(), directory: tempfile::tempdir().unwrap() };
        let keys = cluster.file("portal.keys");
        let created = command_without_database(&["create-keys", &keys]).output().unwrap();
        assert!(created.status.success(), "{created:?}");
        let audit_key = cluster.file("portal.audit-key");
        let create = ["--audit-key", &audit_key, "audit", "create-key"];
        let created = command(cluster.url.as_ref(), &create).output().unwrap();
        assert!(created.status.success(), "{created:?}");
        cluster
    }

    /// Creates the admin.
    pub(crate) fn create_admin(&self) {
        let audit_key = self.file("portal.audit-key");
        let create = ["--audit-key", &audit_key, "create-admin", ADMIN, "--password-stdin"];
        let created = output_with_input(command(self.url.as_ref(), &create), PASSWORD);
        assert!(created.status.success(), "{created:?}");
    }

    /// Returns the path of a file that the portals share.
    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Executes statements on the shared server, and returns their output.
    pub(crate) fn execute(&self, sql: &str) -> String {
        PostgresServer::shared().execute(self.url.rsplit('/').next().unwrap(), sql)
    }

    /// Starts a portal.
    pub(crate) fn start(&self, arguments: &[&str]) -> Portal {
        let (keys, audit_key) = (self.file("portal.keys"), self.file("portal.audit-key"));
        let shared = ["--keys", &keys, "--audit-key", &audit_key];
        let arguments = [&shared, arguments].concat();
        TempDatabase::on_postgres(&self.url).start(&arguments)
    }
}

/// Starts two portals on a new database. They read the keys until the cluster is dropped.
fn two_portals(server: &PostgresServer, arguments: &[&str]) -> (Cluster, [Portal; 2]) {
    let cluster = Cluster::new(server);
    let portals = [cluster.start(arguments), cluster.start(arguments)];
    (cluster, portals)
}
