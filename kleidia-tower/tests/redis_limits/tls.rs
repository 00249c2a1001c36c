//! Redis over TLS, with certificates of an authority that the test creates.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::StatusCode;
use kleidia_tower::rate_limit::RedisLimitStore;
use tempfile::TempDir;
use test_servers::RedisServer;

use crate::fixture::{by_address, limits, status};

fn openssl(directory: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.current_dir(directory).args(arguments.split(' '));
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Creates an authority, and a certificate for 127.0.0.1 that it issues.
fn certificates() -> TempDir {
    let directory = TempDir::new().unwrap();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(directory.path(), &format!("{new} -subj /CN=authority -keyout ca.key -out ca.pem"));
    let server = "-subj /CN=redis -addext subjectAltName=IP:127.0.0.1 \
        -addext basicConstraints=critical,CA:FALSE -keyout redis.key -out redis.pem";
    openssl(directory.path(), &format!("{new} -CA ca.pem -CAkey ca.key {server}"));
    directory
}

#[tokio::test]
async fn limits_work_over_tls() {
    let certificates = certificates();
    let file = |name: &str| -> PathBuf { certificates.path().join(name) };
    let path = |name: &str| file(name).to_str().unwrap().to_owned();
    let (certificate, key, authority) = (path("redis.pem"), path("redis.key"), path("ca.pem"));
    let server = RedisServer::start_with(&[
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ]);
    // As an editor may leave it.
    let authority = std::fs::read_to_string(authority).unwrap().replace('\n', "\n  ");
    let authority = format!("\u{feff}{authority}\nand a comment").into_bytes();
    let store =
        |host: &str| RedisLimitStore::new(&format!("rediss://{host}:{}", server.port())).unwrap();
    let trusting = store("127.0.0.1").with_root_certificates(&authority).unwrap();
    let limits_over_tls = limits(trusting);
    limits_over_tls.check_store().await.unwrap();
    let layer = by_address(&limits_over_tls);
    for _ in 0..10 {
        assert_eq!(status(&layer, "192.0.2.1").await, StatusCode::OK);
    }
    assert_eq!(status(&layer, "192.0.2.1").await, StatusCode::TOO_MANY_REQUESTS);

    let untrusted = limits(store("127.0.0.1")).check_store().await.unwrap_err().to_string();
    assert!(untrusted.contains("certificate"), "{untrusted}");
    let other_name = store("localhost").with_root_certificates(&authority).unwrap();
    let other_name = limits(other_name).check_store().await.unwrap_err().to_string();
    assert!(other_name.contains("certificate"), "{other_name}");
    let plain = format!("redis://127.0.0.1:{}", server.port());
    let plain = limits(RedisLimitStore::new(&plain).unwrap());
    assert!(plain.check_store().await.is_err());
}

#[test]
fn rejects_invalid_root_certificates() {
    let store = |url: &str| RedisLimitStore::new(url).unwrap();
    let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "text", not_a_certificate] {
        let store = store("rediss://127.0.0.1").with_root_certificates(pem.as_bytes());
        assert!(store.is_err(), "{pem:?}");
    }
    assert!(store("redis://127.0.0.1").with_root_certificates(b"").is_err());
}
