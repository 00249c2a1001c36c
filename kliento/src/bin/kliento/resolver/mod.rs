//! Retrieves the chain of an owner from a DNS resolver, over UDP and TCP or over HTTPS.

mod dns;
mod error;
mod https;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Url;
use veraid::retrieval::{ChainRetrieval, Query, RetrievalError};

pub(crate) use self::error::ResolverError;

/// A recursive resolver that returns DNSSEC records.
///
/// It is read from an IP address, with or without a port (53), or an `https://` URL of DNS over
/// HTTPS (RFC 8484).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Resolver {
    /// The name servers of `/etc/resolv.conf`, one after another.
    #[default]
    System,
    /// One name server, over UDP, and over TCP for responses that do not fit a datagram.
    Address(SocketAddr),
    /// One server over HTTPS, authenticated by the system's root certificates.
    Https(Url),
}

impl Resolver {
    /// The timeout of a retrieval.
    const TIMEOUT: Duration = Duration::from_secs(30);
    /// The maximum number of concurrent queries.
    const MAX_CONCURRENT_QUERIES: usize = 8;

    /// Retrieves the messages of the chain for the TXT records of `owner`, without verifying them.
    /// The retrieval takes at most 30 seconds, with at most eight queries at a time.
    /// It takes at most 30 seconds, with at most eight queries at a time.
    pub(crate) async fn retrieve(&self, owner: &str) -> Result<Vec<Vec<u8>>, ResolverError> {
        let mut retrieval = ChainRetrieval::new(owner)?;
        let answered = tokio::time::timeout(Self::TIMEOUT, self.answer(&mut retrieval)).await;
        answered.map_err(|_| ResolverError::Timeout {
            resolver: self.to_string(),
            seconds: Self::TIMEOUT.as_secs(),
        })??;
        Ok(retrieval.finish()?)
    }

    async fn answer(&self, retrieval: &mut ChainRetrieval) -> Result<(), ResolverError> {
        let transport = &self.transport().await?;
        let queries = retrieval.unanswered();
        // The query for the root's keys shows whether the resolver is usable, and opens the
        // connection that the other queries share.
        let (first, others) = queries.split_at(queries.len().min(1));
        for queries in [first, others] {
            let responses = stream::iter(queries).map(|query| transport.send_query(query));
            let responses = responses.buffered(Self::MAX_CONCURRENT_QUERIES);
            let responses: Vec<_> = responses.try_collect().await?;
            for (query, response) in queries.iter().zip(responses) {
                retrieval.answer(query, &response).map_err(|error| self.explain(error))?;
            }
        }
        Ok(())
    }

    fn explain(&self, error: RetrievalError) -> ResolverError {
        match error {
            RetrievalError::ResolverWithoutDnssec => {
                ResolverError::NoDnssecSupport { resolver: self.to_string() }
            }
            error => error.into(),
        }
    }

    async fn transport(&self) -> Result<Transport, ResolverError> {
        Ok(match self {
            Self::System => Transport::Dns(dns::system_servers().await?),
            Self::Address(server) => Transport::Dns(vec![*server]),
            Self::Https(url) => Transport::Https(https::Client::new(url.clone())?),
        })
    }
}

enum Transport {
    Dns(Vec<SocketAddr>),
    Https(https::Client),
}

impl Transport {
    async fn send_query(&self, query: &Query) -> Result<Vec<u8>, ResolverError> {
        match self {
            Self::Dns(servers) => dns::query_servers(servers, query).await,
            Self::Https(client) => client.send_query(query).await,
        }
    }
}

impl FromStr for Resolver {
    type Err = ResolverError;

    fn from_str(text: &str) -> Result<Self, ResolverError> {
        if let Ok(server) = text.parse() {
            return Ok(Self::Address(server));
        }
        let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = address.unwrap_or(text).parse::<IpAddr>() {
            return Ok(Self::Address((address, dns::PORT).into()));
        }
        // Servers publish URI templates (RFC 8484, 4.1), whose variable is for GET only.
        let url = text.strip_suffix("{?dns}").unwrap_or(text).parse::<Url>().ok();
        let url = url.filter(|url| url.scheme() == "https" && url.has_host());
        url.map(Self::Https).ok_or_else(|| ResolverError::Syntax(text.to_owned()))
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system's resolver"),
            Self::Address(server) => server.fmt(f),
            Self::Https(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_urls() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
            ("https://dns.example/dns-query", "https://dns.example/dns-query"),
            ("https://[2001:db8::1]:8443/dns-query{?dns}", "https://[2001:db8::1]:8443/dns-query"),
        ] {
            assert_eq!(text.parse::<Resolver>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn rejects_other_text() {
        for text in [
            "",
            "dns.example",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "http://dns.example/",
            "tls://dns.example",
        ] {
            assert!(matches!(text.parse::<Resolver>(), Err(ResolverError::Syntax(_))), "{text}");
        }
    }
}
