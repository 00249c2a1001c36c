//! The contents of a file of trust anchors, in either of the two formats.

use std::path::Path;

use kliento_core::{Timestamp, TrustAnchor};

use super::file_error::{SkipReason, SkippedAnchor, TrustAnchorFileError};
use super::{ds_records, root_anchors_xml};
use crate::polled_file::read_text;

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
        Self::parse(&read_text(path)?)
    }

    fn parse(text: &str) -> Result<Self, TrustAnchorFileError> {
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
