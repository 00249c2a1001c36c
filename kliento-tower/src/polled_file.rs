//! What the files that are polled for changes have in common: how they are read and named in logs.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::str::Utf8Error;
use std::time::Duration;

use crate::SettingError;

pub(crate) const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5);
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// In octets.
const MAX_FILE_LENGTH: u64 = 1 << 20;
/// The maximum length of a path in the log, and of an error about the file.
pub(crate) const MAX_LOGGED_CHARACTERS: usize = 300;

/// The error of reading a text file: a regular one of at most 1 MiB in UTF-8.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextFileError {
    /// Reading the file failed, for example because it does not exist.
    #[error("failed to read the file: {0}")]
    Read(#[from] io::Error),
    /// The path is that of a directory, a pipe or a device.
    #[error("not a regular file")]
    NotRegular,
    /// The file is too large.
    #[error("file larger than {limit} octets")]
    TooLarge {
        /// The limit in octets.
        limit: u64,
    },
    /// The file is not UTF-8.
    #[error("the file is not UTF-8: {0}")]
    Encoding(#[from] Utf8Error),
}

/// Reads the file, without a byte-order mark.
pub(crate) fn read_text(path: &Path) -> Result<String, TextFileError> {
    // Opening a pipe would block until it has a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(TextFileError::NotRegular);
    }
    let mut octets = Vec::new();
    File::open(path)?.take(MAX_FILE_LENGTH + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > MAX_FILE_LENGTH) {
        return Err(TextFileError::TooLarge { limit: MAX_FILE_LENGTH });
    }
    let text = str::from_utf8(&octets)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

/// Checks the time between two reads: at least 100 milliseconds.
pub(crate) fn check_poll_interval(interval: Duration) -> Result<Duration, SettingError> {
    SettingError::check("poll interval", interval, MIN_POLL_INTERVAL..=Duration::MAX)
}
