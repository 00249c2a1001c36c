//! Creates a key file at the first start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use http_guard::event;
use tempfile::Builder;
use zeroize::Zeroizing;

/// Creates the file with the text of one random key if it is missing. Returns whether it was.
///
/// The file gets its name when it is complete, and never replaces another one: another process may
/// create it at the same time.
pub(crate) fn create_if_missing(
    path: &Path,
    generate: impl FnOnce() -> io::Result<Zeroizing<String>>,
) -> io::Result<bool> {
    if path.try_exists()? {
        if may_be_incomplete(path)? {
            wait_for_line(path)?;
        }
        return Ok(false);
    }
    let mut line = generate()?;
    line.push('\n');
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Unlike with `NamedTempFile::new_in`, errors do not name the temporary file.
    let create = |path: &Path| owner_only().open(path);
    let mut file = Builder::new().make_in(folder.unwrap_or(Path::new(".")), create)?;
    file.as_file_mut().write_all(line.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            log_created(path);
            Ok(true)
        }
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A rename without replacement, and hard links, are not supported by all file systems.
        Err(_) => create_in_place(path, &line),
    }
}

/// Creates the file under its name, where a complete file cannot get a new name without replacing
/// another one. A process that finds the file while it is written waits for its line.
fn create_in_place(path: &Path, line: &Zeroizing<String>) -> io::Result<bool> {
    match owner_only().open(path) {
        Ok(file) => {
            if let Err(error) = write_all(file, line) {
                // An incomplete file would be rejected at each further start.
                drop(fs::remove_file(path));
                return Err(error);
            }
            log_created(path);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            wait_for_line(path)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn write_all(mut file: File, line: &Zeroizing<String>) -> io::Result<()> {
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Returns whether another process may be writing the file in place: it is short, and was changed
/// within the time that a process waits for its line.
fn may_be_incomplete(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    let is_young = metadata.modified()?.elapsed().is_ok_and(|age| age < Duration::from_secs(2));
    Ok(metadata.is_file() && metadata.len() < 1024 && is_young)
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

fn log_created(path: &Path) {
    event!(info, path = %path.display(), "key file created");
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
            create_in_place(&path, line).unwrap();
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
