//! Connections to one Redis server, or to a cluster.

use std::fmt;
use std::time::Duration;

use http_guard::pem::to_strict;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisResult, ScriptInvocation, TlsCertificates,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::rate_limit::LimitStoreError;

/// The time to connect. `SharedLimits` bounds it further.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where Redis is.
pub(super) enum Server {
    Single(Box<Client>),
    Cluster { nodes: Vec<ConnectionInfo>, client: Box<ClusterClient> },
}

/// A connection that concurrent calls share.
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Server {
    pub(super) fn single(url: &str) -> Result<Self, LimitStoreError> {
        let client = Client::open(node(url)?).map_err(LimitStoreError::new)?;
        Ok(Self::Single(Box::new(client)))
    }

    pub(super) fn cluster<'a>(
        urls: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, LimitStoreError> {
        let nodes = urls.into_iter().map(node).collect::<Result<Vec<_>, _>>()?;
        let client = ClusterClient::new(nodes.clone()).map_err(LimitStoreError::new)?;
        Ok(Self::Cluster { nodes, client: Box::new(client) })
    }

    pub(super) fn with_root_certificates(self, pem: &[u8]) -> Result<Self, LimitStoreError> {
        // `redis` would trust no certificates.
        let pem = to_strict(pem).to_vec();
        if CertificateDer::pem_slice_iter(&pem).next().is_none() {
            return Err(LimitStoreError::new("no certificate in PEM"));
        }
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
        let server = match self {
            Self::Single(client) => {
                let node = client.get_connection_info().clone();
                let client = Client::build_with_tls(node, certificates);
                client.map(|client| Self::Single(Box::new(client)))
            }
            Self::Cluster { nodes, .. } => {
                let client = ClusterClient::builder(nodes.clone()).certs(certificates).build();
                client.map(|client| Self::Cluster { nodes, client: Box::new(client) })
            }
        };
        server.map_err(LimitStoreError::new)
    }

    pub(super) async fn connect(&self) -> Result<Connection, LimitStoreError> {
        let connection = match self {
            Self::Single(client) => {
                // `SharedLimits` bounds the time of a response.
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(None);
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                connection.await.map(Connection::Single)
            }
            Self::Cluster { client, .. } => {
                client.get_async_connection().await.map(Connection::Cluster)
            }
        };
        connection.map_err(LimitStoreError::new)
    }
}

impl Connection {
    /// Calls a script, and loads it if the server does not know it.
    pub(super) async fn invoke(&self, script: &ScriptInvocation<'_>) -> RedisResult<Vec<u64>> {
        match self {
            Self::Single(connection) => script.invoke_async(&mut connection.clone()).await,
            Self::Cluster(connection) => script.invoke_async(&mut connection.clone()).await,
        }
    }
}

/// Parses a URL. The connection does not send the name of the client library, which would need
/// another right.
fn node(url: &str) -> Result<ConnectionInfo, LimitStoreError> {
    let node = url.into_connection_info().map_err(LimitStoreError::new)?;
    if matches!(node.addr(), ConnectionAddr::TcpTls { .. })
        && CryptoProvider::get_default().is_none()
    {
        // It fails if another thread has set one meanwhile.
        drop(aws_lc_rs::default_provider().install_default());
    }
    let settings = node.redis_settings().clone().set_skip_set_lib_name();
    Ok(node.set_redis_settings(settings))
}

/// Prints addresses only, since URLs contain passwords.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = match self {
            Self::Single(client) => std::slice::from_ref(client.get_connection_info()),
            Self::Cluster { nodes, .. } => nodes,
        };
        f.debug_list().entries(nodes.iter().map(|node| node.addr().to_string())).finish()
    }
}
