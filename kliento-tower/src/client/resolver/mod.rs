//! Retrieves the chain of an owner from a DNS resolver, over UDP and TCP or over HTTPS.

mod dns;
mod error;
mod https;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use http_guard::{SocketAddressError, parse_socket_address};
use reqwest::Url;
use tokio::time::Instant;
use veraid::retrieval::{ChainRetrieval, Query, Question, RetrievalError};

pub use self::error::ResolverError;

use super::ChainFetcher;

/// The messages of a chain, unverified, and the errors of the queries that it may not need.
#[derive(Debug)]
pub struct RetrievedChain {
    /// The DNS messages.
    pub messages: Vec<Vec<u8>>,
    /// The errors of queries without a usable response. Verify the chain to know whether it needs
    /// them.
    pub failures: Vec<ResolverError>,
}

/// A recursive resolver that returns DNSSEC records.
///
/// It is read from an IP address, with or without a port (53) and a zone (`%eth0`), or an
/// `https://` URL of DNS over HTTPS (RFC 8484). Its responses are not trusted: the chain in them is
/// verified.
///
/// ```
/// use kliento_tower::client::{ChainSource, Resolver};
///
/// let resolver: Resolver = "https://dns.example/dns-query".parse()?;
/// let chain = ChainSource::new("example.com".parse()?, resolver);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolver {
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
    ///
    /// It takes at most 30 seconds, with at most eight queries at a time. A query may fail if the
    /// chain does not need its response: then the result has its error.
    ///
    /// # Errors
    /// [`ResolverError`] if the owner has no TXT records, or if a query fails that every chain
    /// needs.
    pub async fn retrieve(&self, owner: &str) -> Result<RetrievedChain, ResolverError> {
        let mut retrieval = ChainRetrieval::new(owner)?;
        let failures = self.answer(&mut retrieval).await?;
        match retrieval.finish() {
            Ok(messages) => {
                let failures = failures.into_iter().map(|(_, error)| error).collect();
                Ok(RetrievedChain { messages, failures })
            }
            Err(RetrievalError::MissingResponses(needed)) => {
                let mut failures = failures.into_iter();
                let failure = failures.find(|(question, _)| needed.contains(question));
                let missing = || RetrievalError::MissingResponses(needed).into();
                Err(failure.map_or_else(missing, |(_, error)| error))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the questions without a usable response, with their errors, in the order of the
    /// chain.
    ///
    /// An error of the whole retrieval, such as a missing name, does not wait for other responses.
    async fn answer(
        &self,
        retrieval: &mut ChainRetrieval,
    ) -> Result<Vec<(Question, ResolverError)>, ResolverError> {
        let deadline = Instant::now() + Self::TIMEOUT;
        let transport = &self.transport().await?;
        let queries = retrieval.unanswered();
        // The query for the root's keys shows whether the resolver is usable, and opens the
        // connection that the other queries share.
        let (first, others) = queries.split_at(queries.len().min(1));
        for query in first {
            let response = self.send_query(transport, query, deadline).await?;
            retrieval.answer(query, &response).map_err(|error| self.explain(error))?;
        }
        let mut others: Vec<_> = others.iter().enumerate().collect();
        // The last query, for the TXT records, decides whether there is a chain at all. It must not
        // wait for names that are not zones, for which some servers do not respond.
        let last = others.len().min(1);
        others.rotate_right(last);
        // Not a closure of the stream: its future would not be known to be `Send`.
        let mut responses = Vec::with_capacity(others.len());
        for (index, query) in others {
            responses.push(self.send_numbered_query(transport, index, query, deadline));
        }
        let responses = stream::iter(responses).buffer_unordered(Self::MAX_CONCURRENT_QUERIES);
        let mut responses = pin!(responses);
        let mut failures = BTreeMap::new();
        while let Some((index, query, response)) = responses.next().await {
            let answered = response.and_then(|response| {
                retrieval.answer(query, &response).map_err(|error| self.explain(error))
            });
            match answered {
                Ok(()) => {}
                Err(error) if error.is_of_response() => {
                    failures.insert(index, (query.question().clone(), error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(failures.into_values().collect())
    }

    /// Sends one query, unless the retrieval has taken too long.
    async fn send_query(
        &self,
        transport: &Transport,
        query: &Query,
        deadline: Instant,
    ) -> Result<Vec<u8>, ResolverError> {
        let response = tokio::time::timeout_at(deadline, transport.send_query(query)).await;
        response.map_err(|_| ResolverError::Timeout {
            resolver: self.to_string(),
            seconds: Self::TIMEOUT.as_secs(),
        })?
    }

    /// Sends one query, and returns it with its number and the response.
    async fn send_numbered_query<'q>(
        &self,
        transport: &Transport,
        index: usize,
        query: &'q Query,
        deadline: Instant,
    ) -> (usize, &'q Query, Result<Vec<u8>, ResolverError>) {
        (index, query, self.send_query(transport, query, deadline).await)
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

#[async_trait]
impl ChainFetcher for Resolver {
    async fn fetch(&self, owner: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        // Whether the chain needs what failed is known when it is verified.
        Ok(self.retrieve(owner).await?.messages)
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
        let address = address.unwrap_or(text);
        if let Ok(address) = address.parse::<IpAddr>() {
            return Ok(Self::Address((address, dns::PORT).into()));
        }
        if address.contains('%') {
            return scoped_address(text).map(Self::Address);
        }
        // Servers publish URI templates (RFC 8484, 4.1), whose variable is for GET only.
        let url = text.strip_suffix("{?dns}").unwrap_or(text).parse::<Url>().ok();
        let url = url.filter(|url| url.scheme() == "https" && url.has_host());
        url.map(Self::Https).ok_or_else(|| ResolverError::Syntax(text.to_owned()))
    }
}

/// Reads an IPv6 address with a zone (RFC 4007, 11), with or without a port.
fn scoped_address(text: &str) -> Result<SocketAddr, ResolverError> {
    let with_port = match text.strip_prefix('[') {
        None => format!("[{text}]:{}", dns::PORT),
        Some(_) if text.ends_with(']') => format!("{text}:{}", dns::PORT),
        Some(_) => text.to_owned(),
    };
    parse_socket_address(&with_port).map_err(|error| match error {
        SocketAddressError::UnknownZone { zone, source } => ResolverError::Zone { zone, source },
        _ => ResolverError::Syntax(text.to_owned()),
    })
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
    #[cfg(target_os = "linux")]
    fn reads_addresses_with_zones() {
        let parse = |text: &str| text.parse::<Resolver>().unwrap().to_string();
        // The loopback interface has the number 1 on Linux.
        for text in ["fe80::1%lo", "[fe80::1%lo]", "fe80::1%1", "[fe80::1%lo]:53"] {
            assert_eq!(parse(text), "[fe80::1%1]:53", "{text}");
        }
        assert_eq!(parse("[fe80::1%1]:5353"), "[fe80::1%1]:5353");
        let unknown = "fe80::1%none".parse::<Resolver>().unwrap_err();
        assert!(matches!(unknown, ResolverError::Zone { .. }), "{unknown}");
        for text in ["dns.example%lo", "192.0.2.1%lo", "[fe80::1%lo", "[fe80::1%lo]53", "%"] {
            assert!(matches!(text.parse::<Resolver>(), Err(ResolverError::Syntax(_))), "{text}");
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
