//! Bundles from `kliento agent`.

use std::error::Error;
#[cfg(unix)]
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, HOST, RETRY_AFTER};
use http::uri::Authority;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kliento_core::{Claims, Timestamp, TokenBundle};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::{ExpiringBundle, SourceError, TokenBundleSource};

/// Bundles from `kliento agent`, which signs them and keeps what they need fresh.
///
/// The workload has no key and no chain: the agent knows it by its user id, and by the audiences
/// and claims that the agent's configuration allows that user.
///
/// ```
/// use kliento_tower::client::{AgentSource, KlientoClientLayer};
///
/// # #[cfg(unix)]
/// # fn layer() -> Result<KlientoClientLayer, kliento_tower::client::OriginConfigError> {
/// let agent = AgentSource::unix("/run/kliento/agent.sock").with_claim("permission", "read-only");
/// let layer = KlientoClientLayer::new(agent)
///     .with_audience("https://api.example.com", "https://api.example.com")?;
/// # Ok(layer)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AgentSource {
    address: AgentAddress,
    claims: Claims,
}

#[derive(Clone, Debug)]
enum AgentAddress {
    #[cfg(unix)]
    Unix(PathBuf),
    Loopback(Authority),
}

/// The agent's URL is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid agent URL {url:?}: expected http:// and a loopback address with a port")]
#[non_exhaustive]
pub struct AgentConfigError {
    /// The URL.
    pub url: String,
}

/// The error of an [`AgentSource`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The agent needs an audience: map origins to audiences with
    /// [`with_audience`](super::KlientoClientLayer::with_audience).
    #[error("the agent needs an audience: map origins to audiences with with_audience")]
    MissingAudience,
    /// Connecting to the agent failed.
    #[error("failed to connect to the agent: {0}")]
    Connect(#[source] std::io::Error),
    /// The connection to the agent failed.
    #[error("the connection to the agent failed: {0}")]
    Connection(#[source] Box<dyn Error + Send + Sync>),
    /// The agent did not return a bundle. With 403, its configuration does not allow the audience
    /// or a claim.
    #[error("the agent responded with {status}")]
    Status {
        /// The status of the response.
        status: StatusCode,
        /// The `Retry-After` of the response.
        retry_after: Option<Duration>,
    },
    /// The response is malformed.
    #[error("malformed response of the agent: {0}")]
    Response(#[source] Box<dyn Error + Send + Sync>),
}

#[derive(Deserialize)]
struct TokenResponse {
    token: String,
    expires_at: String,
}

impl AgentSource {
    /// The largest bundle in Base64 has 21,848 octets.
    const MAX_OCTETS: usize = 64 * 1024;

    /// Creates a source that connects to the agent's Unix socket.
    #[cfg(unix)]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { address: AgentAddress::Unix(path.into()), claims: Claims::new() }
    }

    /// Creates a source that connects to the agent at this URL, such as `http://127.0.0.1:7080`.
    ///
    /// # Errors
    /// [`AgentConfigError`] unless the scheme is `http`, and the host is a loopback address or
    /// `localhost`.
    pub fn loopback(url: &str) -> Result<Self, AgentConfigError> {
        let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let authority = authority.and_then(|text| text.parse::<Authority>().ok());
        let authority = authority.filter(|authority| authority.port_u16().is_some());
        let authority = authority.filter(is_loopback);
        let address = authority.map(AgentAddress::Loopback);
        let address = address.ok_or_else(|| AgentConfigError { url: url.to_owned() })?;
        Ok(Self { address, claims: Claims::new() })
    }

    /// Adds a claim to the tokens, or replaces the claim with the same name.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    async fn query(
        &self,
        audience: Option<&str>,
        is_fresh: bool,
    ) -> Result<ExpiringBundle, SourceError> {
        let audience = audience.ok_or_else(|| SourceError::new(AgentError::MissingAudience))?;
        self.fetch(audience, is_fresh).await.map_err(|error| match error {
            AgentError::Status { retry_after: Some(delay), .. } => {
                SourceError::new(error).with_retry_after(delay)
            }
            error => SourceError::new(error),
        })
    }

    async fn fetch(&self, audience: &str, is_fresh: bool) -> Result<ExpiringBundle, AgentError> {
        let path = self.path(audience);
        match &self.address {
            #[cfg(unix)]
            AgentAddress::Unix(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(AgentError::Connect)?;
                exchange(stream, "localhost", &path, is_fresh).await
            }
            AgentAddress::Loopback(authority) => {
                let stream = TcpStream::connect(authority.as_str()).await;
                let stream = stream.map_err(AgentError::Connect)?;
                exchange(stream, authority.as_str(), &path, is_fresh).await
            }
        }
    }

    fn path(&self, audience: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("audience", audience);
        for (name, value) in &self.claims {
            query.append_pair("claim", &format!("{name}={value}"));
        }
        format!("/token?{}", query.finish())
    }
}

