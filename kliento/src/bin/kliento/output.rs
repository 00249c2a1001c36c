//! Files that are written: atomically if possible, otherwise in place.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::terminal;

/// The permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileMode {
    /// Readable and writable by its owner only (0600), for secrets.
    Private,
    /// What the umask allows, or those of the file that is replaced.
    Public,
}

/// Where the octets are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    File,
    /// The path is standard output, such as `/dev/stdout`.
    StandardOutput,
}

/// Writes a new file, which must not exist. Devices and pipes are written into.
pub(crate) fn create(path: &Path, octets: &[u8], mode: FileMode) -> Result<Destination, Failure> {
    if is_special(path) || is_standard_output(path) {
        return replace(path, octets, mode);
    }
    check_absent(path)?;
    let file = prepare(path, octets, mode, None).map_err(|source| failure(path, source))?;
    let created = match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(error.error),
        // Some file systems have neither hard links nor a rename that does not replace.
        Err(_) => create_in_place(path, octets, mode),
    };
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => exists(path),
        created => created.map(|()| Destination::File).map_err(|source| failure(path, source)),
    }
}

/// Returns an error if the path exists, unless it is a device, a pipe or standard output.
pub(crate) fn check_absent(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) if !is_special(path) && !is_standard_output(path) => exists(path),
        _ => Ok(()),
    }
}

/// Creates a folder and its parents, unless it exists.
pub(crate) fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|source| failure(path, source))
}

/// Writes a file, and replaces an existing one.
///
/// A link stays, and its target is replaced. Devices and pipes are written into, and so are files
/// that cannot be replaced, such as mounted ones.
pub(crate) fn replace(path: &Path, octets: &[u8], mode: FileMode) -> Result<Destination, Failure> {
    if is_standard_output(path) {
        #[cfg(unix)]
        unix::standard_output()
            .and_then(|file| restrict(&file, mode))
            .map_err(|source| failure(path, source))?;
        return terminal::print_octets(octets).map(|()| Destination::StandardOutput);
    }
    let written = match path.metadata() {
        Ok(existing) if !existing.is_file() || is_descriptor(path) => {
            write_in_place(path, octets, mode)
        }
        existing => replace_file(path, octets, mode, existing.ok().as_ref()),
    };
    written.map(|()| Destination::File).map_err(|source| failure(path, source))
}

fn replace_file(
    path: &Path,
    octets: &[u8],
    mode: FileMode,
    existing: Option<&Metadata>,
) -> io::Result<()> {
    let target = match (path.is_symlink(), existing) {
        (false, _) => path.to_owned(),
        (true, Some(_)) => follow(path)?,
        (true, None) => return create_in_place_of_link(path, octets, mode),
    };
    let file = prepare(&target, octets, mode, existing);
    match file.and_then(|file| file.persist(&target).map_err(|error| error.error)) {
        Ok(_) => Ok(()),
        Err(error) if existing.is_some() && is_not_replaceable(&error) => {
            write_in_place(&target, octets, mode)
        }
        Err(error) => Err(error),
    }
}

/// Returns the target of a link that the operating system allows to follow for writing.
fn follow(link: &Path) -> io::Result<PathBuf> {
    OpenOptions::new().write(true).open(link)?;
    link.canonicalize()
}

/// A file or its directory cannot be replaced, but the file may still be writable.
fn is_not_replaceable(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    [CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy].contains(&error.kind())
}

/// Writes a temporary file in the same directory.
fn prepare(
    path: &Path,
    octets: &[u8],
    mode: FileMode,
    existing: Option<&Metadata>,
) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kliento-");
    // Unlike with `tempfile_in`, errors do not name the temporary file.
    let create = |path: &Path| new_file(mode).create_new(true).open(path);
    let mut file = builder.make_in(folder.unwrap_or(Path::new(".")), create)?;
    #[cfg(unix)]
    if let (FileMode::Public, Some(existing)) = (mode, existing) {
        unix::copy_access(file.as_file(), existing)?;
    }
    #[cfg(not(unix))]
    let _ = (mode, existing);
    file.as_file_mut().write_all(octets)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Overwrites what is at the path, or appends to the file of a descriptor. A secret is only written
