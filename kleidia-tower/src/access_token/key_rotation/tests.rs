//! Rotations step by step, and two at the same time.

use std::fs;
use std::time::SystemTime;

use super::super::SigningKey;
use super::*;

const TTL: Duration = Duration::from_mins(30);

fn at(second: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + second, 0).unwrap()
}

/// Writes the file, as if it was last changed at second 0.
fn age(path: &Path) {
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    fs::File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
}

fn states(keys: &StoredKeys) -> Vec<KeyState> {
    keys.keys().iter().map(|key| key.state).collect()
}

#[test]
fn new_key_signs_and_the_old_one_is_removed_when_its_tokens_have_expired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, "# first\nold:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=\n").unwrap();
    age(&path);
    let rotate = |step, now| StoredKeys::rotate(&path, step, TTL, now);
    let first = rotate(KeyRotation::Sign, at(0)).unwrap();
    assert_eq!(states(&first), [KeyState::Signs, KeyState::Verifies]);
    assert_eq!(first.keys()[0].created_at, Some(at(0)));
    assert_eq!((first.keys()[1].id.as_str(), first.keys()[1].created_at), ("old", None));
    age(&path);
    let too_early = rotate(KeyRotation::Retire, at(1859)).unwrap_err();
    assert!(
        matches!(too_early, KeyRotationError::TooEarly { until } if until == at(1860)),
        "{too_early}"
    );
    let retired = rotate(KeyRotation::Retire, at(1860)).unwrap();
    assert_eq!(retired.keys(), &first.keys()[..1]);
    age(&path);
    let second = rotate(KeyRotation::Sign, at(5000)).unwrap();
    assert_eq!(states(&second), [KeyState::Signs, KeyState::Verifies]);
    age(&path);
    // The first one is removed with the rotation, the second one still verifies.
    let third = rotate(KeyRotation::Sign, at(9000)).unwrap();
    assert_eq!(third.keys()[1].id, second.keys()[0].id);
    assert_eq!(third.keys().len(), 2);
}

#[test]
fn key_is_staged_in_the_second_in_which_another_was_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, SigningKey::generate_at(at(5)).unwrap().to_text()).unwrap();
    // Also if the clock was set back.
    for now in [at(5), at(1)] {
        let staged = StoredKeys::rotate(&path, KeyRotation::Stage, TTL, now).unwrap();
        assert_eq!(states(&staged), [KeyState::Signs, KeyState::Staged]);
        fs::write(&path, SigningKey::generate_at(at(5)).unwrap().to_text()).unwrap();
    }
}

#[test]
fn staged_key_signs_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, SigningKey::generate().unwrap().to_text()).unwrap();
    age(&path);
    let rotate = |step, now| StoredKeys::rotate(&path, step, TTL, now);
    let staged = rotate(KeyRotation::Stage, at(0)).unwrap();
    assert_eq!(states(&staged), [KeyState::Signs, KeyState::Staged]);
    let again = rotate(KeyRotation::Stage, at(1)).unwrap_err();
    assert!(matches!(again, KeyRotationError::Staged { .. }), "{again}");
    // It has never signed, so it is not due.
    assert_eq!(rotate(KeyRotation::Retire, at(9000)).unwrap().keys(), staged.keys());
    let signs = rotate(KeyRotation::Sign, at(9000)).unwrap();
    assert_eq!(signs.keys()[0].id, staged.keys()[1].id);
    assert_eq!(states(&signs), [KeyState::Signs, KeyState::Verifies]);
}

#[test]
fn rotations_that_meet_change_the_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, SigningKey::generate().unwrap().to_text()).unwrap();
    let first = Replacement::create(&path).unwrap();
    let conflict = StoredKeys::rotate(&path, KeyRotation::Sign, TTL, at(0)).unwrap_err();
    assert!(matches!(conflict, KeyRotationError::Conflict), "{conflict}");
    drop(first);
    for _ in 0..MAX_KEYS - 1 {
        age(&path);
        StoredKeys::rotate(&path, KeyRotation::Sign, TTL, at(0)).unwrap();
    }
    age(&path);
    let full = StoredKeys::rotate(&path, KeyRotation::Sign, TTL, at(0)).unwrap_err();
    assert!(matches!(full, KeyRotationError::TooMany { found: MAX_KEYS }), "{full}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let missing = folder.path().join("missing");
    let missing = StoredKeys::rotate(&missing, KeyRotation::Sign, TTL, at(0)).unwrap_err();
    assert!(matches!(missing, KeyRotationError::Read(_)), "{missing}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

/// A process that was killed leaves its lock, and may leave a temporary file.
#[test]
fn rotation_that_was_killed_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lock) = (folder.path().join("keys"), folder.path().join("keys.lock"));
    fs::write(&path, SigningKey::generate().unwrap().to_text()).unwrap();
    fs::write(&lock, "").unwrap();
    let young = StoredKeys::rotate(&path, KeyRotation::Sign, TTL, at(0)).unwrap_err();
    assert!(matches!(young, KeyRotationError::Conflict), "{young}");
    let old = SystemTime::now() - Duration::from_secs(61);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(old).unwrap();
    let done = StoredKeys::rotate(&path, KeyRotation::Sign, TTL, at(0)).unwrap();
    assert_eq!(done.keys()[0].state, KeyState::Signs);
    assert!(!lock.exists());
}

#[cfg(unix)]
#[test]
fn replaces_the_file_and_not_the_link_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, SigningKey::generate().unwrap().to_text()).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let before = StoredKeys::read(&file).unwrap();
    StoredKeys::rotate(&link, KeyRotation::Stage, TTL, at(0)).unwrap();
    assert_eq!(StoredKeys::read(&file).unwrap().keys()[0], before.keys()[0]);
    assert_eq!(StoredKeys::read(&file).unwrap().keys().len(), 2);
    assert!(link.symlink_metadata().unwrap().is_symlink());
}

#[cfg(unix)]
#[test]
fn replaced_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    for (mode, expected) in [(0o600, 0o600), (0o640, 0o640), (0o666, 0o640)] {
        fs::write(&path, SigningKey::generate().unwrap().to_text()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        StoredKeys::rotate(&path, KeyRotation::Sign, TTL, at(0)).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, expected);
    }
}
