//! DNS over UDP, and over TCP for responses that do not fit a datagram.

use std::net::SocketAddr;
use std::time::Duration;
use std::{fs, io};

use hickory_net::NetError;
use hickory_net::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message};
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::tcp::TcpClientStream;
use hickory_net::udp::UdpClientStream;
use hickory_net::xfer::{DnsHandle as _, DnsRequestSender as _, FirstAnswer as _};
use veraid::retrieval::{Query, ResponseError};

use super::ResolverError;

pub(super) const PORT: u16 = 53;

/// The timeout of a query to one server over UDP, in which it is sent up to three times, and of a
/// query over TCP.
const TIMEOUT: Duration = Duration::from_secs(5);

const SYSTEM_CONFIGURATION: &str = "/etc/resolv.conf";

/// Returns the name servers of the system.
pub(super) async fn system_servers() -> Result<Vec<SocketAddr>, ResolverError> {
    let fail = |source| ResolverError::SystemConfiguration { path: SYSTEM_CONFIGURATION, source };
    let mut servers = Vec::new();
    for address in
        configured_addresses(&fs::read(SYSTEM_CONFIGURATION).map_err(fail)?).map_err(fail)?
    {
        // Through the system's resolution of names, since an address can have a scope (`%eth0`).
        servers.extend(tokio::net::lookup_host((address, PORT)).await.map_err(fail)?);
    }
    Ok(servers)
}

/// Returns the servers of a `resolv.conf`, or the local ones if it has none.
fn configured_addresses(text: &[u8]) -> io::Result<Vec<String>> {
    let configuration = resolv_conf::Config::parse(text)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(configuration.get_nameservers_or_local().iter().map(ToString::to_string).collect())
}

/// Queries the servers one after another, until one responds.
pub(super) async fn query_servers(
    servers: &[SocketAddr],
    query: &Query,
) -> Result<Vec<u8>, ResolverError> {
    let mut result = Err(no_server());
    for server in servers {
        result = send_query(*server, query).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

fn no_server() -> ResolverError {
    let source = io::Error::new(io::ErrorKind::NotFound, "no name server");
    ResolverError::SystemConfiguration { path: SYSTEM_CONFIGURATION, source }
}

async fn send_query(server: SocketAddr, query: &Query) -> Result<Vec<u8>, ResolverError> {
    let response = match query_udp(server, query).await {
        // Some servers cut responses within a record.
        Err(NetError::Proto(_)) => query_tcp(server, query).await,
        Ok(response) if query.check(&response) == Err(ResponseError::Truncated) => {
            query_tcp(server, query).await
        }
        result => result,
    };
    let question = || query.question().clone();
    let response = response.map_err(|error| ResolverError::Dns {
        server,
        question: question(),
        source: Box::new(error),
    })?;
    query.check(&response).map_err(|source| ResolverError::Response {
        resolver: server.to_string(),
        question: question(),
        source,
    })?;
    Ok(response)
}

async fn query_udp(server: SocketAddr, query: &Query) -> Result<Vec<u8>, NetError> {
    let stream = UdpClientStream::builder(server, TokioRuntimeProvider::new());
    let mut stream = stream.with_timeout(Some(TIMEOUT)).build();
    let response = stream.send_message(request(query)?).first_answer().await?;
    Ok(octets(response, query))
}

async fn query_tcp(server: SocketAddr, query: &Query) -> Result<Vec<u8>, NetError> {
    // The connection's task ends with the last clone of its runtime.
    let runtime = TokioRuntimeProvider::new();
    let stream = TcpClientStream::exchange(server, None, TIMEOUT, None, runtime.clone()).await?;
    let response = stream.send(request(query)?).first_answer().await?;
    Ok(octets(response, query))
}

fn request(query: &Query) -> Result<DnsRequest, NetError> {
    let mut message = Message::from_vec(query.message())?;
    // A query over UDP has a random ID, and gets another one over TCP.
    message.metadata.id = Message::query().id;
    Ok(DnsRequest::new(message, DnsRequestOptions::default()))
}

/// Returns the response with the query's ID. `hickory` has checked the ID that it chose.
fn octets(response: DnsResponse, query: &Query) -> Vec<u8> {
    let mut octets = response.into_buffer();
    if let Some(id) = octets.first_chunk_mut() {
        *id = query.id().to_be_bytes();
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_configured_or_local_servers() {
        let text = b"# comment\nsearch example.com\nnameserver 192.0.2.1\nnameserver fe80::1%lo\n";
        assert_eq!(configured_addresses(text).unwrap(), ["192.0.2.1", "fe80::1%lo"]);
        assert_eq!(configured_addresses(b"").unwrap(), ["127.0.0.1", "::1"]);
        assert!(configured_addresses(b"nameserver everyone").is_err());
    }
}
