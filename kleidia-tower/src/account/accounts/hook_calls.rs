//! Calls of hooks: bounded in time, with their panics contained and their denials recorded.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_guard::{Supervisor, event, log_text_up_to};
use tokio::time::timeout;

use super::Accounts;
use crate::access_token::ExtraClaims;
use crate::account::{
    AccessTokenContext, Account, AccountError, AccountHooks, HookDenial, HookError, LoginContext,
    NewAccountContext, PasswordChangeContext,
};
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::instruments::{self, Timer};
use crate::store::ChangeContext;
use crate::telemetry::{MAX_ERROR_CHARACTERS, log_unavailable};
use crate::visible_text::replace_invisible;
use crate::{SessionId, SettingError};

/// The hooks of a service, and how long each may take.
#[derive(Clone)]
pub(super) struct HookCalls {
    hooks: Option<Arc<dyn AccountHooks>>,
    timeout: Duration,
    supervisor: Supervisor,
}

/// Why a hook did not decide.
#[derive(Debug, thiserror::Error)]
enum HookFailure {
    #[error("{hook}: {cause}")]
    Failed { hook: &'static str, cause: Box<dyn Error + Send + Sync> },
    #[error("{hook}: no decision within {} ms", .timeout.as_millis())]
    TimedOut { hook: &'static str, timeout: Duration },
    #[error("{hook}: panicked")]
    Panicked { hook: &'static str },
}

impl Default for HookCalls {
    fn default() -> Self {
        let (timeout, supervisor) = (Duration::from_secs(2), Supervisor::new("account-hooks"));
        Self { hooks: None, timeout, supervisor }
    }
}

impl Accounts {
    /// Has these hooks decide about logins, new accounts and new passwords, and add claims to access
    /// tokens; none by default.
    #[must_use]
    pub fn with_hooks(self, hooks: impl AccountHooks) -> Self {
        self.with(|inner| inner.hooks.hooks = Some(Arc::new(hooks)))
    }

    /// Sets how long a hook may take: 10 milliseconds to 30 seconds, 2 seconds by default. After that
    /// the operation fails as unavailable (503).
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_hook_timeout(self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(10)..=Duration::from_secs(30);
        let timeout = SettingError::check("hook timeout", timeout, bounds)?;
        Ok(self.with(|inner| inner.hooks.timeout = timeout))
    }

    /// Asks the hooks about a login with correct credentials, and returns the claims of its access
    /// token. Each kind of login calls it before it opens a session. A denial is recorded.
    pub(in crate::account) async fn check_login_hooks(
        &self,
        account: &Arc<Account>,
        change: &ChangeContext,
    ) -> Result<ExtraClaims, AccountError> {
        // The operation rejects a disabled account, and records that.
        let Some(hooks) = self.hooks().filter(|_| !account.is_disabled) else {
            return Ok(ExtraClaims::default());
        };
        let login = LoginContext { account: Arc::clone(account), client: change.client.clone() };
        let allowed =
            self.call_hook("before_login", async { hooks.before_login(login).await }).await;
        let claims = match allowed {
            Ok(()) => self.call_claims_hook(hooks, account, change).await,
            Err(error) => Err(error),
        };
        let Err(AccountError::Denied(denial)) = claims else { return claims };
        let event = denied(change, EventKind::LoginFailure, &denial);
        let user = Some(AuditIdentity::account(account.id, &account.name));
        self.record_rejection(AuditEvent { user, ..event }).await?;
        let is_concealed = denial.is_concealed();
        Err(if is_concealed {
            AccountError::InvalidCredentials
        } else {
            AccountError::Denied(denial)
        })
    }

    /// Returns the claims of the access token of a refresh. A denial is recorded.
    pub(in crate::account) async fn check_refresh_hooks(
        &self,
        account: &Arc<Account>,
        session: SessionId,
        change: &ChangeContext,
    ) -> Result<ExtraClaims, AccountError> {
        let Some(hooks) = self.hooks() else { return Ok(ExtraClaims::default()) };
        let claims = self.call_claims_hook(hooks, account, change).await;
        if let Err(AccountError::Denied(denial)) = &claims {
            let event = denied(change, EventKind::TokenRefresh, denial);
            let user = Some(AuditIdentity::account(account.id, &account.name));
            let event = AuditEvent { user, session: Some(session), ..event };
            self.audit_trail().record_denial(|at| vec![AuditEvent { at, ..event }]);
        }
        claims
    }

    /// Asks the hook about a new account. A denial is recorded.
    pub(in crate::account) async fn check_creation_hook(
        &self,
        new: NewAccountContext,
    ) -> Result<(), AccountError> {
        let Some(hooks) = self.hooks() else { return Ok(()) };
        let change = self.change(new.client.clone(), new.actor.as_ref())?;
        let decision = async { hooks.before_account_creation(new).await };
        let decided = self.call_hook("before_account_creation", decision).await;
        if let Err(AccountError::Denied(denial)) = &decided {
            let event = denied(&change, EventKind::PermissionDenied, denial);
            let user = change.actor.clone();
            self.audit_trail().record_denial(|at| vec![AuditEvent { at, user, ..event }]);
        }
        decided
    }

    /// Asks the hook about a new password. A denial is recorded.
    pub(in crate::account) async fn check_password_hook(
        &self,
        new: PasswordChangeContext,
    ) -> Result<(), AccountError> {
        let Some(hooks) = self.hooks() else { return Ok(()) };
        let change = self.change(new.client.clone(), None)?;
        let user = Some(AuditIdentity::account(new.account.id, &new.account.name));
        let decision = async { hooks.before_password_change(new).await };
        let decided = self.call_hook("before_password_change", decision).await;
        if let Err(AccountError::Denied(denial)) = &decided {
            let event = denied(&change, EventKind::PermissionDenied, denial);
            self.audit_trail().record_denial(|at| vec![AuditEvent { at, user, ..event }]);
        }
        decided
    }

    async fn call_claims_hook(
        &self,
        hooks: &dyn AccountHooks,
        account: &Arc<Account>,
        change: &ChangeContext,
    ) -> Result<ExtraClaims, AccountError> {
        let (account, client) = (Arc::clone(account), change.client.clone());
        let token = AccessTokenContext { account, client };
        let claims = async { hooks.access_token_claims(token).await };
        self.call_hook("access_token_claims", claims).await
    }

    fn hooks(&self) -> Option<&dyn AccountHooks> {
        self.0.hooks.hooks.as_deref()
    }

    /// Runs a hook. Only a decision in time allows anything.
    async fn call_hook<T>(
        &self,
        hook: &'static str,
        decision: impl Future<Output = Result<T, HookError>>,
    ) -> Result<T, AccountError> {
        let HookCalls { timeout: limit, supervisor, .. } = &self.0.hooks;
        let timer = Timer::start();
        // The timeout panics without a timer of the runtime: inside, that is a failure of the hook.
        let decision = async { timeout(*limit, decision).await };
        let (outcome, result) = match supervisor.run_async_iteration(decision).await {
            Some(Ok(Ok(value))) => ("ok", Ok(value)),
            Some(Ok(Err(HookError::Denied(denial)))) => {
                log_denial(hook, &denial);
                ("denied", Err(AccountError::Denied(denial)))
            }
            Some(Ok(Err(HookError::Unavailable(cause)))) => {
                ("error", Err(unavailable(&HookFailure::Failed { hook, cause })))
            }
            Some(Err(_)) => {
                ("timeout", Err(unavailable(&HookFailure::TimedOut { hook, timeout: *limit })))
            }
            None => ("panic", Err(unavailable(&HookFailure::Panicked { hook }))),
        };
        instruments::record_hook(hook, outcome, timer);
        result
    }
}

fn unavailable(failure: &HookFailure) -> AccountError {
    log_unavailable("account hook", failure);
    AccountError::HookUnavailable
}

fn log_denial(hook: &'static str, denial: &HookDenial) {
    let reason = log_text_up_to(MAX_ERROR_CHARACTERS, denial.reason());
    event!(debug, hook, code = denial.code(), reason, "denied by a hook");
}

/// Returns the event of a denial, with the code and the reason.
fn denied(change: &ChangeContext, kind: EventKind, denial: &HookDenial) -> AuditEvent {
    let reason = replace_invisible(denial.reason(), HookDenial::MAX_REASON_CHARACTERS);
    let reason = Reason::Policy(format!("{}: {reason}", denial.code()));
    change.event(kind, Outcome::Failure, Some(reason))
}
