//! Login: a name and a password for a session.

use std::fmt;

use secrecy::SecretString;
use tracing::Instrument as _;

use super::accounts::random_token;
use super::{Accounts, LoggedIn};
use crate::audit::{EventKind, Outcome, Reason};
use crate::lockout::{Attempt, Source};
use crate::session::{NewSession, Opened};
use crate::{Origin, Rejection, UserName};

/// Somebody who wants to get in.
pub struct LogIn {
    /// The name as it was typed.
    pub user_name: String,
    /// The password.
    pub password: SecretString,
    /// From where.
    pub origin: Origin,
}

impl Accounts {
    /// Opens a session for who has the password. No session that was there before goes on in it.
    ///
    /// A name that is unknown or locked takes the time of a wrong password and has its answer.
    /// What was begun is done to the end, whether the caller waits for it or not, so that hanging
    /// up saves nobody from being counted. It needs a Tokio runtime.
    ///
    /// # Errors
    /// [`Rejection::InvalidCredentials`], [`Rejection::AccountDisabled`] if the password is right,
    /// [`Rejection::Busy`], and what is our fault.
    pub async fn log_in(&self, log_in: LogIn) -> Result<LoggedIn, Rejection> {
        let accounts = self.clone();
        let attempt = async move {
            if let Some(logged_in) = accounts.try_log_in(&log_in).await? {
                return Ok(logged_in);
            }
            // The hash is another one by now: of another password, or, by a login beside this
            // one, of the same.
            accounts.try_log_in(&log_in).await?.ok_or(Rejection::InvalidCredentials)
        };
        let done = tokio::spawn(attempt.in_current_span()).await;
        done.unwrap_or(Err(Rejection::Unavailable("the login was not finished")))
    }

    /// `None` if the password was replaced while it was compared.
    async fn try_log_in(&self, log_in: &LogIn) -> Result<Option<LoggedIn>, Rejection> {
        let LogIn { user_name, password, origin } = log_in;
        let keys = self.keys().await?;
        let (settings, token, refresh) = (self.settings(), random_token()?, random_token()?);
        let permit = self.hasher().permit().await?;
        let change = self.change(origin.clone(), None)?;
        let Ok(name) = user_name.parse::<UserName>() else {
            permit.dummy_verify(password).await?;
            let reason = Some(Reason::UnknownUser);
            self.append(change.event(EventKind::LoginFailure, Outcome::Failure, reason)).await?;
            return Err(Rejection::InvalidCredentials);
        };
        let attempt = Attempt { name, source: Source::new(change.origin.address) };
        let proven = self.prove(permit, &attempt, password, &change).await?;
        let new = NewSession {
            user: proven.account.id,
            expected: proven.hash,
            rehashed: proven.rehashed,
            token: token.digest(),
            refresh_token: refresh.digest(),
            expires_at: change.at.saturating_add(settings.session_ttl),
            refresh_expires_at: change.at.saturating_add(settings.refresh_ttl),
            attempt,
        };
        let view = match self.published(self.store().open(new, &change).await?) {
            Opened::Session(view) => view,
            Opened::Disabled => return Err(Rejection::AccountDisabled),
            Opened::Changed => return Ok(None),
        };
        let (access_token, expires_in) = self.signed(&keys, &view, change.at)?;
        Ok(Some(LoggedIn {
            access_token,
            expires_in,
            refresh_token: refresh.to_text(),
            refresh_expires_in: settings.refresh_ttl,
            session_token: Some(token.to_text()),
            session: view,
        }))
    }
}

impl fmt::Debug for LogIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // People type passwords where names belong.
        f.debug_struct("LogIn").field("origin", &self.origin).finish_non_exhaustive()
    }
}
