//! Errors of a file of trust anchors, and of single anchors in it.

use std::error::Error;
use std::io;

use veraid::ParseTrustAnchorError;

use crate::TextFileError;

/// The error of a file of trust anchors.
///
/// Lines are numbered from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorFileError {
    /// Reading the file failed.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// A line is not a DS record of the root.
    #[error("line {line}: {error}")]
    Record {
        /// The line.
        line: usize,
        /// The cause.
        #[source]
        error: ParseTrustAnchorError,
    },
    /// The XML is not well-formed, or has a document type declaration.
    #[error("malformed XML: {0}")]
    Xml(#[source] Box<dyn Error + Send + Sync>),
    /// An element or attribute violates RFC 9718 (2.1).
    #[error("line {line}: {name} {error}")]
    Element {
        /// The line of its start tag, or of its parent's.
        line: usize,
        /// The name of the element or attribute.
        name: &'static str,
        /// The cause.
        #[source]
        error: XmlElementError,
    },
    /// The file contains too many anchors.
    #[error("more than {limit} anchors")]
    TooMany {
        /// The maximum number of anchors.
        limit: usize,
    },
    /// The file contains no supported anchor.
    #[error("no usable anchor ({skipped} skipped)")]
    NoUsableAnchor {
        /// The number of unsupported anchors.
        skipped: usize,
    },
    /// The file is valid, but none of its anchors is valid at this time.
    #[error("no anchor is valid at this time")]
    NoValidAnchor,
    /// Starting the thread that polls the file failed.
    #[error("failed to start the polling thread: {0}")]
    SpawnThread(#[source] io::Error),
}

/// The error of an element or attribute of IANA's `root-anchors.xml`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlElementError {
    /// It is missing.
    #[error("is missing")]
    Missing,
    /// It occurs more than once.
    #[error("is repeated")]
    Repeated,
    /// Its value is invalid.
    #[error("has the invalid value {0:?}")]
    InvalidValue(String),
    /// Its children are not a valid DS record.
    #[error("is malformed: {0}")]
    Record(#[source] ParseTrustAnchorError),
}

/// An anchor of the file that is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("line {line}: {reason}")]
pub struct SkippedAnchor {
    /// The line of its start, from 1.
    pub line: usize,
    /// The reason.
    #[source]
    pub reason: SkipReason,
}

/// The reason for which an anchor is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its algorithm or digest type is not supported.
    #[error(transparent)]
    Unsupported(ParseTrustAnchorError),
    /// Its digest does not match its public key, so it must not be used (RFC 9718, 2.2).
    #[error("the digest does not match the public key")]
    DigestMismatch,
}
