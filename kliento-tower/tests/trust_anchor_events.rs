//! Log events about a file of trust anchors, in a process without other tests: `tracing` caches for
//! all threads whether an event has a subscriber.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;

use std::fs;
use std::time::Duration;

use kliento_tower::TrustAnchorFile;

use crate::captured_log::{CapturedLog, messages};

const GOOD: &str = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";

#[test]
fn lasting_problem_is_logged_once() {
    let log = CapturedLog::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors");
    fs::write(&path, GOOD).unwrap();
    let options = TrustAnchorFile::options().with_poll_interval(Duration::MAX).unwrap();
    let store = options.open(&path).unwrap();
    assert_eq!(messages(&log.take()), ["INFO trust anchors loaded"]);
    let logged = |content: &str, is_good: bool| {
        fs::write(&path, content).unwrap();
        assert!((0..3).all(|_| store.reload().is_ok() == is_good));
        messages(&log.take())
    };
    assert_eq!(logged(GOOD, true), [""; 0]);
    assert_eq!(
        logged("nothing", false),
        ["ERROR invalid trust anchor file, keeping the last valid anchors"]
    );
    assert_eq!(
        logged("", false),
        ["ERROR invalid trust anchor file, keeping the last valid anchors"]
    );
    assert_eq!(
        logged("nothing", false),
        ["ERROR invalid trust anchor file, keeping the last valid anchors"]
    );
    assert_eq!(logged(GOOD, true), ["INFO trust anchor file valid again"]);
    let skipped = format!("1 5 2 00\n{GOOD}");
    assert_eq!(logged(&skipped, true), ["INFO trust anchors loaded", "WARN trust anchor skipped"]);
    assert_eq!(logged(&skipped, true), [""; 0]);
}
