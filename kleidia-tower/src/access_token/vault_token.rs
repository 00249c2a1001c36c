//! The token of a client of Vault or OpenBao, which is renewed or replaced before it expires.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use vaultrs::client::Client;
use zeroize::Zeroizing;

use super::vault_api::{Auth, VaultApi};
use super::vault_login::LoggedIn;
use super::{VaultKeyError, VaultLogin};

/// The bounds of the time after which a renewal that failed is tried again.
const RETRY_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The token of a client.
pub(super) struct VaultToken {
    /// Without it, the token is the client's own.
    login: Option<VaultLogin>,
    lease: Option<Lease>,
    /// When the last login started, also one that failed.
    logged_in_at: Option<Instant>,
}

/// A token, and how long it is valid.
struct Lease {
    token: Zeroizing<String>,
    /// Whether a login of this client created it, so that nobody else uses it.
    is_own: bool,
    is_renewable: bool,
    /// The lifetime when the token was obtained.
    ttl: Duration,
    /// `None` if the token does not expire, as far as is known.
    renew_at: Option<Instant>,
}

/// The properties of a token.
#[derive(Deserialize)]
struct Properties {
    /// The remaining lifetime in seconds; 0 if the token does not expire.
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

/// A request without parameters.
#[derive(Serialize)]
struct NoParameters {}

impl VaultToken {
    pub(super) const fn new(login: Option<VaultLogin>) -> Self {
        Self { login, lease: None, logged_in_at: None }
    }

    /// Returns the token, unless none was obtained yet.
    pub(super) fn current(&self) -> Option<&str> {
        self.lease.as_ref().map(|lease| lease.token.as_str())
    }

    /// Returns the time until the token has to be renewed.
    pub(super) fn until_renewal(&self) -> Duration {
        let renew_at = self.lease.as_ref().and_then(|lease| lease.renew_at);
        renew_at.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns whether the last login started at least this long ago.
    pub(super) fn is_login_older_than(&self, age: Duration) -> bool {
        self.logged_in_at.is_none_or(|at| at.elapsed() >= age)
    }

    /// Obtains a token, or renews or replaces it if that is due.
    pub(super) async fn keep_valid(
        &mut self,
        api: &VaultApi<impl Client>,
    ) -> Result<(), VaultKeyError> {
        let Some(lease) = &mut self.lease else { return self.replace(api).await.map(drop) };
        if lease.renew_at.is_none_or(|at| at > Instant::now()) {
            return Ok(());
        }
        let ended = match lease.renew(api).await {
            Ok(true) => return Ok(()),
            Ok(false) | Err(VaultKeyError::ErrorResponse { status: 400..=499, .. }) => {
                VaultKeyError::TokenExpires
            }
            Err(error) => error,
        };
        if self.replace(api).await? { Ok(()) } else { Err(ended) }
    }

    /// Logs in again, and revokes the replaced token if a login created it. Returns `false` if that
    /// results in the same token.
    pub(super) async fn replace(
        &mut self,
        api: &VaultApi<impl Client>,
    ) -> Result<bool, VaultKeyError> {
        self.logged_in_at = Some(Instant::now());
        let logged_in = match &self.login {
            Some(login) => login.log_in(api).await?,
            None => LoggedIn::Token(Zeroizing::new(api.client_token().to_owned())),
        };
        let lease = match logged_in {
            LoggedIn::Token(token) if self.current() == Some(token.as_str()) => return Ok(false),
            LoggedIn::Token(token) => Lease::look_up(api, token).await?,
            LoggedIn::Issued(auth) => Lease::from(auth),
        };
        if let Some(replaced) = self.lease.replace(lease).filter(|replaced| replaced.is_own) {
            // It expires anyway, so a failure is not reported.
            drop(api.revoke(&replaced.token).await);
        }
        Ok(true)
    }
}

impl Lease {
    fn new(token: Zeroizing<String>, Properties { ttl, renewable }: Properties) -> Self {
        let ttl = Duration::from_secs(ttl);
        Self { token, is_own: false, is_renewable: renewable, ttl, renew_at: renew_at(ttl) }
    }

    /// Looks up the lifetime of a token. It is unknown if the token may not do that.
    async fn look_up(
        api: &VaultApi<impl Client>,
        token: Zeroizing<String>,
    ) -> Result<Self, VaultKeyError> {
        let looked_up = api.read(&token, "auth/token/lookup-self".to_owned()).await;
        let properties = match looked_up {
            Ok(response) => response.data,
            Err(VaultKeyError::ErrorResponse { status: 400..=499, .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self::new(token, properties.unwrap_or(Properties { ttl: 0, renewable: false })))
    }

    /// Returns whether the token is valid for long enough. Otherwise the next attempt is later.
    async fn renew(&mut self, api: &VaultApi<impl Client>) -> Result<bool, VaultKeyError> {
        let (min, max) = RETRY_INTERVAL;
        self.renew_at = Instant::now().checked_add((self.ttl / 10).clamp(min, max));
        if !self.is_renewable {
            return Ok(false);
        }
        let path = "auth/token/renew-self".to_owned();
        let renewed = api.authenticate(&self.token, path, &NoParameters {}).await?;
        let ttl = Duration::from_secs(renewed.lease_duration);
        // Near the maximum lifetime of a token, the server grants less and less.
        let is_long = ttl.is_zero() || ttl >= self.ttl / 2;
        if is_long {
            self.renew_at = renew_at(ttl);
        }
        Ok(is_long)
    }
}

impl From<Auth> for Lease {
    fn from(Auth { client_token, lease_duration: ttl, renewable }: Auth) -> Self {
        Self { is_own: true, ..Self::new(client_token, Properties { ttl, renewable }) }
    }
}

/// Two thirds of the lifetime: the last third is for an outage of the server.
fn renew_at(ttl: Duration) -> Option<Instant> {
    Instant::now().checked_add(ttl / 3 * 2).filter(|_| !ttl.is_zero())
}
