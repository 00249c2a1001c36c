//! PostgreSQL: the node is killed, the server, or their connections.

use std::process::Child;
use std::time::Duration;

use test_servers::PostgresServer;

use crate::{check_creation, check_rounds, kill};

/// Waits until the server has noticed that the node is gone: what it has received until then may
/// still be committed.
fn wait_until_disconnected(server: &PostgresServer, url: &str) {
    let name = database_name(url);
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    for _ in 0..600 {
        if server.execute("postgres", &sql) == "0" {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("connections remain: {}", server.execute("postgres", "TABLE pg_stat_activity"));
}

fn database_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_node_loses_no_write_and_restores_no_session() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let kill = |child: &mut Child| {
        kill(child);
        wait_until_disconnected(server, &url);
    };
    check_rounds(&url, 20, kill).await;
}

/// The store asks for durable commits, even if the server's default is faster.
#[tokio::test(flavor = "multi_thread")]
async fn killed_server_loses_no_write_and_restores_no_session() {
    let server = PostgresServer::start(&["fsync=off", "synchronous_commit=off"]);
    let url = server.create_database();
    let kill = |child: &mut Child| {
        server.kill();
        // The node reports what it was told until then, and ends: it cannot connect.
        let stdin = child.stdin.take();
        child.wait().unwrap();
        drop(stdin);
        server.restart();
    };
    check_rounds(&url, 10, kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terminated_connections_lose_no_write_and_restore_no_session() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let terminate = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
        database_name(&url)
    );
    let kill = |child: &mut Child| {
        // The node ends when each user has seen an error.
        while child.try_wait().unwrap().is_none() {
            server.execute("postgres", &terminate);
        }
        wait_until_disconnected(server, &url);
    };
    check_rounds(&url, 10, kill).await;
}

#[tokio::test]
async fn database_is_usable_after_a_kill_during_creation() {
    for _ in 0..10 {
        check_creation(&PostgresServer::shared().create_database()).await;
    }
}
