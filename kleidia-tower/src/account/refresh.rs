//! Refresh: exchanges a refresh token for its successor and an access token.

use secrecy::{ExposeSecret as _, SecretString};

use super::accounts::random_token;
use super::{AccountError, Accounts, TokenSet};
use crate::opaque_token::OpaqueToken;
use crate::session::{Rotation, RotationOutcome};
use crate::store::StoreError;
use crate::{ClientInfo, time};

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
    /// [`AccountError::AccountDisabled`], and server errors.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        client: ClientInfo,
    ) -> Result<TokenSet, AccountError> {
        let presented = OpaqueToken::parse(refresh_token.expose_secret());
        let presented = presented.ok_or(AccountError::RefreshTokenInvalid)?;
        let (settings, successor) = (self.settings(), random_token()?);
        let (keys, change) = (self.keys().await?, self.change(client, None)?);
        let rotation = Rotation {
            presented: presented.digest(),
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
        let (access_token, expires_in) = self.issue_access_token(&keys, &session, change.at)?;
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
}
