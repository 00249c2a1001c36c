//! Refresh: a refresh token for its successor, and for an access token.

use secrecy::{ExposeSecret as _, SecretString};

use super::accounts::random_token;
use super::{Accounts, LoggedIn};
use crate::opaque_token::OpaqueToken;
use crate::session::{Rotated, Rotation};
use crate::{Origin, Rejection};

impl Accounts {
    /// Renews a session. The token is spent, and another one follows.
    ///
    /// Within the grace, whoever presents the token once more gets the same successor. After that
    /// the family of tokens is revoked and its session ended: somebody has stolen one of them.
    ///
    /// # Errors
    /// [`Rejection::RefreshInvalid`], [`Rejection::RefreshReused`], [`Rejection::AccountDisabled`],
    /// and what is our fault.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        origin: Origin,
    ) -> Result<LoggedIn, Rejection> {
        let presented = OpaqueToken::parse(refresh_token.expose_secret());
        let presented = presented.ok_or(Rejection::RefreshInvalid)?;
        let (settings, successor) = (self.settings(), random_token()?);
        let (keys, change) = (self.keys().await?, self.change(origin, None)?);
        let rotation = Rotation {
            presented: presented.digest(),
            successor: successor.digest(),
            wrapped: presented.wrap(&successor),
            session_token: random_token()?.digest(),
            expires_at: change.at.saturating_add(settings.session_ttl),
            refresh_expires_at: change.at.saturating_add(settings.refresh_ttl),
            grace: settings.refresh_grace,
        };
        let rotated = self.published(self.store().rotate(&rotation, &change).await?);
        let (session, successor, refresh_expires_at) = match rotated {
            Rotated::First { session } => (session, successor, rotation.refresh_expires_at),
            Rotated::Again { session, successor, wrapped, refresh_expires_at } => {
                let successor = presented.unwrap(&wrapped, &successor);
                let unreadable = Rejection::Unavailable("a successor that can't be read");
                (session, successor.ok_or(unreadable)?, refresh_expires_at)
            }
            Rotated::Reused(_) => return Err(Rejection::RefreshReused),
            Rotated::Invalid => return Err(Rejection::RefreshInvalid),
            Rotated::Disabled => return Err(Rejection::AccountDisabled),
        };
        let (access_token, expires_in) = self.signed(&keys, &session, change.at)?;
        Ok(LoggedIn {
            access_token,
            expires_in,
            refresh_token: successor.to_text(),
            refresh_expires_in: refresh_expires_at.saturating_sub(change.at),
            session_token: None,
            session,
        })
    }
}
