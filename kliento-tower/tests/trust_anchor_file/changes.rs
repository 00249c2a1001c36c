//! Files that change, become invalid, disappear and return.

use std::fs;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use kliento_core::Timestamp;
use kliento_tower::{
    TextFileError, TrustAnchorFile, TrustAnchorFileError as E, TrustAnchorStore as _, clock_fn,
};

use crate::fixture::{AnchorFile, DIGEST_2017, DIGEST_2024, IANA_DS, IANA_XML, key_tags};

fn only_2017() -> String {
    format!("20326 8 2 {DIGEST_2017}\n")
}

fn only_2024() -> String {
    format!("38696 8 2 {DIGEST_2024}\n")
}

/// Waits until the condition is true, and fails after a minute.
fn eventually(awaited: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(60), "timed out waiting for {awaited}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn open_polled(anchor_file: &AnchorFile) -> TrustAnchorFile {
    TrustAnchorFile::options()
        .with_poll_interval(Duration::from_millis(100))
        .unwrap()
        .open(anchor_file.file())
        .unwrap()
}

#[test]
fn detects_changes() {
    let anchor_file = AnchorFile::new(only_2017());
    let store = open_polled(&anchor_file);
    let before = store.try_current().unwrap();
    anchor_file.write(only_2024());
    eventually("the other key", || key_tags(&store) == [38696]);
    assert_ne!(store.try_current().unwrap().fingerprint(), before.fingerprint());
    anchor_file.write(IANA_XML);
    eventually("the other format", || key_tags(&store) == [20326, 38696]);
}

#[test]
fn reports_invalid_and_missing_files_and_their_recovery() {
    let anchor_file = AnchorFile::new(only_2017());
    let store = open_polled(&anchor_file);
    anchor_file.write("nothing");
    eventually("an error", || store.last_error().is_some());
    assert!(matches!(*store.last_error().unwrap(), E::Record { line: 1, .. }));
    fs::remove_file(anchor_file.file()).unwrap();
    let is_gone = |error: &E| matches!(error, E::File(TextFileError::Read(e)) if e.kind() == io::ErrorKind::NotFound);
    eventually("another error", || store.last_error().is_some_and(|error| is_gone(&error)));
    assert_eq!(key_tags(&store), [20326]);
    anchor_file.write(only_2024());
    eventually("recovery", || store.last_error().is_none());
    assert_eq!(key_tags(&store), [38696]);
}

/// An invalid line invalidates the whole file.
#[test]
fn invalid_file_keeps_all_previous_anchors() {
    let anchor_file = AnchorFile::new(only_2017());
    let store = anchor_file.open().unwrap();
    for bad in [
        format!("{}20326 8 2 00\n", only_2024()),
        format!("{}com. IN DS 20326 8 2 {DIGEST_2017}\n", only_2024()),
        IANA_XML.replace("<KeyTag>38696", "<KeyTag>x"),
        String::new(),
    ] {
        anchor_file.write(&bad);
        let error = store.reload().unwrap_err();
        assert_eq!(store.last_error().unwrap().to_string(), error.to_string());
        assert_eq!(key_tags(&store), [20326], "{bad}");
    }
    anchor_file.write(only_2024());
    store.reload().unwrap();
    assert!(store.last_error().is_none());
    assert_eq!(key_tags(&store), [38696]);
}

/// As Kubernetes replaces the files of a volume: `anchors` leads through `..data` to a folder.
#[cfg(unix)]
#[test]
fn follows_swapped_symlink() {
    use std::os::unix::fs::symlink;
    let anchor_file = AnchorFile::new("");
    let folder = anchor_file.folder();
    for (version, content) in [("v1", only_2017()), ("v2", only_2024())] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("anchors"), content).unwrap();
    }
    fs::remove_file(anchor_file.file()).unwrap();
    symlink("v1", folder.join("..data")).unwrap();
    symlink("..data/anchors", anchor_file.file()).unwrap();
    let store = open_polled(&anchor_file);
    assert_eq!(key_tags(&store), [20326]);

    symlink("v2", folder.join("..draft")).unwrap();
    fs::rename(folder.join("..draft"), folder.join("..data")).unwrap();
    eventually("the other folder's", || key_tags(&store) == [38696]);
}

/// The thread owns the clock, so the clock is dropped when the thread ends.
#[test]
fn thread_ends_with_the_store() {
    for interval in [Duration::from_millis(100), Duration::from_secs(3600), Duration::MAX] {
        let anchor_file = AnchorFile::new(IANA_DS);
        let held = Arc::new(());
        let alive: Weak<()> = Arc::downgrade(&held);
        let clock = move || {
            let _: &Arc<()> = &held;
            Timestamp::from_second(0).ok()
        };
        let options = TrustAnchorFile::options()
            .with_poll_interval(interval)
            .unwrap()
            .with_clock(clock_fn(clock));
        let store = Arc::new(options.open(anchor_file.file()).unwrap());
        let other = store.clone();
        drop(store);
        assert_eq!(key_tags(&other), [20326, 38696]);
        drop(other);
        eventually("the thread's end", || alive.upgrade().is_none());
    }
}

#[test]
fn concurrent_reloads_are_serialised() {
    let anchor_file = AnchorFile::new(only_2017());
    let store = anchor_file.open().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| store.reload().unwrap()));
        }
        for round in 0..200 {
            anchor_file.write(if round % 2 == 0 { only_2024() } else { only_2017() });
            assert_eq!(store.try_current().unwrap().as_slice().len(), 1);
        }
        anchor_file.write(IANA_DS);
    });
    store.reload().unwrap();
    assert_eq!(key_tags(&store), [20326, 38696]);
}
