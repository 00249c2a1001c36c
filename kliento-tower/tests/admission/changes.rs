//! Files that change, become invalid, disappear and return.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kliento_core::Token;
use kliento_tower::{AdmissionFile, AdmissionFileError as E, TextFileError};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::fixture::{AUDIENCE, Fixture, RuleFile, decide};

const ALLOWED: &str = "[[allow]]\norganisations = ['example.com']\n";
const OTHER: &str = "[[allow]]\norganisations = ['other.example']\n";

/// Waits until the condition is true, and fails after a minute.
async fn eventually(awaited: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < Duration::from_secs(60), "timed out waiting for {awaited}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn change_applies_to_the_next_request() {
    let fixture = Fixture::new();
    let alice = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let file = RuleFile::new(ALLOWED);
    let options = AdmissionFile::options().with_poll_interval(Duration::from_millis(100)).unwrap();
    let layer = fixture.layer().with_admission(options.open(file.path()).unwrap());
    assert_eq!(decide(&layer, &alice).await, "allowed");
    file.write(OTHER);
    eventually("the denial", async || decide(&layer, &alice).await == "permission_denied").await;
    file.write(format!("{OTHER}{ALLOWED}"));
    eventually("the other rule", async || decide(&layer, &alice).await == "allowed").await;
}

#[tokio::test]
async fn last_valid_rules_stay_while_the_file_is_invalid_or_missing() {
    let fixture = Fixture::new();
    let alice = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let file = RuleFile::new(ALLOWED);
    let store = Arc::new(file.open().unwrap());
    let layer = fixture.layer().with_admission(store.clone());
    for invalid in ["", "[[allow]]", "[[allow]\n", "[[allow]]\norganisations = ['*']\nx = 1"] {
        file.write(invalid);
        let error = store.reload().unwrap_err();
        assert_eq!(store.last_error().unwrap().to_string(), error.to_string());
        assert_eq!(store.health().unwrap_err().to_string(), error.to_string());
        assert_eq!(decide(&layer, &alice).await, "allowed", "{invalid}");
    }
    fs::remove_file(file.path()).unwrap();
    assert!(matches!(*store.reload().unwrap_err(), E::File(TextFileError::Read(_))));
    assert_eq!(decide(&layer, &alice).await, "allowed");
    file.write(OTHER);
    store.reload().unwrap();
    assert!(store.last_error().is_none() && store.health().is_ok());
    assert_eq!(decide(&layer, &alice).await, "permission_denied");
}

#[test]
fn metric_says_whether_the_file_is_valid() {
    let recorder = DebuggingRecorder::new();
    let is_valid = |snapshotter: &Snapshotter| {
        let metrics = snapshotter.snapshot().into_vec().into_iter();
        let mut values = metrics.filter_map(|(key, _, _, value)| match value {
            DebugValue::Gauge(value) if key.key().name() == "kliento_admission_file_valid" => {
                Some(value.into_inner())
            }
            _ => None,
        });
        values.next()
    };
    metrics::with_local_recorder(&recorder, || {
        let file = RuleFile::new(ALLOWED);
        let store = file.open().unwrap();
        assert_eq!(is_valid(&recorder.snapshotter()), Some(1.0));
        file.write("");
        store.reload().unwrap_err();
        assert_eq!(is_valid(&recorder.snapshotter()), Some(0.0));
        file.write(OTHER);
        store.reload().unwrap();
        assert_eq!(is_valid(&recorder.snapshotter()), Some(1.0));
    });
}