/// into a file that no others can read.
fn write_in_place(path: &Path, octets: &[u8], mode: FileMode) -> io::Result<()> {
    let appends = is_descriptor(path);
    let mut file = OpenOptions::new().write(true).append(appends).open(path)?;
    if file.metadata()?.is_file() {
        restrict(&file, mode)?;
        if !appends {
            file.set_len(0)?;
        }
        file.write_all(octets)?;
        return file.sync_all();
    }
    file.write_all(octets)
}

/// Writes a file that must not exist, and removes it if that fails.
fn create_in_place(path: &Path, octets: &[u8], mode: FileMode) -> io::Result<()> {
    let mut file = new_file(mode).create_new(true).open(path)?;
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Creates the target of a link.
fn create_in_place_of_link(link: &Path, octets: &[u8], mode: FileMode) -> io::Result<()> {
    new_file(mode).create(true).truncate(false).open(link)?;
    write_in_place(link, octets, mode)
}

fn new_file(mode: FileMode) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, unix::bits(mode));
    #[cfg(not(unix))]
    let _ = mode;
    options
}

/// Withdraws others' access to a file that gets a secret.
fn restrict(file: &File, mode: FileMode) -> io::Result<()> {
    #[cfg(unix)]
    if mode == FileMode::Private && unix::is_shared_file(&file.metadata()?) {
        return file.set_permissions(unix::permissions(mode));
    }
    let _ = (file, mode);
    Ok(())
}

/// Returns whether the path is a device, a pipe or a socket, or a link to one.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Returns whether the path is an open file of a process, whose descriptor must stay valid.
fn is_descriptor(path: &Path) -> bool {
    ["/dev/fd", "/dev/stderr", "/dev/stdin", "/dev/stdout", "/proc"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// Returns whether the path is the file, pipe or device of standard output.
fn is_standard_output(path: &Path) -> bool {
    #[cfg(unix)]
    let is_same = unix::is_standard_output(path).unwrap_or(false);
    #[cfg(not(unix))]
    let is_same = path.as_os_str().is_empty();
    is_same
}

fn exists<T>(path: &Path) -> Result<T, Failure> {
    Err(Failure::FileExists { path: path.to_owned() })
}

fn failure(path: &Path, source: io::Error) -> Failure {
    Failure::Write { path: path.to_owned(), source }
}

#[cfg(unix)]
mod unix {
    //! Modes and owners of files.

    use std::fs::{File, Metadata, Permissions};
    use std::io;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    use std::path::Path;

    use super::FileMode;

    pub(super) const fn bits(mode: FileMode) -> u32 {
        match mode {
            FileMode::Private => 0o600,
            FileMode::Public => 0o666,
        }
    }

    pub(super) fn permissions(mode: FileMode) -> Permissions {
        Permissions::from_mode(bits(mode))
    }

    pub(super) fn is_shared_file(metadata: &Metadata) -> bool {
        metadata.is_file() && metadata.mode() & 0o077 != 0
    }

    pub(super) fn standard_output() -> io::Result<File> {
        io::stdout().as_fd().try_clone_to_owned().map(File::from)
    }

    /// Gives the file the mode, and if permitted the owner, of the file that it replaces.
    pub(super) fn copy_access(file: &File, existing: &Metadata) -> io::Result<()> {
        let _ = fchown(file, Some(existing.uid()), Some(existing.gid()));
        file.set_permissions(Permissions::from_mode(existing.mode() & 0o777))
    }

    pub(super) fn is_standard_output(path: &Path) -> io::Result<bool> {
        let output = standard_output()?.metadata()?;
        let found = path.metadata()?;
        Ok((found.dev(), found.ino()) == (output.dev(), output.ino()))
    }
}
