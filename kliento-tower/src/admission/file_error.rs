//! Errors of a file of rules.

use std::fmt;
use std::io;

use crate::{AdmissionError, TextFileError};

/// The error of a file of rules.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionFileError {
    /// Reading the file failed.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The file is not TOML, a key is unknown, or a value is of the wrong type.
    #[error("{position}: {message}")]
    Syntax {
        /// The position of the fault.
        position: Position,
        /// What is wrong, which may quote the file.
        message: String,
    },
    /// A name is invalid, or a number is out of bounds.
    #[error("{position}: {error}")]
    Invalid {
        /// The position of the value.
        position: Position,
        /// The cause.
        #[source]
        error: AdmissionError,
    },
    /// A list is empty, or a condition is never met.
    #[error("{position}: {key} is empty")]
    Empty {
        /// The position of the entry.
        position: Position,
        /// The key.
        key: &'static str,
    },
    /// A name occurs twice, in one list or in two quotas.
    #[error("{position}: duplicate {name:?}")]
    Duplicate {
        /// The position of the second one.
        position: Position,
        /// The name.
        name: String,
    },
    /// A quota names an organisation to which an earlier quota applies.
    #[error("{position}: an earlier quota applies to {name:?}")]
    CoveredQuota {
        /// The position of the name.
        position: Position,
        /// The name.
        name: String,
    },
    /// A rule has an audience that is none of
    /// [those that are known](crate::AdmissionFileOptions::with_audiences).
    #[error("{position}: unknown audience {audience:?}")]
    UnknownAudience {
        /// The position of the audience.
        position: Position,
        /// The audience.
        audience: String,
    },
    /// A rule names neither organisations nor subjects. `organisations = ["*"]` names all.
    #[error("{position}: the rule names neither organisations nor subjects")]
    UnnamedCallers {
        /// The position of the rule.
        position: Position,
    },
    /// A quota follows one for every organisation, so it never applies.
    #[error("{position}: the quota follows one for every organisation")]
    UnreachableQuota {
        /// The position of the quota.
        position: Position,
    },
    /// The file contains too many entries of a kind.
    #[error("more than {limit} entries of {key}")]
    TooMany {
        /// The kind of entry.
        key: &'static str,
        /// The maximum number.
        limit: usize,
    },
    /// The file contains no rule that allows a workload.
    #[error("no [[allow]] rule")]
    NoAllowRule,
    /// Starting the thread that polls the file failed.
    #[error("failed to start the polling thread: {0}")]
    SpawnThread(#[source] io::Error),
}

/// A position in a text file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// Returns the position of an octet of the text.
    pub(super) fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.get(line_start..).map_or(0, |line| line.chars().count());
        Self { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
