//! Keys from a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::{KeyFile, KeyFileError};
use tempfile::TempDir;

use crate::texts::{ANNOUNCED, BAD, NEW, OLD, ROTATED};
use crate::token::{is_good, sign};

const DEADLINE: Duration = Duration::from_secs(60);

/// A file, in a folder that is removed with it.
struct Kept {
    _folder: TempDir,
    path: PathBuf,
}

impl Kept {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, text).unwrap();
        Self { _folder: folder, path }
    }

    /// Read when it is told to, and not otherwise.
    fn open(&self) -> KeyFile {
        KeyFile::options().with_interval(Duration::MAX).open(&self.path).unwrap()
    }
}

#[test]
fn keys_rotate_on_two_nodes_and_log_nobody_out() {
    let file = Kept::new(OLD);
    let (first, second) = (file.open(), file.open());
    let (kid, old) = sign(&first);
    assert_eq!(kid, "2026-10");
    // The second node reads each step later than the first.
    for (text, signer) in [(ANNOUNCED, "2026-10"), (ROTATED, "2026-11"), (NEW, "2026-11")] {
        fs::write(&file.path, text).unwrap();
        first.reload().unwrap();
        assert_eq!(sign(&first).0, signer);
        for (_, token) in [sign(&first), sign(&second)] {
            assert!(is_good(&first, &token) && is_good(&second, &token), "{text}");
        }
        assert_eq!(is_good(&first, &old), text != NEW);
        second.reload().unwrap();
    }
    assert!(!is_good(&second, &old));
}

#[test]
fn what_is_bad_changes_nothing() {
    let file = Kept::new(OLD);
    let keys = file.open();
    let (_, token) = sign(&keys);
    let stays = |reason: &str| {
        assert_eq!(keys.reload().unwrap_err().to_string(), reason);
        assert_eq!(keys.last_error().unwrap().to_string(), reason);
        assert!(is_good(&keys, &token));
        let refused = KeyFile::open(&file.path).unwrap_err();
        assert_eq!(refused.to_string(), reason);
    };
    for (text, reason) in BAD {
        fs::write(&file.path, text).unwrap();
        stays(reason);
    }
    fs::write(&file.path, "#".repeat(16 * 1024 + 1)).unwrap();
    stays("the file is larger than 16384 octets");
    fs::write(&file.path, b"\xff").unwrap();
    assert!(matches!(&*keys.reload().unwrap_err(), KeyFileError::Encoding(_)));
    fs::remove_file(&file.path).unwrap();
    assert!(matches!(&*keys.reload().unwrap_err(), KeyFileError::Read(_)));
    fs::create_dir(&file.path).unwrap();
    stays("not a regular file");
    fs::remove_dir(&file.path).unwrap();
    fs::write(&file.path, format!("{OLD}\n{}", "#".repeat(16 * 1024 - OLD.len() - 1))).unwrap();
    keys.reload().unwrap();
    assert!(keys.last_error().is_none());
}

#[test]
fn a_change_is_noticed() {
    let file = Kept::new(OLD);
    let options = KeyFile::options().with_interval(Duration::ZERO);
    let keys = options.open(&file.path).unwrap();
    fs::write(&file.path, ROTATED).unwrap();
    wait_for(|| sign(&keys).0 == "2026-11");
    fs::write(&file.path, "").unwrap();
    wait_for(|| keys.last_error().is_some());
    assert_eq!(sign(&keys).0, "2026-11");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_elsewhere_is_noticed() {
    let (old, new) = (Kept::new(OLD), Kept::new(NEW));
    let link = old.path.with_file_name("link");
    let lead_to = |file: &Path| {
        let fresh = link.with_extension("new");
        std::os::unix::fs::symlink(file, &fresh).unwrap();
        fs::rename(fresh, &link).unwrap();
    };
    lead_to(&old.path);
    let keys = KeyFile::options().with_interval(Duration::MAX).open(&link).unwrap();
    lead_to(&new.path);
    keys.reload().unwrap();
    assert_eq!(sign(&keys).0, "2026-11");
}

fn wait_for(is_done: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_done() {
        assert!(start.elapsed() < DEADLINE, "it was not noticed");
        thread::sleep(Duration::from_millis(10));
    }
}
