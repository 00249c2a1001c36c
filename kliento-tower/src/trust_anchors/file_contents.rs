//! The contents of a file of trust anchors, in either of the two formats.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use kliento_core::{Timestamp, TrustAnchor};

use super::file_error::{SkipReason, SkippedAnchor, TrustAnchorFileError};
use super::{ds_records, root_anchors_xml};

/// In octets. IANA's file has about 2,000.
const MAX_FILE_LENGTH: u64 = 1 << 20;
/// Including skipped ones. The root has one to three.
const MAX_ANCHORS: usize = 64;

/// The contents of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) anchors: Vec<DatedAnchor>,
    pub(super) skipped: Vec<SkippedAnchor>,
}

/// An anchor and its validity; `None` if it is always valid.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DatedAnchor {
    pub(super) anchor: TrustAnchor,
    pub(super) period: Option<ValidityPeriod>,
}

/// From an instant (inclusive) to another one (exclusive) (RFC 9718, 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValidityPeriod {
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
}

impl Contents {
    /// Reads the file, and fails if any part of it is malformed.
    pub(super) fn read(path: &Path) -> Result<Self, TrustAnchorFileError> {
        // Opening a pipe would block until it has a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(TrustAnchorFileError::NotRegular);
        }
        let mut octets = Vec::new();
        File::open(path)?.take(MAX_FILE_LENGTH + 1).read_to_end(&mut octets)?;
        Self::parse(&octets)
    }

    fn parse(octets: &[u8]) -> Result<Self, TrustAnchorFileError> {
        if u64::try_from(octets.len()).is_ok_and(|length| length > MAX_FILE_LENGTH) {
            return Err(TrustAnchorFileError::TooLarge { limit: MAX_FILE_LENGTH });
        }
        let text = str::from_utf8(octets)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // No DS record begins with `<`, and all XML does.
        let is_xml = text.trim_ascii_start().starts_with('<');
        let contents =
            if is_xml { root_anchors_xml::parse(text)? } else { ds_records::parse(text)? };
        if contents.anchors.is_empty() {
            let skipped = contents.skipped.len();
            return Err(TrustAnchorFileError::NoUsableAnchor { skipped });
        }
        Ok(contents)
    }

    pub(super) fn add(&mut self, anchor: DatedAnchor) -> Result<(), TrustAnchorFileError> {
        self.anchors.push(anchor);
        self.check_count()
    }

    pub(super) fn skip(
        &mut self,
        line: usize,
        reason: SkipReason,
    ) -> Result<(), TrustAnchorFileError> {
        self.skipped.push(SkippedAnchor { line, reason });
        self.check_count()
    }

    fn check_count(&self) -> Result<(), TrustAnchorFileError> {
        if self.anchors.len() + self.skipped.len() > MAX_ANCHORS {
            return Err(TrustAnchorFileError::TooMany { limit: MAX_ANCHORS });
        }
        Ok(())
    }
}

impl ValidityPeriod {
    pub(super) fn contains(self, instant: Timestamp) -> bool {
        self.from <= instant && self.until.is_none_or(|until| instant < until)
    }
}
