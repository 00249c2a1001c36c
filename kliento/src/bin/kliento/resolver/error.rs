//! Why a resolver gave no chain.

use std::net::SocketAddr;
use std::{error, io};

use hickory_net::NetError;
use reqwest::{StatusCode, Url};
use veraid::retrieval::{Question, ResponseError, RetrievalError};

/// Why a resolver gave no chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolverError {
    /// The text names no resolver.
    #[error("neither an IP address, with or without a port, nor an https:// URL: {0:?}")]
    Syntax(String),
    /// The system's configuration can't be read.
    #[error("the system's resolver is unknown, name one with --resolver: {path}: {source}")]
    SystemConfiguration {
        /// The file.
        path: &'static str,
        source: io::Error,
    },
    /// A name server did not answer.
    #[error("{question}: no answer from {server}: {source}")]
    Dns {
        /// Who was asked.
        server: SocketAddr,
        /// What was asked.
        question: Question,
        source: Box<NetError>,
    },
    /// A server over HTTPS did not answer.
    #[error("no answer from {url}: {}", with_causes(.source))]
    Https {
        /// Who was asked.
        url: Box<Url>,
        source: reqwest::Error,
    },
    /// A server over HTTPS answered with something else than a DNS message.
    #[error("{url} answered {status} with content type {content_type:?}, not 200 OK with {expected:?}", expected = super::https::MEDIA_TYPE)]
    HttpResponse {
        /// Who was asked.
        url: Box<Url>,
        /// The response's status.
        status: StatusCode,
        /// The response's `Content-Type`, empty if there is none.
        content_type: String,
    },
    /// A resolver answered with something that is of no use.
    #[error("{question}: {resolver}: {source}")]
    Response {
        /// Who was asked.
        resolver: String,
        /// What was asked.
        question: Question,
        source: ResponseError,
    },
    /// A resolver does not hand on DNSSEC records.
    #[error("{resolver} does not hand on DNSSEC signatures, name one that does with --resolver")]
    WithoutDnssec {
        /// Who was asked.
        resolver: String,
    },
    /// Not all answers came in time.
    #[error("{resolver} did not answer everything within {seconds} seconds")]
    Timeout {
        /// Who was asked.
        resolver: String,
        /// How long was waited.
        seconds: u64,
    },
    /// There is no chain.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
}

/// reqwest's errors say what failed, and only their sources say why.
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
