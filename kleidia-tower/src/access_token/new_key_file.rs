//! Creates a key file at the first start.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use http_guard::{event, log_text_up_to};
use tempfile::Builder;
use zeroize::Zeroizing;

use super::last_valid_keys::MAX_SOURCE_CHARACTERS;

/// Creates the file with the text of one random key if it is missing. Returns whether it was.
///
/// The file gets its name when it is complete, and never replaces another one: another process may
/// create it at the same time.
pub(crate) fn create_if_missing(
    path: &Path,
    generate: impl FnOnce() -> io::Result<Zeroizing<String>>,
) -> io::Result<bool> {
    if path.try_exists()? {
        wait_while_incomplete(path)?;
        return Ok(false);
    }
    let mut line = generate()?;
    line.push('\n');
    let is_new = create_complete(path, line.as_bytes())?;
    if is_new {
        let path = log_text_up_to(MAX_SOURCE_CHARACTERS, path.display());
        event!(info, path, "key file created");
    }
    Ok(is_new)
}

/// Creates the file with this text, which ends with a line break, if it is missing. Returns whether
/// it was.
pub(crate) fn create_complete(path: &Path, text: &[u8]) -> io::Result<bool> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Unlike with `NamedTempFile::new_in`, errors do not name the temporary file.
    let create = |path: &Path| owner_only().open(path);
    let mut file = Builder::new().make_in(folder.unwrap_or(Path::new(".")), create)?;
    file.as_file_mut().write_all(text)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A rename without replacement, and hard links, are not supported by all file systems.
        Err(_) => create_in_place(path, text),
    }
}

/// Waits for a moment if another process may be writing the file.
pub(crate) fn wait_while_incomplete(path: &Path) -> io::Result<()> {
    if may_be_incomplete(path)? { wait_for_line(path) } else { Ok(()) }
}

/// Creates the file under its name, where a complete file cannot get a new name without replacing
/// another one. A process that finds the file while it is written waits for its line.
fn create_in_place(path: &Path, text: &[u8]) -> io::Result<bool> {
    match owner_only().open(path) {
        Ok(file) => {
            if let Err(error) = write_all(file, text) {
                // An incomplete file would be rejected at each further start.
                drop(fs::remove_file(path));
                return Err(error);
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            wait_for_line(path)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn write_all(mut file: File, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.sync_all()
}

/// Returns whether another process may be writing the file in place: it is short, and was changed
/// within the time that a process waits for its line.
fn may_be_incomplete(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    Ok(metadata.is_file() && metadata.len() < 1024 && is_young(&metadata)?)
}

/// Returns whether the file was changed within the time that a process waits for another one.
pub(crate) fn is_young(metadata: &Metadata) -> io::Result<bool> {
    Ok(metadata.modified()?.elapsed().is_ok_and(|age| age < Duration::from_secs(2)))
}

/// Waits for a moment until the file ends with a line break. The reader reports what is wrong then.
fn wait_for_line(path: &Path) -> io::Result<()> {
    for _ in 0..100 {
        if Zeroizing::new(fs::read(path)?).ends_with(b"\n") {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Options that create a file which only its owner can access.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Gives a file the owner, the group and the mode (within `max_mode`) of the one that it replaces:
/// administrators run commands on the files of a service that has a user of its own.
#[cfg(unix)]
pub(crate) fn keep_owner(file: &File, replaced: &Metadata, max_mode: u32) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    let found = file.metadata()?;
    let (user, group) = (replaced.uid(), replaced.gid());
    if (found.uid(), found.gid()) != (user, group) {
        fchown(file, Some(user), Some(group)).map_err(|error| {
            let expected = format!("expected the user {user} with the group {group}");
            let found = format!("found {} with {}", found.uid(), found.gid());
            io::Error::new(error.kind(), format!("{expected}, {found}: {error}"))
        })?;
    }
    file.set_permissions(fs::Permissions::from_mode(replaced.permissions().mode() & max_mode))
}

#[cfg(not(unix))]
pub(crate) fn keep_owner(_: &File, _: &Metadata, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_token::{KeyRing, SigningKey};

    fn generate() -> io::Result<Zeroizing<String>> {
        SigningKey::generate().map(|key| key.to_text()).map_err(io::Error::other)
    }

    #[test]
    fn waits_while_another_process_writes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                fs::write(&path, "a line\n").unwrap();
            });
            create_if_missing(&path, generate).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"a line\n");
        });
    }

    #[test]
    fn missing_folder_is_reported_without_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = create_if_missing(&folder.path().join("missing/keys"), generate).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains("missing"), "{error}");
    }

    #[test]
    fn creates_the_file_in_place_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let lines = [(); 8].map(|()| {
            let mut line = SigningKey::generate().unwrap().to_text();
            line.push('\n');
            line
        });
        let create = |line: &Zeroizing<String>| {
            create_in_place(&path, line.as_bytes()).unwrap();
            fs::read_to_string(&path).unwrap()
        };
        // Several processes at the same time read the same complete key.
        let read: Vec<String> = thread::scope(|scope| {
            let tasks = lines.each_ref().map(|line| scope.spawn(move || create(line)));
            tasks.map(|task| task.join().unwrap()).into()
        });
        assert!(lines.iter().any(|line| **line == read[0]));
        assert!(read.iter().all(|text| *text == read[0]));
        read[0].parse::<KeyRing>().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
