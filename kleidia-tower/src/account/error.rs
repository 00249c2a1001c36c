//! Errors of [`Accounts`](super::Accounts).

use std::sync::Arc;
use std::time::Duration;

use super::{AccountChangeError, HookDenial};
use crate::access_token::{AccessTokenError, KeyError};
use crate::password::{BreachedPasswordError, HashingError, PasswordViolation, join_violations};
use crate::rate_limit::RateLimitError;
use crate::rbac::{Denial, PolicyError, RoleChangeError, StepUp};
use crate::store::StoreError;
use crate::{InvalidField, Rejection, UserNameError};

/// An error of an operation of [`Accounts`](super::Accounts).
///
/// It converts into a [`Rejection`] for HTTP clients.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The name of a new account is invalid.
    #[error("invalid user name: {0}")]
    InvalidUserName(#[from] UserNameError),
    /// Another account has this user name.
    #[error("user name already exists")]
    UserNameTaken,
    /// The new password violates the policy in these ways.
    #[error("password violates the policy: {}", join_violations(.0))]
    PasswordRejected(Vec<PasswordViolation>),
    /// The password is wrong, the user name is unknown, or login is locked or throttled.
    ///
    /// Only the audit log distinguishes these cases, so that no client can.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// The current password is wrong, or its verification is locked or throttled.
    #[error("wrong current password")]
    WrongCurrentPassword,
    /// The change violates the rules for roles. A denial is recorded.
    #[error(transparent)]
    RoleChange(#[from] RoleChangeError),
    /// The refresh token is unknown, expired or revoked.
    #[error("unknown, expired or revoked refresh token")]
    RefreshTokenInvalid,
    /// The refresh token was used again after the grace period. Its family is revoked.
    #[error("refresh token reused, its family is revoked")]
    RefreshTokenReused,
    /// The account has refreshed its sessions too often. The token is still valid.
    #[error("too many refreshes of the account, retry in {} seconds", .retry_after.as_secs_f64())]
    TooManyRefreshes {
        /// The time after which a refresh would be allowed.
        retry_after: Duration,
    },
    /// The one-time code is unknown, used, replaced or expired, of another account, or of a disabled
    /// one.
    ///
    /// Only the audit log distinguishes these cases, so that no client can.
    #[error("one-time code invalid")]
    CodeInvalid,
    /// The session has to be authenticated further first. A denial is recorded.
    #[error(transparent)]
    StepUp(StepUp),
    /// The one-time password, the recovery code or the passkey is wrong or was used before, or its
    /// verification is locked.
    #[error("wrong factor, or factors locked")]
    FactorRejected,
    /// The enrolment or the ceremony of a factor is unknown, finished or expired.
    #[error("enrolment or ceremony of a factor unknown, finished or expired")]
    CeremonyExpired,
    /// The account has as many factors as it can have.
    #[error("too many factors")]
    TooManyFactors,
    /// A factor with this credential exists.
    #[error("factor exists")]
    FactorExists,
    /// The user has no factor with this id.
    #[error("factor not found")]
    FactorNotFound,
    /// The service has no settings for passkeys.
    #[error("passkeys unsupported")]
    PasskeysUnsupported,
    /// The principal may not remove the factors of this account. A denial is recorded.
    #[error(transparent)]
    FactorsNotRemovable(Denial),
    /// The secret of a factor is encrypted by a key that this service does not have.
    #[error("key of a factor unavailable")]
    FactorKeyUnavailable,
    /// The account is disabled.
    #[error("account disabled")]
    AccountDisabled,
    /// The account is enabled, and only a disabled one is erased.
    #[error("user enabled")]
    UserEnabled,
    /// The account of another user is disabled or erased, so the change is of no use.
    #[error("user disabled")]
    UserDisabled,
    /// A hook denies the operation. The denial is recorded.
    #[error(transparent)]
    Denied(HookDenial),
    /// A hook failed, panicked, or took too long.
    #[error("account hook unavailable")]
    HookUnavailable,
    /// No account has this id.
    #[error("user not found")]
    UserNotFound,
    /// The user has no active session with this id.
    #[error("session not found")]
    SessionNotFound,
    /// The request has no client address, which the lockout needs.
    #[error("{}", Rejection::ClientAddressUnknown)]
    ClientAddressUnknown,
    /// Too many passwords are being hashed, or too many attempts at one login are pending.
    #[error("queue full")]
    Busy,
    /// The store is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys of access tokens are unavailable.
    #[error(transparent)]
    Keys(Arc<KeyError>),
    /// An access token cannot be signed.
    #[error(transparent)]
    Signing(Arc<AccessTokenError>),
    /// A password cannot be hashed or verified.
    #[error(transparent)]
    Hashing(Arc<HashingError>),
    /// The list of breached passwords is unavailable.
    #[error(transparent)]
    BreachedPasswords(Arc<BreachedPasswordError>),
    /// The policy is unavailable.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The clock is unavailable.
    #[error("clock unavailable")]
    ClockUnavailable,
    /// The operating system provides no random octets.
    #[error("no random octets available")]
    RandomUnavailable,
    /// The operation ended before its outcome was known: it panicked, or the runtime shut down.
    #[error("operation aborted")]
    Aborted,
}

/// Returns `success` or the code of the rejection, for metrics.
pub(super) fn outcome_name<T>(outcome: &Result<T, AccountError>) -> &'static str {
    match outcome {
        Ok(_) => "success",
        Err(error) => Rejection::from(error.clone()).code(),
    }
}

