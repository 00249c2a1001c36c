//! Connections that say nothing.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::portal::{PASSWORD, Portal, code};

const CONNECTIONS: u64 = 2_000;
/// No client may be silent for so long.
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_keep_nobody_out_and_are_dropped() {
    // Both ends need as many descriptors, and the portal inherits what there are.
    let descriptors = rlimit::increase_nofile_limit(CONNECTIONS + 200).unwrap();
    assert!(descriptors >= CONNECTIONS + 200, "{descriptors} descriptors are too few");
    let portal = Portal::start().await;
    let address = portal.origin.strip_prefix("http://").unwrap();
    let silent: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(code(portal.log_in("alice", PASSWORD, "192.0.2.1").await).await, "ok");
    for connection in silent {
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
