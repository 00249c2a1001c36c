//! Refresh: exchanges a refresh token for its successor and an access token.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::accounts::random_token;
use super::error::outcome_name;
use super::{Account, AccountError, Accounts, TokenSet};
use crate::access_token::ExtraClaims;
use crate::audit::{AuditEvent, AuditIdentity, EventKind, Outcome, Reason};
use crate::instruments;
use crate::opaque_token::OpaqueToken;
use crate::session::{RefreshCheck, Rotation, RotationOutcome};
use crate::store::rows::is_retry;
use crate::store::{ChangeContext, StoreError};
use crate::{ClientInfo, SessionId, time};

impl Accounts {
    /// Consumes a refresh token: returns its successor and an access token, and extends the
    /// session. If the session has expired, another one is opened, and its session token is
    /// returned too.
    ///
    /// During the grace period a repeated use of the token returns the same successor. A later use
    /// is treated as theft: the token family is revoked and its session ended.
    ///
    /// # Errors
    /// [`AccountError::RefreshTokenInvalid`], [`AccountError::RefreshTokenReused`],
    /// [`AccountError::AccountDisabled`], [`AccountError::Denied`],
    /// [`AccountError::TooManyRefreshes`] beyond the
    /// [limit](super::AccountSettings::with_refresh_limit) of the account, and server errors.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        client: ClientInfo,
    ) -> Result<TokenSet, AccountError> {
        let outcome = self.try_refresh(refresh_token, client).await;
        instruments::count_refresh(outcome_name(&outcome));
        outcome
    }

    async fn try_refresh(
        &self,
        refresh_token: &SecretString,
        client: ClientInfo,
    ) -> Result<TokenSet, AccountError> {
        let presented = OpaqueToken::parse(refresh_token.expose_secret());
        let presented = presented.ok_or(AccountError::RefreshTokenInvalid)?;
        let (settings, successor) = (self.settings(), random_token()?);
        let (keys, change) = (self.keys().await?, self.change(client, None)?);
        let digest = presented.digest();
        let check = self.store().check_refresh_token(&digest, settings.login_ttl, change.at);
        let extra = match self.check_refresh(check.await?, &change)? {
            Some((account, session)) => {
                self.check_refresh_hooks(&account, session, &change).await?
            }
            None => ExtraClaims::default(),
        };
        let rotation = Rotation {
            presented: digest,
            successor: successor.digest(),
            wrapped: presented.wrap(&successor),
            session_token: successor.derive_session_token().digest(),
            expires_at: time::add(change.at, settings.session_ttl()),
            refresh_expires_at: time::add(change.at, settings.refresh_ttl()),
            login_ttl: settings.login_ttl,
            grace: settings.refresh_grace(),
        };
        let rotated = self.publish(self.store().rotate_refresh_token(&rotation, &change).await?);
        let (session, successor, refresh_expires_at, is_new_session) = match rotated {
            RotationOutcome::Rotated { session, refresh_expires_at, is_new_session } => {
                (session, successor, refresh_expires_at, is_new_session)
            }
            RotationOutcome::Retried {
                session,
                successor,
                wrapped,
                refresh_expires_at,
                is_new_session,
            } => {
                let successor = presented.unwrap(&wrapped, &successor);
                let unreadable = StoreError::Corrupt("wrapped refresh token");
                (session, successor.ok_or(unreadable)?, refresh_expires_at, is_new_session)
            }
            RotationOutcome::Reused(_) => return Err(AccountError::RefreshTokenReused),
            RotationOutcome::Invalid => return Err(AccountError::RefreshTokenInvalid),
            RotationOutcome::AccountDisabled => return Err(AccountError::AccountDisabled),
        };
        let (access_token, expires_in) =
            self.issue_access_token(&keys, &session, extra, change.at)?;
        Ok(TokenSet {
            access_token,
            expires_in,
            refresh_token: successor.to_text(),
            refresh_expires_in: time::elapsed(change.at, refresh_expires_at),
            session_token: is_new_session.then(|| successor.derive_session_token().to_text()),
            device_token: None,
            session,
        })
    }

    /// Fails for a token that is rejected for good, and beyond the limit of its account. That of a
    /// known token is recorded as a denial: its owner could keep the store's writer busy otherwise.
    ///
    /// Returns the account and the session of a token that may be exchanged. No hook delays the
    /// detection of reuse.
    ///
    /// Retries have a budget of their own, so that who uses up the other one causes no reuse. Reuse
    /// has no limit, since it revokes the family once, and must do so.
    fn check_refresh(
        &self,
        check: RefreshCheck,
        change: &ChangeContext,
    ) -> Result<Option<(Arc<Account>, SessionId)>, AccountError> {
        let RefreshCheck::Known { account, session, consumed_at, rejection } = check else {
            return Err(AccountError::RefreshTokenInvalid);
        };
        let (reason, error) = match rejection {
            Some(Reason::AccountDisabled) => {
                (Reason::AccountDisabled, AccountError::AccountDisabled)
            }
            Some(reason) => (reason, AccountError::RefreshTokenInvalid),
            None => {
                let grace = self.settings().refresh_grace();
                if consumed_at.is_some_and(|consumed_at| !is_retry(change.at, consumed_at, grace)) {
                    return Ok(None);
                }
                match self.refresh_limiter().check(&(account.id, consumed_at.is_some()), 1) {
                    Ok(_) => return Ok(Some((account, session))),
                    Err(error) => (Reason::RateLimited, error.into()),
                }
            }
        };
        let event = AuditEvent {
            user: Some(AuditIdentity::account(account.id, &account.name)),
            session: Some(session),
            ..change.event(EventKind::TokenRefresh, Outcome::Failure, Some(reason))
        };
        self.audit_trail().record_denial(|at| vec![AuditEvent { at, ..event }]);
        Err(error)
    }
}
