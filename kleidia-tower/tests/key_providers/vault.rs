//! Keys from Vault or OpenBao, through the client that services use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::{VaultKeyError, VaultKeys};
use kleidia_tower::session::{KeyWatch, SessionEvent, SessionEvents};
use serde_json::{Value, json};
use vaultrs::client::VaultClient;
use vaultrs::kv2;

use crate::nodes::{self, Nodes};
use crate::texts::{ANNOUNCED, INVALID, NEW, OLD, ROTATED};
use crate::token::{is_valid, sign};
use crate::vault_server::{Health, TOKEN, VaultServer};

const DEADLINE: Duration = Duration::from_secs(60);

/// Opens the keys without polling.
async fn open(client: Arc<VaultClient>) -> Result<VaultKeys, VaultKeyError> {
    let options = VaultKeys::options().with_poll_interval(Duration::MAX).unwrap();
    options
        .with_timeout(Duration::from_secs(5))
        .unwrap()
        .open(client, "secret", "auth/kleidia")
        .await
}

/// Writes a new version of the secret, as an operator does.
async fn write(client: &VaultClient, fields: &Value) {
    kv2::set(client, "secret", "auth/kleidia", fields).await.unwrap();
}

/// Starts a server that contains keys.
async fn start(text: &str) -> (VaultServer, Arc<VaultClient>) {
    let server = VaultServer::start().await;
    let client = server.client(TOKEN);
    write(&client, &json!({ "keys": text, "owner": "operations" })).await;
    (server, client)
}

#[tokio::test]
async fn rotation_keeps_tokens_valid() {
    let (_server, client) = start(OLD).await;
    let keys = open(client.clone()).await.unwrap();
    let (kid, old) = sign(&keys);
    assert_eq!(kid, "2026-10");
    for (text, signer) in [(ANNOUNCED, "2026-10"), (ROTATED, "2026-11"), (NEW, "2026-11")] {
        write(&client, &json!({ "keys": text })).await;
        let before = Instant::now();
        keys.reload().await.unwrap();
        assert!(keys.age() <= before.elapsed());
        let (kid, token) = sign(&keys);
        assert_eq!((kid.as_str(), is_valid(&keys, &token)), (signer, true));
        assert_eq!(is_valid(&keys, &old), text != NEW);
    }
}

#[tokio::test]
async fn notices_changes() {
    let (_server, client) = start(OLD).await;
    let options = VaultKeys::options().with_poll_interval(Duration::from_secs(1)).unwrap();
    let keys = options.open(client.clone(), "secret", "auth/kleidia").await.unwrap();
    write(&client, &json!({ "keys": ROTATED })).await;
    let start = Instant::now();
    while sign(&keys).0 != "2026-11" {
        assert!(start.elapsed() < DEADLINE, "timed out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn invalid_secret_keeps_the_last_valid_keys() {
    let (_server, client) = start(OLD).await;
    let keys = open(client.clone()).await.unwrap();
    let (_, token) = sign(&keys);
    let no_keys = "the secret has no text field `keys`";
    let invalid = INVALID.map(|(text, reason)| (json!({ "keys": text }), reason));
    let others = [json!({}), json!({ "key": NEW }), json!({ "keys": [NEW] })];
    for (fields, reason) in invalid.into_iter().chain(others.map(|fields| (fields, no_keys))) {
        write(&client, &fields).await;
        let error = keys.reload().await.unwrap_err();
        assert_eq!(error.to_string(), reason);
        assert_eq!(keys.last_error().unwrap().to_string(), reason);
        assert!(is_valid(&keys, &token));
        assert_eq!(open(client.clone()).await.unwrap_err().to_string(), reason);
        assert!(!format!("{error:?} {keys:?}").contains("7h2t"), "it contains a secret");
    }
    write(&client, &json!({ "keys": NEW })).await;
    keys.reload().await.unwrap();
    assert!(keys.last_error().is_none());
}

#[tokio::test]
async fn last_valid_keys_outlast_the_server() {
    let (server, client) = start(OLD).await;
    let options = VaultKeys::options().with_poll_interval(Duration::MAX).unwrap();
    let options = options.with_timeout(Duration::from_millis(200)).unwrap();
    let keys = options.open(client.clone(), "secret", "auth/kleidia").await.unwrap();
    let (_, token) = sign(&keys);

    server.set_health(Health::Sealed);
    assert_error_response(&keys.reload().await.unwrap_err(), 503, &["Vault is sealed"]);
    server.set_health(Health::Stuck);
    assert!(matches!(&*keys.reload().await.unwrap_err(), VaultKeyError::TimedOut(_)));
    server.set_health(Health::Healthy);
    kv2::delete_latest(&*client, "secret", "auth/kleidia").await.unwrap();
    assert_error_response(&keys.reload().await.unwrap_err(), 404, &[]);
    let before = keys.age();
    server.stop().await;
    let gone = keys.reload().await.unwrap_err();
    assert!(matches!(&*gone, VaultKeyError::NoResponse(_)), "{gone:?}");
    assert!(keys.age() > before);
    assert!(is_valid(&keys, &token));
}

#[tokio::test]
async fn flood_of_unknown_keys_reads_once_a_second() {
    let (server, client) = start(OLD).await;
    let first = Arc::new(open(client.clone()).await.unwrap());
    let second = Arc::new(open(client.clone()).await.unwrap());
    let nodes = Nodes::new(first.clone(), second).await;
    let write = async |text: &str| write(&client, &json!({ "keys": text })).await;
    let reload = async || first.reload().await.unwrap();
    let before = server.reads();
    let seconds = nodes::flood_of_unknown_keys_does_not_delay_others(&nodes, write, reload).await;
    // Of which the first node made two.
    let reads = u64::try_from(server.reads() - before).unwrap();
    assert!((3..=seconds + 3).contains(&reads), "{reads} reads in {seconds} s");
}

#[tokio::test]
async fn withdrawals_of_other_nodes_read_once_a_second() {
    let (server, client) = start(OLD).await;
    let keys = Arc::new(open(client).await.unwrap());
    let events = SessionEvents::default();
    let (start, before) = (Instant::now(), server.reads());
    let _watch = KeyWatch::spawn(keys, events.clone());
    while server.reads() < before + 3 {
        assert!(start.elapsed() < DEADLINE, "timed out");
        events.publish(SessionEvent::KeysWithdrawn);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (reads, seconds) = (server.reads() - before, start.elapsed().as_secs());
    assert!(u64::try_from(reads).unwrap() <= seconds + 1, "{reads} reads in {seconds} s");
}

#[tokio::test]
async fn rejects_unauthorised_client_and_missing_secret() {
    let (server, client) = start(OLD).await;
    let error = open(server.client("hvs.other")).await.unwrap_err();
    assert_error_response(&error, 403, &["permission denied"]);
    let error = open(server.client("with a line break\n")).await.unwrap_err();
    assert!(matches!(error, VaultKeyError::Token));
    let error = VaultKeys::new(client, "secret", "auth/other").await.unwrap_err();
    assert_error_response(&error, 404, &[]);
}

fn assert_error_response(error: &VaultKeyError, expected: u16, reasons: &[&str]) {
    let VaultKeyError::ErrorResponse { status, errors } = error else { panic!("{error:?}") };
    assert_eq!(*status, expected);
    assert_eq!(errors, reasons);
}
