//! How many requests an operation makes to the database.

use std::time::Duration;

use kleidia_tower::session::{RotationOutcome, SessionStore as _};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;

use crate::numbered::{at, audit_key, create, log_in, rotation};
use crate::proxy::Proxy;

/// The start of the transaction, the owner of the token, the account, the token with its family, and
/// the session; the session and the token are written, and then the successor and the record
/// together; the commit.
const MAX_REFRESH: u64 = 9;

#[tokio::test(flavor = "multi_thread")]
async fn refresh_reads_the_token_and_its_family_at_once() {
    let server = PostgresServer::shared();
    let proxy = Proxy::start(&server.create_database(), server.port()).await;
    let options = PostgresOptions::default();
    let options = options.with_seal_interval(Duration::from_secs(3600)).unwrap();
    let store = PostgresStore::open_with(&proxy.url, audit_key(), options).await.unwrap();
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 0).await;
    let mut fewest = u64::MAX;
    // Statements are prepared once for each connection, and background work asks the database, too.
    for token in 0..50 {
        let before = proxy.requests();
        let rotated = store.rotate_refresh_token(&rotation(token, token + 1), &at(0)).await;
        assert!(matches!(rotated.unwrap().value, RotationOutcome::Rotated { .. }));
        fewest = fewest.min(proxy.requests() - before);
    }
    assert!(fewest <= MAX_REFRESH, "{fewest}");
}
