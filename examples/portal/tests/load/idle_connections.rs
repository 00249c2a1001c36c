//! Connections that send nothing.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::portal::{PASSWORD, Portal, code};

const CONNECTIONS: u64 = 2_000;
/// Longer than the portal keeps an idle connection.
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn drops_idle_connections_and_serves_others() {
    // Both ends need a descriptor per connection, and the portal inherits the limit.
    let descriptors = rlimit::increase_nofile_limit(CONNECTIONS + 200).unwrap();
    assert!(descriptors >= CONNECTIONS + 200, "descriptor limit {descriptors} is too low");
    let portal = Portal::start().await;
    let address = portal.url.strip_prefix("http://").unwrap();
    let idle: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(code(portal.log_in("alice", PASSWORD, "192.0.2.1").await).await, "ok");
    for connection in idle {
        assert!(is_dropped(connection));
    }
    assert_eq!(code(portal.log_in("alice", PASSWORD, "192.0.2.1").await).await, "ok");
}

fn is_dropped(mut connection: TcpStream) -> bool {
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    match connection.read(&mut [0]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}