#[async_trait]
impl TokenBundleSource for AgentSource {
    async fn token_bundle(&self, audience: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        self.query(audience, false).await
    }

    /// The agent's cache is bypassed, unless it has issued the token in the last seconds.
    async fn fresh_token_bundle(
        &self,
        audience: Option<&str>,
    ) -> Result<ExpiringBundle, SourceError> {
        self.query(audience, true).await
    }
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_address = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let has_user = authority.as_str().contains('@');
    (is_address || host == "localhost") && !has_user
}

/// Sends one request on a new connection, which ends with it.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    host: &str,
    path: &str,
    is_fresh: bool,
) -> Result<ExpiringBundle, AgentError> {
    let connection = |error: hyper::Error| AgentError::Connection(error.into());
    let handshake = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream));
    let (mut sender, driver) = handshake.await.map_err(connection)?;
    let mut request = Request::get(path).header(HOST, host).header(ACCEPT, "application/json");
    if is_fresh {
        // RFC 9111, 5.2.1.4.
        request = request.header(CACHE_CONTROL, "no-cache");
    }
    let request = request.body(Empty::new());
    let request = request.map_err(|error| AgentError::Connection(error.into()))?;
    let response = async { read(sender.send_request(request).await.map_err(connection)?).await };
    let (mut driver, mut response) = (pin!(driver), pin!(response));
    tokio::select! {
        biased;
        response = &mut response => return response,
        // The connection may end before the body has been read from its buffer.
        ended = &mut driver => ended.map_err(connection)?,
    }
    response.await
}

async fn read(response: Response<Incoming>) -> Result<ExpiringBundle, AgentError> {
    if response.status() != StatusCode::OK {
        let seconds = response.headers().get(RETRY_AFTER);
        let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
        let (status, retry_after) = (response.status(), seconds.map(Duration::from_secs));
        return Err(AgentError::Status { status, retry_after });
    }
    let body = Limited::new(response.into_body(), AgentSource::MAX_OCTETS);
    let body = body.collect().await.map_err(AgentError::Connection)?.to_bytes();
    parse(&body).map_err(AgentError::Response)
}

fn parse(body: &[u8]) -> Result<ExpiringBundle, Box<dyn Error + Send + Sync>> {
    let TokenResponse { token, expires_at } =
        serde_json::from_slice(body).map_err(|_| "expected JSON with token and expires_at")?;
    let bundle = TokenBundle::from_authorization(format!("Kliento {token}"))?;
    Ok(ExpiringBundle::new(bundle, expires_at.parse::<Timestamp>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_loopback_urls_only() {
        for url in ["http://127.0.0.1:7080", "http://[::1]:7080/", "http://localhost:7080"] {
            assert!(AgentSource::loopback(url).is_ok(), "{url}");
        }
        for url in [
            "http://192.0.2.1:7080",
            "https://127.0.0.1:7080",
            "http://127.0.0.1",
            "http://localhost.example:7080",
            "http://127.0.0.1:80@example.com:7080",
            "http://127.0.0.1:7080/path",
            "127.0.0.1:7080",
        ] {
            assert!(AgentSource::loopback(url).is_err(), "{url}");
        }
    }

    #[test]
    fn encodes_audience_and_claims() {
        let source = AgentSource::loopback("http://[::1]:1").unwrap().with_claim("a", "b&c=d");
        let path = source.path("https://api.example.com/?x y");
        let expected = "/token?audience=https%3A%2F%2Fapi.example.com%2F%3Fx+y&claim=a%3Db%26c%3Dd";
        assert_eq!(path, expected);
    }
}
