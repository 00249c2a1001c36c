//! A chain in a file.

use std::convert::identity;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;
use veraid::DnssecChain;

use super::{ChainError, FreshChain};
use crate::client::file::read_limited;

/// The path of a chain, in the format of [`DnssecChain::messages_to_der`].
#[derive(Clone, Debug)]
pub(super) struct StoredChain(Arc<Path>);

impl StoredChain {
    const MAX_OCTETS: u64 = 1024 * 1024;

    pub(super) fn new(path: PathBuf) -> Self {
        Self(path.into())
    }

    /// Reads the messages, or returns `None` if the file does not exist.
    pub(super) async fn read(&self) -> Result<Option<Vec<Vec<u8>>>, ChainError> {
        let path = Arc::clone(&self.0);
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let read = spawn_blocking(move || read_limited(&path, Self::MAX_OCTETS)).await;
        let octets = match read.map_err(io::Error::other).and_then(identity) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("reading", error)),
        };
        let messages = DnssecChain::messages_from_der(&octets).map_err(|error| {
            ChainError::Malformed { path: self.0.to_path_buf(), source: Arc::new(error) }
        })?;
        Ok(Some(messages.into_iter().map(<[u8]>::to_vec).collect()))
    }

    /// Replaces the file, which is either the old or the new one whenever the process or the system
    /// stops.
    pub(super) async fn write(&self, chain: Arc<FreshChain>) -> Result<(), ChainError> {
        let path = Arc::clone(&self.0);
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let written = spawn_blocking(move || replace(&path, chain.as_der())).await;
        let written = written.map_err(io::Error::other).and_then(identity);
        written.map_err(|error| self.failed("writing", error))
    }

    fn failed(&self, operation: &'static str, error: io::Error) -> ChainError {
        ChainError::File { operation, path: self.0.to_path_buf(), source: Arc::new(error) }
    }
}

fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // What a process left that was killed. A random name would leave one file for each of them.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written =
        OpenOptions::new().write(true).create_new(true).open(&new).and_then(|mut file| {
            file.write_all(octets)?;
            file.sync_all()
        });
    let replaced = written.and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&new);
    }
    replaced
}
