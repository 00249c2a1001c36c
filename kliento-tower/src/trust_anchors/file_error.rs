//! What is wrong with a file of trust anchors, or with one anchor in it.

use std::error::Error;
use std::io;
use std::str::Utf8Error;

use veraid::ParseTrustAnchorError;

/// Why a file of trust anchors can't be used.
///
/// Lines count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustAnchorFileError {
    /// The file can't be read, for instance because it is not there.
    #[error("the file can't be read: {0}")]
    Read(#[from] io::Error),
    /// The path leads to a folder, a pipe or a device.
    #[error("not a regular file")]
    NotRegular,
    /// The file is larger than any file of trust anchors.
    #[error("the file is larger than {limit} octets")]
    TooLarge {
        /// How many octets a file may have.
        limit: u64,
    },
    /// The file is not in UTF-8.
    #[error("the file is not in UTF-8: {0}")]
    Encoding(#[from] Utf8Error),
    /// A line holds something else than a DS record of the root.
    #[error("line {line}: {error}")]
    Record {
        /// Which line.
        line: usize,
        /// What is wrong with it.
        #[source]
        error: ParseTrustAnchorError,
    },
    /// The XML is not well-formed, or has a document type.
    #[error("malformed XML: {0}")]
    Xml(#[source] Box<dyn Error + Send + Sync>),
    /// An element or attribute is not as RFC 9718 (2.1) has it.
    #[error("line {line}: {name} {fault}")]
    Element {
        /// The line where it, or else its parent, begins.
        line: usize,
        /// The name of the element or attribute.
        name: &'static str,
        /// What is wrong with it.
        #[source]
        fault: ElementFault,
    },
    /// There are more anchors than the root ever has.
    #[error("the file has more than {limit} anchors")]
    TooMany {
        /// How many anchors a file may have.
        limit: usize,
    },
    /// There is no anchor, or none that can be used.
    #[error("the file has no usable anchor ({skipped} skipped)")]
    NoAnchors {
        /// How many anchors are there that can't be used.
        skipped: usize,
    },
    /// The file is sound, but the time is outside the validity of each of its anchors.
    #[error("none of the anchors is valid now")]
    NoneValid,
    /// The thread that watches the file can't be started.
    #[error("the file can't be watched: {0}")]
    Watch(#[source] io::Error),
}

/// What is wrong with an element or attribute of IANA's `root-anchors.xml`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElementFault {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is there more than once.
    #[error("is repeated")]
    Repeated,
    /// It says something that can't be understood, or can't be.
    #[error("can't be {0:?}")]
    Value(String),
    /// Its parts make no DS record.
    #[error("is malformed: {0}")]
    Record(#[source] ParseTrustAnchorError),
}

/// An anchor of the file that is not used, beside others that are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("line {line}: {reason}")]
pub struct SkippedAnchor {
    /// The line where it begins, from 1.
    pub line: usize,
    /// Why it is not used.
    #[source]
    pub reason: SkipReason,
}

/// Why an anchor is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its algorithm or digest type can't be checked.
    #[error(transparent)]
    Unsupported(ParseTrustAnchorError),
    /// It is not the DS record of the public key beside it, and must not be used (RFC 9718, 2.2).
    #[error("the digest is not that of the public key beside it")]
    OtherKey,
}
