//! A token bundle in a file that somebody else renews.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use kliento::TokenBundle;
use tokio::task::spawn_blocking;

use super::{IssuedBundle, SourceError, TokenBundleSource};

/// A file that holds a token bundle, which is read again when it changes, or is due.
///
/// It holds the bundle's octets, the value of an `Authorization` header, or the Base64 of it, as
/// `kliento issue` writes them; line breaks do not matter. Replace it by renaming another file to
/// it, so that it is never there in part. Each request looks at the file's metadata, which takes
/// about a microsecond on a local file system; a remote one may block.
///
/// ```
/// use kliento_tower::client::{BundleFile, KlientoClientLayer};
///
/// # fn layer() -> Result<KlientoClientLayer, kliento_tower::client::OriginError> {
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
    /// How the file was when it was read last.
    read: Mutex<Option<Stamp>>,
}

/// What tells a file from what it was before, or why that can't be told.
type Stamp = Result<(SystemTime, u64, u64), io::ErrorKind>;

/// Why a file gives no token bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFileError {
    /// The file can't be read.
    #[error("{} can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file holds no token bundle.
    #[error("{} holds no token bundle: {source}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: kliento::Error,
    },
}

impl BundleFile {
    /// Base64 in lines, of a bundle of the maximum size.
    const MAX_OCTETS: u64 = 32 * 1024;

    /// The bundle in the file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner { path: path.into(), read: Mutex::new(None) }))
    }
}

#[async_trait]
impl TokenBundleSource for BundleFile {
    async fn token_bundle(&self) -> Result<IssuedBundle, SourceError> {
        let inner = Arc::clone(&self.0);
        let read = spawn_blocking(move || inner.read()).await.map_err(SourceError::new)?;
        read.map_err(SourceError::new)
    }

    fn has_changed(&self) -> bool {
        let read = *self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.is_some_and(|read| read != stamp(&self.0.path))
    }
}

impl Inner {
    fn read(&self) -> Result<IssuedBundle, BundleFileError> {
        // Before reading, so that a change while it is being read is noticed afterwards.
        let stamp = stamp(&self.path);
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
        let refuse = |source| BundleFileError::Bundle { path: self.path.clone(), source };
        let octets = read_at_most(&self.path, BundleFile::MAX_OCTETS);
        let octets =
            octets.map_err(|source| BundleFileError::Read { path: self.path.clone(), source })?;
        IssuedBundle::from_claims(parse(octets).map_err(refuse)?).map_err(refuse)
    }
}

/// Reads a whole file, unless it is larger than that.
pub(super) fn read_at_most(path: &Path, maximum: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(maximum + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length <= maximum) {
        return Ok(octets);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {maximum} octets")))
}

/// Every bundle begins with 0x30; text that did, "0", would be Base64 of something else.
fn parse(octets: Vec<u8>) -> Result<TokenBundle, kliento::Error> {
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

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).map_err(|error| error.kind())?;
    let modified = metadata.modified().map_err(|error| error.kind())?;
    Ok((modified, metadata.len(), identity(&metadata)))
}

/// A file that was renamed to this one may have its size and time, but not its number.
#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
const fn identity(_: &fs::Metadata) -> u64 {
    0
}
