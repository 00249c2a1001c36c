//! The sockets of a server and of its clients, as the kernel lists them.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::TEST_TIMEOUT;

/// Returns how many connections with this server a descriptor holds: on its side, and on that of
/// its clients.
pub(crate) fn connections(server: SocketAddr) -> (usize, usize) {
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let (mut accepted, mut connected) = (0, 0);
    let port = format!(":{:04X}", server.port());
    for row in table.lines().skip(1) {
        let columns: Vec<_> = row.split_whitespace().collect();
        let [_, local, remote, state, _, _, _, _, _, inode, ..] = columns[..] else {
            panic!("{row}");
        };
        // A listener, and a socket that only the kernel holds.
        if state == "0A" || inode == "0" {
            continue;
        }
        accepted += usize::from(local.ends_with(&port));
        connected += usize::from(remote.ends_with(&port));
    }
    (accepted, connected)
}

/// Waits until this holds.
pub(crate) async fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(TEST_TIMEOUT, waiting).await.is_ok(), "not in time: {what}");
}
