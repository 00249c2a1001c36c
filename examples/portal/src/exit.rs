//! The exit codes of commands.

use std::fmt;
use std::process::ExitCode;

use kleidia_tower::account::AccountError;
use kleidia_tower::store::{OpenError, StoreError};

use crate::BoxError;

/// Why a command ended. 0 is success, and 2 is a malformed command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command or a check failed.
    Failed = 1,
    /// The rules of accounts reject the change.
    Rejected = 3,
    /// There is no such account or session.
    NotFound = 4,
    /// The database cannot be reached.
    Unavailable = 5,
    /// No check failed, but some warn.
    Warnings = 6,
}

/// An error with an exit code of its own.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    text: String,
}

impl Exit {
    /// Returns an error with this exit code.
    pub(crate) fn error(self, text: impl fmt::Display) -> CommandError {
        CommandError { exit: self, text: text.to_string() }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CommandError {}

/// Returns the exit code of an error.
pub(crate) fn code(error: &BoxError) -> ExitCode {
    error.downcast_ref::<CommandError>().map_or(Exit::Failed, |error| error.exit).into()
}

/// Gives an error the exit code of its kind. Earlier spellings of commands exit with 1 for all.
pub(crate) fn classify(error: BoxError) -> BoxError {
    let exit = if let Some(error) = error.downcast_ref::<AccountError>() {
        exit_of_account_error(error)
    } else if let Some(error) = error.downcast_ref::<StoreError>() {
        exit_of_store_error(error)
    } else if let Some(OpenError::Database(_)) = error.downcast_ref() {
        Exit::Unavailable
    } else {
        return error;
    };
    exit.error(error).into()
}

fn exit_of_account_error(error: &AccountError) -> Exit {
    match error {
        AccountError::UserNotFound
        | AccountError::SessionNotFound
        | AccountError::InvalidUserName(_) => Exit::NotFound,
        AccountError::UserNameTaken
        | AccountError::PasswordRejected(_)
        | AccountError::RoleChange(_)
        | AccountError::UserDisabled
        | AccountError::Denied(_) => Exit::Rejected,
        AccountError::HookUnavailable | AccountError::Busy => Exit::Unavailable,
        AccountError::Store(error) => exit_of_store_error(error),
        _ => Exit::Failed,
    }
}

const fn exit_of_store_error(error: &StoreError) -> Exit {
    match error {
        StoreError::Unavailable(_) | StoreError::Busy => Exit::Unavailable,
        _ => Exit::Failed,
    }
}
