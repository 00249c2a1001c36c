//! `portal keys rotate` with the file of two nodes.

use std::path::Path;

use serde_json::json;
use test_servers::PostgresServer;

use super::two_portals;
use crate::api::keys_command::states;

/// The nodes read the file at different times, and each accepts the tokens of the other at once.
#[tokio::test]
async fn no_node_rejects_a_token_during_a_rotation() {
    let (cluster, [one, two]) = two_portals(PostgresServer::shared(), &[]);
    let keys = cluster.file("portal.keys");
    let before = one.log_in_admin().await;
    assert_eq!(states(Path::new(&keys), &["rotate"]), [json!("signs"), json!("verifies")]);
    for _ in 0..20 {
        let tokens = one.log_in_admin().await;
        two.get("/api/whoami").auth(&tokens).send().await.expect_json();
        two.get("/api/whoami").auth(&before).send().await.expect_json();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    // By now, both sign with the new key.
    let after = one.log_in_admin().await;
    assert_ne!(after.access.split('.').next(), before.access.split('.').next());
}
