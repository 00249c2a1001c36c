//! Why a line of an import is rejected.

use crate::UserNameError;
use crate::account::{AttributesError, DisplayNameError, EmailAddressError};
use crate::password::ImportedHashError;

/// Why a line of an import is rejected. The text never has a value of the line, except numbers of
/// its hash's cost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The line is too long.
    #[error("the line has more than {} octets", super::AccountImport::MAX_LINE_OCTETS)]
    LineTooLong,
    /// The line is not UTF-8.
    #[error("the line is not UTF-8")]
    InvalidUtf8,
    /// The line is not JSON.
    #[error("invalid JSON at column {column}")]
    InvalidJson {
        /// The position in octets, from 1 on.
        column: usize,
    },
    /// The object has a member that is unknown, repeated or of another type, or lacks one.
    #[error("unknown, missing, repeated or mistyped member at column {column}")]
    InvalidMember {
        /// The position after the member, in octets, from 1 on. For a missing one, the end.
        column: usize,
    },
    /// The user name is invalid.
    #[error("invalid user name: {0}")]
    UserName(#[from] UserNameError),
    /// The hash is not imported.
    #[error(transparent)]
    Hash(#[from] ImportedHashError),
    /// A role has an invalid name.
    #[error("invalid name of a role")]
    RoleName,
    /// The policy does not have a role.
    #[error("the policy does not have a role of the account")]
    UnknownRole,
    /// A role is one of an administrator.
    #[error("the account would be an administrator, which this import does not create")]
    Administrator,
    /// The name to display is invalid.
    #[error("invalid name to display: {0}")]
    DisplayName(#[from] DisplayNameError),
    /// The address of mail is invalid.
    #[error("{0}")]
    Email(#[from] EmailAddressError),
    /// The attributes are invalid.
    #[error("invalid attributes: {0}")]
    Attributes(#[from] AttributesError),
    /// A verified address is claimed, and there is none.
    #[error("a verified address without an address")]
    NoEmail,
    /// An earlier line has the same user name.
    #[error("an earlier line has the same user name")]
    RepeatedName,
    /// An account that no import created has the user name, or had it.
    #[error("another account has the user name, or had it")]
    UserNameTaken,
}

impl ImportError {
    /// Returns the stable code for reports.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidJson { .. } => "invalid_json",
            Self::InvalidMember { .. } => "invalid_member",
            Self::UserName(_) => "user_name",
            Self::Hash(error) => error.code(),
            Self::RoleName => "role_name",
            Self::UnknownRole => "role_unknown",
            Self::Administrator => "role_administrator",
            Self::DisplayName(_) => "display_name",
            Self::Email(_) | Self::NoEmail => "email",
            Self::Attributes(_) => "attributes",
            Self::RepeatedName => "name_repeated",
            Self::UserNameTaken => "name_taken",
        }
    }
}
