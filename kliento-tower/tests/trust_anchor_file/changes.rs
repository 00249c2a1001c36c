//! Files that change, become invalid, disappear and return.

use std::fs;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use kliento::Timestamp;
use kliento_tower::{TrustAnchorFile, TrustAnchorFileError as E, TrustAnchorStore as _, clock_fn};

use crate::fixture::{AnchorFile, DIGEST_2017, DIGEST_2024, IANA_DS, IANA_XML, key_tags};

fn only_2017() -> String {
    format!("20326 8 2 {DIGEST_2017}\n")
}

fn only_2024() -> String {
    format!("38696 8 2 {DIGEST_2024}\n")
}

/// Waits until it is so, and fails when that takes far longer than any machine needs.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "still not so: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn watch(place: &AnchorFile) -> TrustAnchorFile {
    TrustAnchorFile::options()
        .with_poll_interval(Duration::from_millis(100))
        .unwrap()
        .open(place.file())
        .unwrap()
}

#[test]
fn detects_changes() {
    let place = AnchorFile::with(only_2017());
    let store = watch(&place);
    let before = store.try_current().unwrap();
    place.write(only_2024());
    eventually("the other key", || key_tags(&store) == [38696]);
    assert_ne!(store.try_current().unwrap().fingerprint(), before.fingerprint());
    place.write(IANA_XML);
    eventually("the other format", || key_tags(&store) == [20326, 38696]);
}

#[test]
fn reports_invalid_and_missing_files_and_their_recovery() {
    let place = AnchorFile::with(only_2017());
    let store = watch(&place);
    place.write("nothing");
    eventually("an error", || store.last_error().is_some());
    assert!(matches!(*store.last_error().unwrap(), E::Record { line: 1, .. }));
    fs::remove_file(place.file()).unwrap();
    let is_gone = |error: &E| matches!(error, E::Read(e) if e.kind() == io::ErrorKind::NotFound);
    eventually("another error", || store.last_error().is_some_and(|error| is_gone(&error)));
    assert_eq!(key_tags(&store), [20326]);
    place.write(only_2024());
    eventually("good again", || store.last_error().is_none());
    assert_eq!(key_tags(&store), [38696]);
}

/// A file of which one line is bad gives none of the others.
#[test]
fn invalid_file_keeps_all_previous_anchors() {
    let place = AnchorFile::with(only_2017());
    let store = place.open().unwrap();
    for bad in [
        format!("{}20326 8 2 00\n", only_2024()),
        format!("{}com. IN DS 20326 8 2 {DIGEST_2017}\n", only_2024()),
        IANA_XML.replace("<KeyTag>38696", "<KeyTag>x"),
        String::new(),
    ] {
        place.write(&bad);
        let error = store.reload().unwrap_err();
        assert_eq!(store.last_error().unwrap().to_string(), error.to_string());
        assert_eq!(key_tags(&store), [20326], "{bad}");
    }
    place.write(only_2024());
    store.reload().unwrap();
    assert!(store.last_error().is_none());
    assert_eq!(key_tags(&store), [38696]);
}

/// As Kubernetes replaces the files of a volume: `anchors` leads through `..data` to a folder.
#[cfg(unix)]
#[test]
fn follows_swapped_symlink() {
    use std::os::unix::fs::symlink;
    let place = AnchorFile::with("");
    let folder = place.folder();
    for (version, content) in [("v1", only_2017()), ("v2", only_2024())] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("anchors"), content).unwrap();
    }
    fs::remove_file(place.file()).unwrap();
    symlink("v1", folder.join("..data")).unwrap();
    symlink("..data/anchors", place.file()).unwrap();
    let store = watch(&place);
    assert_eq!(key_tags(&store), [20326]);

    symlink("v2", folder.join("..draft")).unwrap();
    fs::rename(folder.join("..draft"), folder.join("..data")).unwrap();
    eventually("the other folder's", || key_tags(&store) == [38696]);
}

/// The thread holds the clock, so that it is seen to end.
#[test]
fn thread_ends_with_the_store() {
    for interval in [Duration::from_millis(100), Duration::from_secs(3600), Duration::MAX] {
        let place = AnchorFile::with(IANA_DS);
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
        let store = Arc::new(options.open(place.file()).unwrap());
        let other = store.clone();
        drop(store);
        assert_eq!(key_tags(&other), [20326, 38696]);
        drop(other);
        eventually("the thread's end", || alive.upgrade().is_none());
    }
}

#[test]
fn concurrent_reloads_are_serialised() {
    let place = AnchorFile::with(only_2017());
    let store = place.open().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| store.reload().unwrap()));
        }
        for round in 0..200 {
            place.write(if round % 2 == 0 { only_2024() } else { only_2017() });
            assert_eq!(store.try_current().unwrap().as_slice().len(), 1);
        }
        place.write(IANA_DS);
    });
    store.reload().unwrap();
    assert_eq!(key_tags(&store), [20326, 38696]);
}
