//! Token bundles from VeraId Authority, in exchange for a JWT (its "Credentials Exchange API").

mod attempt;
mod error;
mod jwt;
mod retry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use http_guard::{event, log_text};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

use super::{ExpiringBundle, SourceError, TokenBundleSource};
use crate::{Clock, SettingError, SystemClock};

pub use self::error::{ExchangeConfigError, ExchangeError};
pub use self::jwt::{JwtEnvVar, JwtFile, JwtFileError, JwtSource};

/// Exchanges JWTs for token bundles at VeraId Authority.
///
/// Each exchange is a `GET` on the exchange URL of a signature spec. The plaintext of that spec is
/// the token, so an exchange has one audience, and its service is Kliento. The JWT comes from a
/// [`JwtSource`], and its audience must be the exchange URL. The bundle is valid for the duration
/// in the spec, and no longer than the JWT.
///
/// # Rules
/// - The scheme of the URL is `https`, unless its host is a loopback address. Redirects are not
///   followed, so the JWT is sent to no other server.
/// - Failed connections, timeouts (5 seconds by default) and the statuses 429 and 5xx are retried,
///   3 times by default, with exponential backoff from 0.2 to 5 seconds and jitter. Other statuses
///   are final, such as 401 for an invalid JWT and 404 for an unknown signature spec.
/// - `Retry-After` is added to the backoff. If it is longer than 5 seconds, the exchange fails, and
///   the layer starts the next one after that time, or after 10 minutes if it is longer.
/// - At most 32 KiB of a response are read.
///
/// # Examples
/// With the service account token that Kubernetes projects into a file and renews:
///
/// ```
/// use kliento_tower::client::{AuthorityExchange, JwtFile, KlientoClientLayer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "https://authority.example.com/credentials/signatureBundles/123";
/// let exchange = AuthorityExchange::new(url, JwtFile::new("/var/run/secrets/veraid/token"))?;
/// let layer = KlientoClientLayer::new(exchange).with_origin("https://api.example.com")?;
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// Configured, with a JWT from a custom function:
///
/// ```
/// use std::time::Duration;
/// use kliento_tower::client::{AuthorityExchange, SourceError};
/// use secrecy::SecretString;
///
/// # async fn query_metadata_server(_: &str) -> std::io::Result<String> { Ok("".into()) }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "https://authority.example.com/credentials/signatureBundles/123";
/// let jwt = move || async move {
///     let jwt = query_metadata_server(url).await.map_err(SourceError::new)?;
///     Ok(SecretString::from(jwt))
/// };
/// let exchange = AuthorityExchange::new(url, jwt)?
///     .with_client(reqwest::Client::builder().user_agent("orders/1.0"))?
///     .with_timeout(Duration::from_secs(3))?
///     .with_retries(5)?;
/// # let _ = exchange;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AuthorityExchange {
    url: Url,
    client: Client,
    jwt: Arc<dyn JwtSource>,
    timeout: Duration,
    retries: usize,
    first_delay: Duration,
    clock: Arc<dyn Clock>,
}

impl AuthorityExchange {
    const TIMEOUT: Duration = Duration::from_secs(5);
    const RETRIES: usize = 3;
    const FIRST_DELAY: Duration = Duration::from_millis(200);
    const MAX_DELAY: Duration = Duration::from_secs(5);

    /// Creates a source that exchanges JWTs at this URL, VeraId Authority's `exchangeUrl`.
    ///
    /// # Errors
    /// [`ExchangeConfigError`] if the URL is not absolute, insecure, or contains user information,
    /// or if setting up TLS fails.
    pub fn new(url: &str, jwt: impl JwtSource) -> Result<Self, ExchangeConfigError> {
        let url = parse_url(url)?;
        Ok(Self {
            client: build(Client::builder(), &url)?,
            url,
            jwt: Arc::new(jwt),
            timeout: Self::TIMEOUT,
            retries: Self::RETRIES,
            first_delay: Self::FIRST_DELAY,
            clock: Arc::new(SystemClock),
        })
    }

    /// Sets the HTTP client, with its root certificates, proxies and so on.
    ///
    /// Redirects are disabled, and so are proxies if the authority is on a loopback host.
    ///
    /// # Errors
    /// [`ExchangeConfigError::Client`] if creating the client fails.
    pub fn with_client(mut self, builder: ClientBuilder) -> Result<Self, ExchangeConfigError> {
        self.client = build(builder, &self.url)?;
        Ok(self)
    }

    /// Sets the timeout of one attempt, including the response body: 1 millisecond to 5 minutes; 5
    /// seconds by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Duration::from_secs(300);
        self.timeout = SettingError::check("timeout", timeout, bounds)?;
        Ok(self)
    }

    /// Sets the number of retries: 0 to 100; 3 by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_retries(mut self, retries: usize) -> Result<Self, SettingError> {
        self.retries = SettingError::check("retries", retries, 0..=100)?;
        Ok(self)
    }

    /// Sets the delay before the first retry: 1 millisecond to 5 seconds; 0.2 seconds by default.
    ///
    /// It doubles with each retry, up to 5 seconds. A random jitter of up to the delay is added.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_retry_delay(mut self, delay: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Self::MAX_DELAY;
        self.first_delay = SettingError::check("retry delay", delay, bounds)?;
        Ok(self)
    }

    /// Sets the clock that dates in `Retry-After` are compared with; the
    /// [system's](crate::SystemClock) by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    async fn exchange(&self) -> Result<ExpiringBundle, ExchangeError> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.first_delay)
            .with_max_delay(Self::MAX_DELAY)
            .with_max_times(self.retries)
            .with_jitter();
        (|| self.attempt())
            .retry(backoff)
            .when(ExchangeError::is_transient)
            .adjust(retry::delay)
            .notify(|error, delay| {
                event!(debug, error = log_text(error), ?delay, "retrying the exchange");
            })
            .await
    }
}

#[async_trait]
impl TokenBundleSource for AuthorityExchange {
    async fn token_bundle(&self, _: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        self.exchange().await.map_err(|error| {
            let retry_after = error.retry_after();
            let error = SourceError::new(error);
            retry_after.map_or(error.clone(), |delay| error.with_retry_after(delay))
        })
    }
}

/// The JWT is sent to this URL, so the URL must authenticate the authority.
fn parse_url(text: &str) -> Result<Url, ExchangeConfigError> {
    let url: Url = text.parse().map_err(|_| ExchangeConfigError::InvalidUrl)?;
    let is_secure = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    if !is_secure {
        return Err(ExchangeConfigError::Insecure { scheme: url.scheme().to_owned() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ExchangeConfigError::UserInformation);
    }
    Ok(url)
}

fn build(builder: ClientBuilder, url: &Url) -> Result<Client, ExchangeConfigError> {
    let builder = builder.redirect(Policy::none()).https_only(url.scheme() == "https");
    // A proxy would receive the JWT in the clear.
    let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
    builder.build().map_err(ExchangeConfigError::Client)
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_address || host == "localhost"
}

impl fmt::Debug for AuthorityExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityExchange").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
