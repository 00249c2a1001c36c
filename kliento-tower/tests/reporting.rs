//! A subscriber and a recorder of metrics that panic change no response, and end no background
//! work.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    dead_code,
    reason = "tests, with modules that other tests use more of"
)]

#[path = "layer/bundle.rs"]
mod bundle;
#[path = "../../http-guard/tests/panicking_subscriber/mod.rs"]
mod panicking_subscriber;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::StatusCode;
use kliento_tower::{TrustAnchorFile, clock_fn};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::bundle::{authorization, body, layer, request, send, tampered};

struct PanickingRecorder;

impl Recorder for PanickingRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        panicking_subscriber::fail()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panicking_subscriber::fail()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panicking_subscriber::fail()
    }
}

#[tokio::test]
async fn panics_of_reports_change_nothing() {
    panicking_subscriber::install();
    metrics::set_global_recorder(PanickingRecorder).unwrap();
    let layer = layer();
    let (good, bad) = (authorization(), tampered());
    for (credentials, expected) in [
        (vec![good.as_str()], StatusCode::OK),
        (vec![good.as_str()], StatusCode::OK),
        (vec![bad.as_str()], StatusCode::UNAUTHORIZED),
        (vec![], StatusCode::UNAUTHORIZED),
    ] {
        let before = panicking_subscriber::PANICS.load(Ordering::SeqCst);
        let response = send(&layer, request(&credentials)).await;
        assert_eq!(response.status(), expected);
        assert!(!body(response).await.is_empty());
        assert!(panicking_subscriber::PANICS.load(Ordering::SeqCst) > before);
    }
    trust_anchors_are_read_again();
}

const GOOD: &str = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";

fn trust_anchors_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors");
    fs::write(&path, GOOD).unwrap();
    let panics = Arc::new(AtomicBool::new(false));
    let clock_panics = Arc::clone(&panics);
    let clock = clock_fn(move || {
        if clock_panics.load(Ordering::SeqCst) {
            panicking_subscriber::fail()
        }
        Some(kliento_core::Timestamp::UNIX_EPOCH)
    });
    let options = TrustAnchorFile::options().with_clock(clock);
    let interval = Duration::from_millis(100);
    let store = options.with_poll_interval(interval).unwrap().open(&path).unwrap();
    panics.store(true, Ordering::SeqCst);
    wait_until(|| store.health().is_err());
    panics.store(false, Ordering::SeqCst);
    wait_until(|| store.health().is_ok());
    fs::write(&path, "invalid").unwrap();
    wait_until(|| store.last_error().is_some());
    assert!(store.health().is_err());
    fs::write(&path, GOOD).unwrap();
    wait_until(|| store.health().is_ok());
    assert!(store.age() < Duration::from_secs(60));
}

fn wait_until(is_done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_done() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(5));
    }
}
