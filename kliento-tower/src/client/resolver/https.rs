//! DNS over HTTPS (RFC 8484).

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Response, StatusCode, Url, redirect};
use veraid::retrieval::{Query, ResponseError};

use super::ResolverError;

/// The type of a DNS message in wire form.
pub(super) const MEDIA_TYPE: &str = "application/dns-message";

/// The timeout of connecting, and of each query.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Octets of a DNS message.
const MAX_LENGTH: usize = 65_535;

/// Queries one server, over one connection if it supports HTTP/2.
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
}

impl Client {
    pub(super) fn new(url: Url) -> Result<Self, ResolverError> {
        let builder = reqwest::Client::builder()
            .https_only(true)
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT);
        match builder.build() {
            Ok(http) => Ok(Self { http, url }),
            Err(source) => Err(ResolverError::Https { url: Box::new(url), source }),
        }
    }

    pub(super) async fn send_query(&self, query: &Query) -> Result<Vec<u8>, ResolverError> {
        let response = self.post(query).await.map_err(|source| self.failed(source))?;
        self.check(&response)?;
        let message = self.read(response, query).await?;
        query.check(&message).map_err(|source| self.rejected(query, source))?;
        Ok(message)
    }

    async fn post(&self, query: &Query) -> Result<Response, reqwest::Error> {
        let request = self.http.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, MEDIA_TYPE).header(ACCEPT, MEDIA_TYPE);
        request.body(query.message().to_vec()).send().await
    }

    fn check(&self, response: &Response) -> Result<(), ResolverError> {
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type =
            content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let content_type = content_type.unwrap_or_default();
        let is_message = content_type.trim().eq_ignore_ascii_case(MEDIA_TYPE);
        if response.status() == StatusCode::OK && is_message {
            return Ok(());
        }
        let (url, status) = (Box::new(self.url.clone()), response.status());
        Err(ResolverError::HttpResponse { url, status, content_type })
    }

    async fn read(&self, mut response: Response, query: &Query) -> Result<Vec<u8>, ResolverError> {
        let mut message = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.failed(source))? {
            message.extend_from_slice(&chunk);
            if message.len() > MAX_LENGTH {
                return Err(self.rejected(query, ResponseError::TooLong(message.len())));
            }
        }
        Ok(message)
    }

    fn failed(&self, source: reqwest::Error) -> ResolverError {
        // The error of this module has the URL already.
        ResolverError::Https { url: Box::new(self.url.clone()), source: source.without_url() }
    }

    fn rejected(&self, query: &Query, source: ResponseError) -> ResolverError {
        let (resolver, question) = (self.url.to_string(), query.question().clone());
        ResolverError::Response { resolver, question, source }
    }
}
