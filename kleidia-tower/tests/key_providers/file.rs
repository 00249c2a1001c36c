//! Keys from a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use kleidia_tower::access_token::{KeyFile, KeyFileError};
use tempfile::TempDir;

use crate::nodes::{self, Nodes};
use crate::texts::{ANNOUNCED, INVALID, NEW, OLD, ROTATED};
use crate::token::{is_valid, sign};

const DEADLINE: Duration = Duration::from_secs(60);

/// A key file in a temporary folder.
struct TempKeyFile {
    _folder: TempDir,
    path: PathBuf,
}

impl TempKeyFile {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, text).unwrap();
        Self { _folder: folder, path }
    }

    /// Opens the file without polling.
    fn open(&self) -> KeyFile {
        KeyFile::options().with_poll_interval(Duration::MAX).unwrap().open(&self.path).unwrap()
    }
}

#[test]
fn rotation_on_two_nodes_keeps_tokens_valid() {
    let file = TempKeyFile::new(OLD);
    let (first, second) = (file.open(), file.open());
    let (kid, old) = sign(&first);
    assert_eq!(kid, "2026-10");
    // The second node reads each step after the first.
    for (text, signer) in [(ANNOUNCED, "2026-10"), (ROTATED, "2026-11"), (NEW, "2026-11")] {
        fs::write(&file.path, text).unwrap();
        first.reload().unwrap();
        assert_eq!(sign(&first).0, signer);
        for (_, token) in [sign(&first), sign(&second)] {
            assert!(is_valid(&first, &token) && is_valid(&second, &token), "{text}");
        }
        assert_eq!(is_valid(&first, &old), text != NEW);
        second.reload().unwrap();
    }
    assert!(!is_valid(&second, &old));
}

/// Two nodes with one file, of which neither polls it.
async fn two_nodes(file: &TempKeyFile) -> (Nodes, Arc<KeyFile>) {
    let first = Arc::new(file.open());
    (Nodes::new(first.clone(), Arc::new(file.open())).await, first)
}

#[tokio::test]
async fn node_accepts_tokens_of_keys_that_another_read_before() {
    let file = TempKeyFile::new(OLD);
    let (nodes, first) = two_nodes(&file).await;
    let write = async |text: &str| fs::write(&file.path, text).unwrap();
    let reload = async || first.reload().unwrap();
    nodes::accepts_tokens_of_unannounced_keys(&nodes, write, reload).await;
    let token = nodes.log_in().await;
    // With a file that cannot be read, it is unknown whether the key exists.
    fs::write(&file.path, OLD).unwrap();
    first.reload().unwrap();
    let unknown = nodes.log_in().await;
    fs::remove_file(&file.path).unwrap();
    assert_eq!(nodes.authenticate(&unknown).await.unwrap_err().code(), "unavailable");
    nodes.authenticate(&token).await.unwrap();
}

#[tokio::test]
async fn flood_of_unknown_keys_does_not_delay_others() {
    let file = TempKeyFile::new(OLD);
    let (nodes, first) = two_nodes(&file).await;
    let write = async |text: &str| fs::write(&file.path, text).unwrap();
    let reload = async || first.reload().unwrap();
    nodes::flood_of_unknown_keys_does_not_delay_others(&nodes, write, reload).await;
}

#[test]
fn invalid_file_keeps_the_last_valid_keys() {
    let file = TempKeyFile::new(OLD);
    let keys = file.open();
    let (_, token) = sign(&keys);
    let rejects = |reason: &str| {
        assert_eq!(keys.reload().unwrap_err().to_string(), reason);
        assert_eq!(keys.last_error().unwrap().to_string(), reason);
        assert!(is_valid(&keys, &token));
        let error = KeyFile::open(&file.path).unwrap_err();
        assert_eq!(error.to_string(), reason);
    };
    for (text, reason) in INVALID {
        fs::write(&file.path, text).unwrap();
        rejects(reason);
    }
    fs::write(&file.path, "#".repeat(16 * 1024 + 1)).unwrap();
    rejects("the file has more than 16384 octets");
    fs::write(&file.path, b"\xff").unwrap();
    assert!(matches!(&*keys.reload().unwrap_err(), KeyFileError::Encoding(_)));
    fs::remove_file(&file.path).unwrap();
    assert!(matches!(&*keys.reload().unwrap_err(), KeyFileError::Read(_)));
    fs::create_dir(&file.path).unwrap();
    rejects("not a regular file");
    fs::remove_dir(&file.path).unwrap();
    fs::write(&file.path, format!("{OLD}\n{}", "#".repeat(16 * 1024 - OLD.len() - 1))).unwrap();
    keys.reload().unwrap();
    assert!(keys.last_error().is_none());
}

#[test]
fn notices_changes() {
    let file = TempKeyFile::new(OLD);
    let options = KeyFile::options().with_poll_interval(Duration::from_millis(100)).unwrap();
    let keys = options.open(&file.path).unwrap();
    fs::write(&file.path, ROTATED).unwrap();
    wait_for(|| sign(&keys).0 == "2026-11");
    fs::write(&file.path, "").unwrap();
    wait_for(|| keys.last_error().is_some());
    assert_eq!(sign(&keys).0, "2026-11");
}

#[cfg(unix)]
#[test]
fn notices_replaced_symlink() {
    let (old, new) = (TempKeyFile::new(OLD), TempKeyFile::new(NEW));
    let link = old.path.with_file_name("link");
    let point_to = |file: &Path| {
        let temporary = link.with_extension("new");
        std::os::unix::fs::symlink(file, &temporary).unwrap();
        fs::rename(temporary, &link).unwrap();
    };
    point_to(&old.path);
    let keys = KeyFile::options().with_poll_interval(Duration::MAX).unwrap().open(&link).unwrap();
    point_to(&new.path);
    keys.reload().unwrap();
    assert_eq!(sign(&keys).0, "2026-11");
}

#[test]
fn creates_missing_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let keys = KeyFile::open_or_create(&path).unwrap();
    let (id, token) = sign(&keys);
    // The time of creation, and random octets.
    let (created_at, random) = id.split_once('-').unwrap();
    assert_eq!((created_at.len(), random.len()), (16, 16), "{id}");
    let text = fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let reopened = KeyFile::open_or_create(&path).unwrap();
    assert!(is_valid(&reopened, &token));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn does_not_replace_existing_file() {
    for (text, _) in INVALID {
        let file = TempKeyFile::new(text);
        assert!(KeyFile::open_or_create(&file.path).is_err());
        assert_eq!(fs::read_to_string(&file.path).unwrap(), text);
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = KeyFile::open_or_create(folder.path().join("missing/keys")).unwrap_err();
    assert!(matches!(missing, KeyFileError::Create(_)));
    assert!(matches!(KeyFile::open_or_create(folder.path()), Err(KeyFileError::NotRegular)));
}

#[test]
fn concurrent_nodes_create_one_key() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let (path, start) = (folder.path().join("keys"), Barrier::new(8));
        let open = || {
            start.wait();
            KeyFile::open_or_create(&path).unwrap()
        };
        let nodes: Vec<_> = thread::scope(|scope| {
            let nodes: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            nodes.into_iter().map(|node| node.join().unwrap()).collect()
        });
        let (_, token) = sign(&nodes[0]);
        assert!(nodes.iter().all(|node| is_valid(node, &token)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

fn wait_for(is_done: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_done() {
        assert!(start.elapsed() < DEADLINE, "timed out");
        thread::sleep(Duration::from_millis(10));
    }
}
