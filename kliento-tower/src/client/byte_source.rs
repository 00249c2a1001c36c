//! Octets in memory, in a file, or of a chain that is kept fresh.

use std::path::{Path, PathBuf};

#[cfg(feature = "agent")]
use super::ChainSource;
use super::LocalSignerError;
use super::file::read_limited;

/// Octets in memory, or in a file that is re-read for each use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ByteSource {
    /// Octets in memory.
    Memory(Vec<u8>),
    /// A file of at most 1 MiB.
    File(PathBuf),
    /// The chain that a source keeps fresh.
    #[cfg(feature = "agent")]
    Chain(ChainSource),
}

impl ByteSource {
    const MAX_FILE: u64 = 1024 * 1024;

    pub(super) fn read(&self) -> Result<Vec<u8>, LocalSignerError> {
        match self {
            Self::Memory(octets) => Ok(octets.clone()),
            Self::File(path) => read_limited(path, Self::MAX_FILE)
                .map_err(|source| LocalSignerError::Read { path: path.clone(), source }),
            #[cfg(feature = "agent")]
            Self::Chain(chain) => Ok(chain.current()?.as_der().to_vec()),
        }
    }
}

impl From<Vec<u8>> for ByteSource {
    fn from(octets: Vec<u8>) -> Self {
        Self::Memory(octets)
    }
}

impl From<PathBuf> for ByteSource {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for ByteSource {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

#[cfg(feature = "agent")]
impl From<ChainSource> for ByteSource {
    fn from(chain: ChainSource) -> Self {
        Self::Chain(chain)
    }
}
