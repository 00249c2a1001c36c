//! Log events about a file of rules, in a process without other tests: `tracing` caches for all
//! threads whether an event has a subscriber.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;

use std::fs;
use std::time::Duration;

use kliento_tower::AdmissionFile;

use crate::captured_log::{CapturedLog, messages};

const GOOD: &str = "[[allow]]\norganisations = ['example.com']\n";
const OTHER: &str = "[[allow]]\norganisations = ['example.net']\n";
const KEPT: &str = "WARN invalid admission file, keeping the last valid rules";

#[test]
fn lasting_problem_is_logged_once() {
    let log = CapturedLog::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admission.toml");
    fs::write(&path, GOOD).unwrap();
    let options = AdmissionFile::options().with_poll_interval(Duration::MAX).unwrap();
    let store = options.open(&path).unwrap();
    assert_eq!(messages(&log.take()), ["INFO admission rules loaded"]);
    let logged = |content: &str, is_good: bool| {
        fs::write(&path, content).unwrap();
        assert!((0..3).all(|_| store.reload().is_ok() == is_good));
        messages(&log.take())
    };
    assert_eq!(logged(GOOD, true), [""; 0]);
    assert_eq!(logged("nothing", false), [KEPT]);
    assert_eq!(logged("", false), [KEPT]);
    assert_eq!(logged(GOOD, true), ["INFO admission file valid again"]);
    assert_eq!(logged(OTHER, true), ["INFO admission rules loaded"]);
    assert_eq!(logged(OTHER, true), [""; 0]);
}