impl From<AccountChangeError> for AccountError {
    fn from(error: AccountChangeError) -> Self {
        match error {
            AccountChangeError::UserNameTaken => Self::UserNameTaken,
            AccountChangeError::UserNotFound => Self::UserNotFound,
            AccountChangeError::UserDisabled | AccountChangeError::UserErased => Self::UserDisabled,
            AccountChangeError::UserEnabled => Self::UserEnabled,
            AccountChangeError::Roles(error) => Self::RoleChange(error),
        }
    }
}

impl From<HashingError> for AccountError {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Busy => Self::Busy,
            error => Self::Hashing(Arc::new(error)),
        }
    }
}

impl From<RateLimitError> for AccountError {
    fn from(error: RateLimitError) -> Self {
        match error {
            RateLimitError::Exceeded { retry_after } => Self::TooManyRefreshes { retry_after },
            // The cost of a refresh is 1, which is at most any burst.
            RateLimitError::CostExceedsBurst { .. } => Self::Busy,
        }
    }
}

impl From<KeyError> for AccountError {
    fn from(error: KeyError) -> Self {
        Self::Keys(Arc::new(error))
    }
}

impl From<AccessTokenError> for AccountError {
    fn from(error: AccessTokenError) -> Self {
        Self::Signing(Arc::new(error))
    }
}

impl From<BreachedPasswordError> for AccountError {
    fn from(error: BreachedPasswordError) -> Self {
        Self::BreachedPasswords(Arc::new(error))
    }
}

impl From<RoleChangeError> for Rejection {
    fn from(error: RoleChangeError) -> Self {
        match error {
            RoleChangeError::UnknownRoles(_) => {
                let detail = "The policy does not have such a role";
                Self::InvalidFields(vec![InvalidField::new("roles", "invalid", detail)])
            }
            RoleChangeError::Denied(denial) => Self::PermissionDenied(denial),
            RoleChangeError::LastAdmin => Self::LastAdmin,
        }
    }
}

/// Maps each error to its rejection.
impl From<AccountError> for Rejection {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::InvalidUserName(error) => {
                Self::InvalidFields(vec![InvalidField::user_name(error)])
            }
            AccountError::UserNameTaken => Self::NameTaken,
            AccountError::PasswordRejected(violations) => {
                Self::PasswordRejected { field: "password", violations }
            }
            AccountError::InvalidCredentials => Self::InvalidCredentials,
            AccountError::WrongCurrentPassword => Self::WrongCurrentPassword,
            AccountError::RoleChange(error) => Self::from(error),
            AccountError::RefreshTokenInvalid => Self::RefreshTokenInvalid,
            AccountError::RefreshTokenReused => Self::RefreshTokenReused,
            AccountError::TooManyRefreshes { retry_after } => {
                Self::RateLimited { retry_after, headers: None }
            }
            AccountError::CodeInvalid => Self::CodeInvalid,
            AccountError::AccountDisabled => Self::AccountDisabled,
            AccountError::UserDisabled => Self::UserDisabled,
            AccountError::UserEnabled => Self::UserEnabled,
            AccountError::Denied(denial) => Self::Denied(denial),
            AccountError::HookUnavailable => Self::Unavailable("account hook unavailable"),
            AccountError::StepUp(step_up) => Self::StepUpRequired(step_up),
            AccountError::FactorRejected => Self::FactorRejected,
            AccountError::CeremonyExpired => Self::CeremonyExpired,
            AccountError::TooManyFactors => Self::TooManyFactors,
            AccountError::FactorExists => Self::FactorExists,
            AccountError::FactorsNotRemovable(denial) => Self::PermissionDenied(denial),
            AccountError::FactorKeyUnavailable => Self::Unavailable("key of a factor unavailable"),
            AccountError::UserNotFound
            | AccountError::SessionNotFound
            | AccountError::FactorNotFound
            | AccountError::PasskeysUnsupported => Self::NotFound,
            AccountError::Busy => Self::Busy,
            AccountError::Store(error) => Self::from(error),
            AccountError::Keys(error) => Self::KeysUnavailable(error),
            AccountError::Signing(error) => Self::AccessToken(error),
            AccountError::Hashing(error) => Self::PasswordHashing(error),
            AccountError::ClientAddressUnknown => Self::ClientAddressUnknown,
            AccountError::BreachedPasswords(_) => {
                Self::Unavailable("breached-password list unavailable")
            }
            AccountError::Policy(_) => Self::Unavailable("policy unavailable"),
            AccountError::ClockUnavailable => Self::Unavailable("clock unavailable"),
            AccountError::RandomUnavailable => Self::Unavailable("no random octets available"),
            AccountError::Aborted => Self::Unavailable("operation aborted"),
        }
    }
}
