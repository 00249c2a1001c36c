//! Hooks: what a service decides about logins, new accounts and new passwords, and adds to access
//! tokens.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{Account, Profile};
use crate::access_token::ExtraClaims;
use crate::rbac::RoleName;
use crate::{ClientInfo, Principal, UserName};

/// Decisions of a service at the operations of [`Accounts`](super::Accounts); each allows by default.
///
/// Set it by [`Accounts::with_hooks`](super::Accounts::with_hooks). A hook runs in the request, after
/// all checks of this crate and before anything is changed:
///
/// - A [denial](HookDenial) ends the operation. The client gets 403 with the code `denied` and the
///   hook's own code in the member `denial`; the audit log and the log have the reason.
/// - An error, a panic, and a hook that takes longer than the
///   [timeout](super::Accounts::with_hook_timeout) are 503: nothing is allowed by a hook that fails.
///
/// A hook may run again for one operation, as if the password was replaced meanwhile, and the
/// operation may still fail afterwards. So it decides, and changes nothing; what has happened is in
/// the [audit sinks](crate::audit::AuditSinks).
///
/// ```
/// use std::sync::Arc;
///
/// use async_trait::async_trait;
/// use kleidia_tower::access_token::{ExtraClaims, KeyRing, SigningKey};
/// use kleidia_tower::account::{
///     AccessTokenContext, AccountError, AccountHooks, Accounts, HookDenial, HookError, LoginContext,
///     LoginRequest,
/// };
/// use kleidia_tower::password::PasswordHasher;
/// use kleidia_tower::rbac::RoleName;
/// use kleidia_tower::store::MemoryStore;
/// use kleidia_tower::ClientInfo;
///
/// struct Subscriptions;
///
/// #[async_trait]
/// impl AccountHooks for Subscriptions {
///     async fn before_login(&self, login: LoginContext) -> Result<(), HookError> {
///         if login.account.name.as_str() == "alice" {
///             return Ok(());
///         }
///         Err(HookDenial::new("subscription_ended", "no subscription since 2026-10-01").into())
///     }
///
///     async fn access_token_claims(
///         &self,
///         _: AccessTokenContext,
///     ) -> Result<ExtraClaims, HookError> {
///         ExtraClaims::default().with("plan", "gold").map_err(HookError::unavailable)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, keys) = (MemoryStore::default(), KeyRing::new([SigningKey::generate()?])?);
/// let accounts = Accounts::new(Arc::new(store), Arc::new(keys), PasswordHasher::new()?);
/// let accounts = accounts.with_hooks(Subscriptions);
///
/// let password = "correct horse battery staple";
/// for name in ["alice", "bob"] {
///     let (roles, client) = ([RoleName::user()].into(), ClientInfo::default());
///     accounts.create_user(None, name, password.into(), roles, client).await?;
/// }
/// let log_in = |name: &str| accounts.log_in(LoginRequest {
///     user_name: name.to_owned(),
///     password: password.into(),
///     client: ClientInfo::new("192.0.2.1".parse().unwrap()),
///     device_token: None,
/// });
/// assert!(log_in("alice").await.is_ok());
/// let Err(AccountError::Denied(denial)) = log_in("bob").await else { panic!() };
/// assert_eq!(denial.code(), "subscription_ended");
/// # Ok(()) }
/// ```
#[async_trait]
pub trait AccountHooks: Send + Sync + 'static {
    /// Decides about a login whose credentials are correct, of an account that is enabled.
    ///
    /// A denied login is no wrong password: it does not count in the lockout. It is recorded as
    /// `login.failure`. Its response tells that the password was correct; if it must not,
    /// [conceal](HookDenial::concealed) the denial.
    ///
    /// # Errors
    /// [`HookError::Denied`] to deny the login.
    async fn before_login(&self, _login: LoginContext) -> Result<(), HookError> {
        Ok(())
    }

    /// Decides about a new account, whose name is free, and whose roles and password are accepted.
    ///
    /// A denial is recorded as `permission.denied`.
    ///
    /// # Errors
    /// [`HookError::Denied`] to deny the account.
    async fn before_account_creation(&self, _new: NewAccountContext) -> Result<(), HookError> {
        Ok(())
    }

    /// Decides about a new password of an account, which the policy accepts, after the current one or
    /// a one-time code was verified. A denial does not use the code up.
    ///
    /// A denial is recorded as `permission.denied`.
    ///
    /// # Errors
    /// [`HookError::Denied`] to deny the change.
    async fn before_password_change(
        &self,
        _change: PasswordChangeContext,
    ) -> Result<(), HookError> {
        Ok(())
    }

    /// Returns the claims to add to an access token: at each login and refresh, before the session is
    /// opened or the refresh token consumed. Handlers find them by
    /// [`Principal::extra_claims`](crate::Principal::extra_claims).
    ///
    /// They hold as long as the token: a claim that must change at once belongs into the store.
    ///
    /// # Errors
    /// [`HookError::Denied`] to deny the login or the refresh. A denied refresh token remains valid.
    async fn access_token_claims(
        &self,
        _token: AccessTokenContext,
    ) -> Result<ExtraClaims, HookError> {
        Ok(ExtraClaims::default())
    }
}

