//! One request to the authority, and its response.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use kliento_core::TokenBundle;
use reqwest::Response;
use secrecy::ExposeSecret as _;

use super::{AuthorityExchange, ExchangeError, retry};
use crate::client::ExpiringBundle;

/// The authority compares the whole `Accept` field with this value, so it must be the only one.
const BASE64: &str = "application/vnd.veraid.signature-bundle+base64";
/// Older authorities send this type, regardless of `Accept`.
const BINARY: &str = "application/vnd.veraid.signature-bundle";

/// Larger than the Base64 of any token bundle.
const MAX_OCTETS: usize = 32 * 1024;

impl AuthorityExchange {
    pub(super) async fn attempt(&self) -> Result<ExpiringBundle, ExchangeError> {
        // Requested for each attempt: the last JWT may have expired meanwhile.
        let jwt = self.jwt.jwt().await.map_err(ExchangeError::Jwt)?;
        let request = self
            .client
            .get(self.url.clone())
            .header(AUTHORIZATION, bearer(jwt.expose_secret())?)
            .header(ACCEPT, HeaderValue::from_static(BASE64))
            .timeout(self.timeout);
        let response = request.send().await.map_err(transport)?;
        let status = response.status();
        if status != StatusCode::OK {
            let retry_after = retry::retry_after(response.headers(), self.clock.now());
            return Err(ExchangeError::Status { status, retry_after });
        }
        let is_base64 = is_base64(response.headers())?;
        let body = read_body(response).await?;
        let bundle = if is_base64 { decode(&body)? } else { TokenBundle::from_bytes(body)? };
        Ok(ExpiringBundle::from_claimed_period(bundle)?)
    }
}

fn bearer(jwt: &str) -> Result<HeaderValue, ExchangeError> {
    // RFC 6750, 2.1: a field value with other characters would not be one token.
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(&octet);
    if jwt.is_empty() || !jwt.bytes().all(is_token) {
        return Err(ExchangeError::InvalidJwt);
    }
    let value = HeaderValue::try_from(format!("Bearer {jwt}"));
    let mut value = value.map_err(|_| ExchangeError::InvalidJwt)?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_base64(headers: &HeaderMap) -> Result<bool, ExchangeError> {
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = found.and_then(|value| value.split(';').next()).map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case(BASE64) => Ok(true),
        Some(essence) if essence.eq_ignore_ascii_case(BINARY) => Ok(false),
        _ => Err(ExchangeError::ContentType { found: found.map(str::to_owned) }),
    }
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, ExchangeError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > MAX_OCTETS {
            return Err(ExchangeError::TooLarge { maximum: MAX_OCTETS });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn decode(body: &[u8]) -> Result<TokenBundle, ExchangeError> {
    let value = [b"Kliento ", body.trim_ascii()].concat();
    Ok(TokenBundle::from_authorization(value)?)
}

fn transport(error: reqwest::Error) -> ExchangeError {
    ExchangeError::Transport(error.without_url())
}
