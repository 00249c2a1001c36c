//! A token bundle in a file that another process renews.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use kliento_core::TokenBundle;
use tokio::task::spawn_blocking;

use super::{ExpiringBundle, SourceError, TokenBundleSource};

/// A token bundle in a file, which is re-read when the file changes or the bundle is about to
/// expire.
///
/// The file contains the binary bundle, the value of an `Authorization` header, or its Base64, as
/// `kliento issue` writes them; line breaks are ignored. Replace the file by renaming another one
/// over it, so that no partial file is ever read. While there are requests, the file's metadata is
/// read once a second, on tokio's threads for blocking work, so a new file is used within about a
/// second.
///
/// A file has the bundle of one audience, so a layer with several audiences needs another source.
///
/// ```
/// use kliento_tower::client::{BundleFile, KlientoClientLayer};
///
/// # fn layer() -> Result<KlientoClientLayer, kliento_tower::client::OriginConfigError> {
/// let layer = KlientoClientLayer::new(BundleFile::new("/run/kliento/api.bin"))
///     .with_origin("https://api.example.com")?;
/// # Ok(layer)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BundleFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// The version of the last read.
    read: Mutex<Option<FileVersion>>,
}

/// The time, length and inode number of a file, which change with its contents.
type FileVersion = Result<(SystemTime, u64, u64), io::ErrorKind>;

/// The error of a [`BundleFile`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFileError {
    /// Reading the file failed.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file does not contain a valid token bundle.
    #[error("invalid token bundle in {}: {source}", path.display())]
    Bundle {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: kliento_core::Error,
    },
}

impl BundleFile {
    /// Enough for a bundle of the maximum size in Base64 with line breaks.
    const MAX_OCTETS: u64 = 32 * 1024;

    /// Creates a source that reads the file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner { path: path.into(), read: Mutex::new(None) }))
    }
}

#[async_trait]
impl TokenBundleSource for BundleFile {
    async fn token_bundle(&self, _: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        let inner = Arc::clone(&self.0);
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let read = spawn_blocking(move || inner.read()).await.map_err(SourceError::new)?;
        read.map_err(SourceError::new)
    }

    async fn has_changed(&self, _: Option<&str>) -> bool {
        let inner = Arc::clone(&self.0);
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is no change"
        )]
        let changed = spawn_blocking(move || inner.has_changed());
        changed.await.unwrap_or(false)
    }
}

impl Inner {
    fn has_changed(&self) -> bool {
        let read = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.is_some_and(|read| read != file_version(&self.path))
    }

    fn read(&self) -> Result<ExpiringBundle, BundleFileError> {
        // Determined before reading, so that a change while reading is detected later.
        let version = file_version(&self.path);
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
        let invalid = |source| BundleFileError::Bundle { path: self.path.clone(), source };
        let octets = read_limited(&self.path, BundleFile::MAX_OCTETS);
        let octets =
            octets.map_err(|source| BundleFileError::Read { path: self.path.clone(), source })?;
        ExpiringBundle::from_claimed_period(parse(octets).map_err(invalid)?).map_err(invalid)
    }
}

/// Reads a whole file, or fails if it is larger than `maximum` octets or not a regular file.
pub(super) fn read_limited(path: &Path, maximum: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut octets = Vec::new();
    File::open(path)?.take(maximum + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length <= maximum) {
        return Ok(octets);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {maximum} octets")))
}

/// Every binary bundle begins with 0x30. As text this is "0", with which no Base64 of a bundle
/// begins.
fn parse(octets: Vec<u8>) -> Result<TokenBundle, kliento_core::Error> {
    if octets.first() == Some(&0x30) {
        return TokenBundle::from_bytes(octets);
    }
    let words = octets.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut words = words.peekable();
    words.next_if(|word| word.eq_ignore_ascii_case(b"Kliento"));
    let mut value = b"Kliento ".to_vec();
    words.for_each(|word| value.extend_from_slice(word));
    TokenBundle::from_authorization(value)
}

fn file_version(path: &Path) -> FileVersion {
    let metadata = fs::metadata(path).map_err(|error| error.kind())?;
    let modified = metadata.modified().map_err(|error| error.kind())?;
    Ok((modified, metadata.len(), file_id(&metadata)))
}

/// A file that was renamed over this one may have its size and time, but not its inode number.
#[cfg(unix)]
fn file_id(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
const fn file_id(_: &fs::Metadata) -> u64 {
    0
}
