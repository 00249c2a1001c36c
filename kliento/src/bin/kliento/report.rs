//! The result of a verification, as JSON and as an exit status.

use std::process::ExitCode;

use kliento::{Claims, Error, VerifiedToken};
use serde::Serialize;

/// The result of a verification, with the same JSON in each command: of a token, or of something
/// else.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum Report<T = ValidToken> {
    Valid(T),
    Invalid { code: &'static str, error: String },
    Malformed { code: &'static str, error: String },
}

/// What a valid token says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidToken {
    /// The name that deployed verifiers use for the documented `subjectId`.
    pub(crate) subject: String,
    subject_id: String,
    audience: String,
    claims: Claims,
    signer: String,
    valid_from: String,
    valid_until: String,
}

/// The result of a command, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Valid,
    Invalid,
    Malformed,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Valid => 0,
            Status::Invalid => 1,
            Status::Malformed => 3,
        })
    }
}

impl Status {
    /// Returns the status as in the JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Malformed => "malformed",
        }
    }
}

impl<T> Report<T> {
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Valid(_) => Status::Valid,
            Self::Invalid { .. } => Status::Invalid,
            Self::Malformed { .. } => Status::Malformed,
        }
    }

    /// Returns the code of the error.
    pub(crate) const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Valid(_) => None,
            Self::Invalid { code, .. } | Self::Malformed { code, .. } => Some(code),
        }
    }
}

impl From<&Result<VerifiedToken, Error>> for Report {
    fn from(verified: &Result<VerifiedToken, Error>) -> Self {
        match verified {
            Ok(token) => Self::Valid(ValidToken {
                subject: token.subject_id(),
                subject_id: token.subject_id(),
                audience: token.audience().to_owned(),
                claims: token.claims().clone(),
                signer: token.signer().to_string(),
                valid_from: token.period().start().to_string(),
                valid_until: token.period().end().to_string(),
            }),
            Err(error) => {
                let (code, sentence) = (error.code(), error.to_string());
                match error {
                    Error::Malformed(_) => Self::Malformed { code, error: sentence },
                    Error::Invalid(_) => Self::Invalid { code, error: sentence },
                }
            }
        }
    }
}
