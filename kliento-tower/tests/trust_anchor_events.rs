//! Log events about a file of trust anchors, in a process without other tests: `tracing` caches for
//! all threads whether an event has a subscriber.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kliento_tower::TrustAnchorFile;

const GOOD: &str = "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";

#[test]
fn lasting_problem_is_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchors");
    fs::write(&path, GOOD).unwrap();
    let options = TrustAnchorFile::options().with_poll_interval(Duration::MAX).unwrap();
    let store = options.open(&path).unwrap();
    assert_eq!(log.take(), ["INFO trust anchors loaded"]);
    let logged = |content: &str, is_good: bool| {
        fs::write(&path, content).unwrap();
        assert!((0..3).all(|_| store.reload().is_ok() == is_good));
        log.take()
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

/// The log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Returns the level and message of each line since the last call.
    fn take(&self) -> Vec<String> {
        let text = String::from_utf8(mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let shortened = text.lines().map(|line| {
            let level = line.split_whitespace().nth(1).unwrap();
            let (_, message) = line.split_once("file: ").unwrap();
            format!("{level} {}", message.split(" path=").next().unwrap())
        });
        shortened.collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
