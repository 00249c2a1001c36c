//! `portal user` and `portal sessions` with a database on PostgreSQL.

use test_servers::PostgresServer;

use super::Cluster;
use crate::api::user_command::{Operator, administers_accounts};

#[tokio::test]
async fn administers_accounts_on_postgres() {
    let cluster = Cluster::new(PostgresServer::shared());
    let portal = cluster.start(&[]);
    let audit_key = cluster.file("portal.audit-key");
    let operator = Operator::new(cluster.url.as_ref(), &["--audit-key", &audit_key]);
    administers_accounts(&portal, &operator).await;
}
