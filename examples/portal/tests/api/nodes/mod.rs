//! Portals on one database in PostgreSQL.

mod cached_sessions;
mod command_line;
mod crashes;
mod load;
mod sessions;
mod vault;

use tempfile::TempDir;
use test_servers::PostgresServer;

use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase};

/// A database, and the keys that its portals share.
pub(crate) struct Cluster {
    url: String,
    directory: TempDir,
}

impl Cluster {
    /// Creates a database with the admin.
    pub(crate) fn new(server: &PostgresServer) -> Self {
        let url = server.create_database();
        let created = TempDatabase::on_postgres(&url).create_admin(ADMIN, PASSWORD);
        assert!(created.status.success(), "{created:?}");
        Self { url, directory: tempfile::tempdir().unwrap() }
    }

    /// Executes statements on the shared server, and returns their output.
    fn execute(&self, sql: &str) -> String {
        PostgresServer::shared().execute(self.url.rsplit('/').next().unwrap(), sql)
    }

    /// Starts a portal.
    pub(crate) fn start(&self, arguments: &[&str]) -> Portal {
        let keys = self.directory.path().join("portal.keys");
        let arguments = [&["--keys", keys.to_str().unwrap()], arguments].concat();
        TempDatabase::on_postgres(&self.url).start(&arguments)
    }
}

/// Starts two portals on a new database. They read the keys until the cluster is dropped.
fn two_portals(server: &PostgresServer, arguments: &[&str]) -> (Cluster, [Portal; 2]) {
    let cluster = Cluster::new(server);
    let portals = [cluster.start(arguments), cluster.start(arguments)];
    (cluster, portals)
}
