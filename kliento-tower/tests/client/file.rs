//! Bundles from files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use kliento_tower::FixedClock;
use kliento_tower::client::{
    BundleError, BundleFile, BundleFileError, ClientError, KlientoClientLayer,
};

use tokio::time::{sleep, timeout};

use crate::scripted_source::{START, attached, bundle, eventually, request, send, value};

fn layer(path: &Path) -> KlientoClientLayer {
    KlientoClientLayer::new(BundleFile::new(path)).with_clock(FixedClock(START.parse().unwrap()))
}

/// Replaces the file atomically, by renaming another one over it.
fn replace(path: &Path, octets: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    fs::write(&new, octets).unwrap();
    fs::rename(new, path).unwrap();
}

async fn failure(layer: &KlientoClientLayer) -> String {
    match send(layer, request("https://api.example.com/")).await {
        Err(ClientError::Bundle(BundleError::Source(error))) => {
            let cause = std::error::Error::source(&error).unwrap();
            assert!(cause.is::<BundleFileError>(), "{cause:?}");
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn accepts_every_encoding() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    let base64 = base64::engine::general_purpose::STANDARD.encode(bundle(1).as_bytes());
    let lines: Vec<_> = base64.as_bytes().chunks(76).collect();
    for octets in [
        bundle(1).into_bytes(),
        format!("{}\n", bundle(1).to_authorization()).into_bytes(),
        base64.clone().into_bytes(),
        lines.join(b"\r\n".as_slice()),
    ] {
        replace(&path, octets);
        assert_eq!(attached(&layer(&path)).await, value(1));
    }
}

/// Without reading its metadata for each request.
#[tokio::test]
async fn uses_new_file_soon() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    replace(&path, bundle(1).as_bytes());
    let layer = layer(&path);
    assert_eq!(attached(&layer).await, value(1));
    replace(&path, bundle(2).as_bytes());
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn invalid_file_keeps_the_cached_bundle() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    replace(&path, bundle(1).as_bytes());
    let layer = layer(&path);
    assert_eq!(attached(&layer).await, value(1));
    replace(&path, "no bundle");
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(attached(&layer).await, value(1));
    replace(&path, bundle(2).as_bytes());
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn uses_file_that_was_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    let layer = layer(&path);
    assert!(failure(&layer).await.contains("failed to read"));
    replace(&path, bundle(1).as_bytes());
    let attempts = async {
        while send(&layer, request("https://api.example.com/")).await.is_err() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(60), attempts).await.unwrap();
    assert_eq!(attached(&layer).await, value(1));
}

#[tokio::test]
async fn rejects_invalid_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle");
    assert!(failure(&layer(&path)).await.contains("failed to read"));
    for octets in [b"".to_vec(), b"Bearer abc".to_vec(), vec![0x30, 0], b"Kliento".to_vec()] {
        replace(&path, octets);
        assert!(failure(&layer(&path)).await.contains("invalid token bundle in"));
    }
    replace(&path, vec![b'A'; 33_000]);
    assert!(failure(&layer(&path)).await.contains("larger than 32768 octets"));
}

/// Opening a pipe would block, and reading a device may never end.
#[cfg(unix)]
#[tokio::test]
async fn reads_only_regular_files() {
    for path in ["/dev/null", "/dev/zero"] {
        assert!(failure(&layer(Path::new(path))).await.contains("not a regular file"), "{path}");
    }
}
