//! The error of a resolver.

use std::net::SocketAddr;
use std::{error, io};

use reqwest::{StatusCode, Url};
use veraid::Excerpt;
use veraid::retrieval::{Question, ResponseError, RetrievalError};

/// The error of a resolver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolverError {
    /// The text is not a valid resolver.
    #[error(
        "invalid resolver {:?}: expected an IP address, with or without a port, or an https:// URL",
        Excerpt(.0)
    )]
    Syntax(String),
    /// The zone of an address is not an interface of this system.
    #[error("unknown zone {zone:?} of the resolver's address: {source}")]
    Zone {
        /// The name of the interface.
        zone: String,
        /// The cause.
        source: io::Error,
    },
    /// The system's configuration is unreadable.
    #[error("failed to read {path}: {source}")]
    SystemConfiguration {
        /// The file.
        path: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A name server did not respond.
    #[error("{question}: no response from {server}: {source}")]
    Dns {
        /// The resolver.
        server: SocketAddr,
        /// The question.
        question: Question,
        /// The cause.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// A server over HTTPS did not respond.
    #[error("no response from {url}: {}", with_causes(.source))]
    Https {
        /// The resolver.
        url: Box<Url>,
        /// The cause.
        source: reqwest::Error,
    },
    /// The response of a server over HTTPS is not a DNS message.
    #[error("unexpected response from {url}: expected 200 OK with {:?}, found {status} with {:?}", super::https::MEDIA_TYPE, Excerpt(.content_type))]
    HttpResponse {
        /// The resolver.
        url: Box<Url>,
        /// The response's status.
        status: StatusCode,
        /// The response's `Content-Type`, empty if there is none.
        content_type: String,
    },
    /// The response of a resolver is unusable.
    #[error("{question}: {resolver}: {source}")]
    Response {
        /// The resolver.
        resolver: String,
        /// The question.
        question: Question,
        /// The cause.
        source: ResponseError,
    },
    /// A resolver does not return DNSSEC records.
    #[error("{resolver} does not return DNSSEC signatures, choose another one")]
    NoDnssecSupport {
        /// The resolver.
        resolver: String,
    },
    /// The resolver did not answer all queries in time.
    #[error("{resolver} did not answer all queries within {seconds} seconds")]
    Timeout {
        /// The resolver.
        resolver: String,
        /// The timeout, in seconds.
        seconds: u64,
    },
    /// The retrieval failed.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
}

impl ResolverError {
    /// Returns whether the error is that of one query, so that others may succeed.
    pub(super) const fn is_of_response(&self) -> bool {
        matches!(
            self,
            Self::Dns { .. }
                | Self::Https { .. }
                | Self::HttpResponse { .. }
                | Self::Response { .. }
                | Self::Timeout { .. }
                | Self::Retrieval(RetrievalError::Response { .. })
        )
    }
}

/// The errors of reqwest name the operation; only their sources name the cause.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
