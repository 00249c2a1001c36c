//! Login: exchanges a user name and a password for a session.

use std::fmt;

use http_guard::telemetry::IsolatedSpan;
use secrecy::{ExposeSecret as _, SecretString};

use super::accounts::random_token;
use super::error::outcome_name;
use super::password_verification::VerifiedPassword;
use super::{AccountError, Accounts, TokenSet};
use crate::audit::{EventKind, Outcome, Reason};
use crate::instruments;
use crate::lockout::{Evidence, LoginAttempt, LoginSource};
use crate::opaque_token::OpaqueToken;
use crate::session::{NewSession, OpenOutcome};
use crate::{ClientInfo, UserName, time};

/// An attempt to log in.
pub struct LoginRequest {
    /// The user name as typed; any variant of its canonical form is accepted.
    pub user_name: String,
    /// The password.
    pub password: SecretString,
    /// The client; the lockout needs its address.
    pub client: ClientInfo,
    /// The [device token](TokenSet::device_token) of an earlier login from this device. With a
    /// token of the account, guesses by others do not throttle the login. Any other value is
    /// ignored.
    pub device_token: Option<SecretString>,
}

impl Accounts {
    /// Opens a new session if the password is correct.
    ///
    /// An unknown or locked user name takes the time of a wrong password and gets the same error.
    /// The attempt runs to completion even if the caller drops the future, so disconnecting does
    /// not avoid being counted. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`AccountError::InvalidCredentials`], [`AccountError::AccountDisabled`] and
    /// [`AccountError::Denied`] if the password is correct, [`AccountError::ClientAddressUnknown`],
    /// [`AccountError::Busy`], and server errors.
    pub async fn log_in(&self, request: LoginRequest) -> Result<TokenSet, AccountError> {
        self.require_address(&request.client)?;
        let accounts = self.clone();
        let attempt = async move {
            let outcome = accounts.log_in_twice(&request).await;
            instruments::count_login(outcome_name(&outcome));
            outcome
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let done = tokio::spawn(IsolatedSpan::current().instrument(attempt)).await;
        done.unwrap_or(Err(AccountError::Aborted))
    }

    /// Tries once more if the hash was replaced meanwhile: by a new password, or by a concurrent
    /// login that rehashed the same one.
    async fn log_in_twice(&self, request: &LoginRequest) -> Result<TokenSet, AccountError> {
        if let Some(tokens) = self.log_in_once(request).await? {
            return Ok(tokens);
        }
        self.log_in_once(request).await?.ok_or(AccountError::InvalidCredentials)
    }

    /// Returns `None` if the password was replaced while it was verified.
    async fn log_in_once(&self, request: &LoginRequest) -> Result<Option<TokenSet>, AccountError> {
        let LoginRequest { user_name, password, client, device_token } = request;
        let keys = self.keys().await?;
        let (settings, token, refresh) = (self.settings(), random_token()?, random_token()?);
        let new_device = random_token()?;
        let permit = self.hasher().permit().await?;
        let change = self.change(client.clone(), None)?;
        let Ok(name) = user_name.parse::<UserName>() else {
            self.verify_unknown(permit, password).await?;
            let reason = Some(Reason::UnknownUser);
            let event = change.event(EventKind::LoginFailure, Outcome::Failure, reason);
            self.record_rejection(event).await?;
            return Err(AccountError::InvalidCredentials);
        };
        let device =
            device_token.as_ref().and_then(|token| OpaqueToken::parse(token.expose_secret()));
        let evidence = device.map_or(Evidence::None, |token| Evidence::Device(token.digest()));
        let source = LoginSource::new(change.client.address);
        let attempt = LoginAttempt { name, source, evidence };
        let verified = self.verify_password(permit, &attempt, password, &change).await?;
        let VerifiedPassword { account, hash, rehashed, pending } = verified;
        let extra = match self.check_login_hooks(&account, &change).await {
            Ok(extra) => extra,
            Err(error) => {
                pending.release().await?;
                return Err(error);
            }
        };
        let new = NewSession {
            user: account.id,
            expected_hash: hash,
            rehashed,
            token: token.digest(),
            refresh_token: refresh.digest(),
            expires_at: time::add(change.at, settings.session_ttl()),
            refresh_expires_at: time::add(change.at, settings.refresh_ttl()),
            attempt,
            device: new_device.digest(),
            lockout: settings.lockout,
            max_sessions: settings.max_sessions,
        };
        // On an error `pending` releases the attempt.
        let opened = self.store().open_session(new, &change).await?;
        pending.mark_settled();
        let (view, is_new_device) = match self.publish(opened) {
            OpenOutcome::Opened { session, is_new_device, .. } => (session, is_new_device),
            OpenOutcome::AccountDisabled => return Err(AccountError::AccountDisabled),
            OpenOutcome::PasswordChanged => return Ok(None),
        };
        let (access_token, expires_in) = self.issue_access_token(&keys, &view, extra, change.at)?;
        Ok(Some(TokenSet {
            access_token,
            expires_in,
            refresh_token: refresh.to_text(),
            refresh_expires_in: settings.refresh_ttl(),
            session_token: Some(token.to_text()),
            device_token: if is_new_device {
                Some(new_device.to_text())
            } else {
                device_token.clone()
            },
            session: view,
        }))
    }
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name is left out: users type passwords into the wrong field.
        f.debug_struct("LoginRequest").field("client", &self.client).finish_non_exhaustive()
    }
}