/// A login that [`AccountHooks::before_login`] decides about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoginContext {
    /// The account.
    pub account: Arc<Account>,
    /// The client.
    pub client: ClientInfo,
}

/// A new account that [`AccountHooks::before_account_creation`] decides about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewAccountContext {
    /// The user name.
    pub name: UserName,
    /// The roles.
    pub roles: BTreeSet<RoleName>,
    /// The personal data.
    pub profile: Profile,
    /// The password, if the account gets one.
    pub password: Option<SecretString>,
    /// The principal that creates it; `None` outside of a session, as on a command line.
    pub actor: Option<Principal>,
    /// The client.
    pub client: ClientInfo,
}

/// A new password that [`AccountHooks::before_password_change`] decides about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PasswordChangeContext {
    /// The account.
    pub account: Arc<Account>,
    /// The new password.
    pub password: SecretString,
    /// The client.
    pub client: ClientInfo,
}

/// An access token to which [`AccountHooks::access_token_claims`] adds claims.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessTokenContext {
    /// The account.
    pub account: Arc<Account>,
    /// The client.
    pub client: ClientInfo,
}

/// Why a hook does not allow an operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// The hook denies it.
    #[error(transparent)]
    Denied(#[from] HookDenial),
    /// The hook cannot decide. Only the log has the cause, which must not contain secrets.
    #[error("hook unavailable: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// A denial by a hook: a code for the client, and a reason for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookDenial {
    code: &'static str,
    reason: String,
    is_concealed: bool,
}

impl HookError {
    /// Wraps the cause for which the hook cannot decide.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }
}

impl HookDenial {
    /// The maximum number of characters of a reason that the audit log has. The rest is left out.
    pub const MAX_REASON_CHARACTERS: usize = 200;

    /// Denies with a code, a stable name for clients such as `subscription_ended`, and a reason for
    /// the audit log and the log, which must not contain secrets.
    pub fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), is_concealed: false }
    }

    /// Answers a login as if the password was wrong: the client does not learn that it was correct,
    /// nor the code. The lockout does not count it, and the hook takes its time, so an attacker who
    /// measures may still tell. Other operations ignore it.
    #[must_use]
    pub fn concealed(self) -> Self {
        Self { is_concealed: true, ..self }
    }

    /// Returns the code that the client learns.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns whether a login is answered as if the password was wrong.
    #[must_use]
    pub const fn is_concealed(&self) -> bool {
        self.is_concealed
    }
}

impl fmt::Display for HookDenial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied by a hook, {}: {}", self.code, self.reason)
    }
}

impl Error for HookDenial {}
