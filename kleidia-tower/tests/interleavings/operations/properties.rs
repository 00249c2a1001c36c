//! What the test knows of an operation.

use super::Operation;

/// A lock that orders the numbers of records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbering {
    Administration,
    Account,
    Other,
    Failures,
}

impl Operation {
    /// Returns the name of the store's operation.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::LogIn | Self::LogInAtLimit => "open_session",
            Self::Refresh | Self::RefreshExpired | Self::RefreshAgain | Self::Reuse => {
                "rotate_refresh_token"
            }
            Self::LogOut | Self::LogOutEverywhere => "end_sessions",
            Self::EndSessionsOfUsers => "end_sessions_of_users",
            Self::ChangePassword => "change_password",
            Self::Disable | Self::DisableByOther | Self::DisableOther | Self::RemoveRole => {
                "update_account"
            }
            Self::CreateAccount => "create_account",
            Self::Import => "import_accounts",
            Self::IssueCode | Self::IssueCodeByOther => "issue_recovery_code",
            Self::Recover => "recover",
            Self::RequireChange => "require_password_change",
            Self::Rename => "rename",
            Self::Erase => "erase",
            Self::ReplaceProfile => "replace_profile",
            Self::BeginCeremony => "begin_ceremony",
            Self::TakeCeremony => "take_ceremony",
            Self::AddFactor => "add_factor",
            Self::UseFactor => "use_factor",
            Self::RemoveFactor => "remove_factors",
            Self::RegisterAgent => "register_agent",
            Self::Touch => "touch",
            Self::Reserve => "reserve_attempt",
            Self::RecordFailure | Self::RecordLateFailure => "record_failure",
            Self::RecordThrottled => "record_throttled",
            Self::Release => "release_attempt",
            Self::Unlock => "unlock",
            Self::AddDevice => "add_device",
            Self::Append => "append",
            Self::Purge => "purge",
            Self::Seal => "seal",
            Self::Detach => "detach",
            Self::ReplaceKey => "replace_key",
        }
    }

    /// Returns the locks under which it takes the numbers of its records. Of two operations with one
    /// of them in common, the later one has the larger numbers.
    const fn numbered_under(self) -> &'static [Numbering] {
        use Numbering::{Account, Administration, Failures, Other};
        match self {
            Self::LogIn
            | Self::LogInAtLimit
            | Self::Refresh
            | Self::RefreshExpired
            | Self::RefreshAgain
            | Self::Reuse
            | Self::LogOut
            | Self::LogOutEverywhere
            | Self::ChangePassword
            | Self::IssueCode
            | Self::RequireChange
            | Self::ReplaceProfile
            | Self::AddFactor
            | Self::RemoveFactor
            | Self::RegisterAgent
            | Self::Recover
            | Self::UseFactor => &[Account],
            Self::EndSessionsOfUsers => &[Administration, Account, Other],
            Self::Disable
            | Self::DisableByOther
            | Self::RemoveRole
            | Self::IssueCodeByOther
            | Self::Rename
            | Self::Erase => &[Administration, Account],
            Self::DisableOther => &[Administration, Other],
            Self::CreateAccount | Self::Import => &[Administration],
            Self::RecordFailure
            | Self::RecordLateFailure
            | Self::RecordThrottled
            | Self::Unlock => &[Failures],
            _ => &[],
        }
    }

    /// Returns whether the records of both are in the order of the operations.
    pub(crate) fn are_ordered(pair: [Self; 2]) -> bool {
        let [one, other] = pair.map(Self::numbered_under);
        one.iter().any(|lock| other.contains(lock))
    }

    /// Returns whether it concerns the Merkle log that seals the records.
    pub(crate) const fn is_of_log(self) -> bool {
        matches!(self, Self::Seal | Self::Detach | Self::ReplaceKey)
    }

    /// Returns whether it never waits for another operation.
    pub(crate) const fn never_waits(self) -> bool {
        matches!(self, Self::Touch | Self::Append | Self::Purge)
    }

    /// Returns whether it may do nothing if another transaction holds what it changes.
    pub(crate) fn may_be_skipped(self) -> bool {
        self == Self::Touch
    }
}
