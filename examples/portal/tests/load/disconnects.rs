//! Clients that disconnect before the response to their login.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::portal::{PASSWORD, PERMITS, Portal, code};

const CLIENTS: usize = 500;
/// The default limit of logins that wait for a permit.
const QUEUE_LIMIT: usize = 64;
/// Longer than any request takes.
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn client_disconnect_releases_permit() {
    let portal = Portal::start().await;
    for index in 0..CLIENTS {
        drop(begin_login(&portal, index));
    }
    assert_login_succeeds(&portal).await;
    portal.assert_memory_is_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn client_disconnect_in_queue_is_counted() {
    let portal = Portal::start().await;
    let mut clients: Vec<_> = (0..CLIENTS).map(|index| begin_login(&portal, index)).collect();
    // One rejection shows that the queue was full.
    assert!(clients.iter_mut().rev().any(is_rejected));
    drop(clients);

    let started = usize::try_from(PERMITS).unwrap() + QUEUE_LIMIT;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let counted = portal.count("login.failure").await;
        if counted >= started {
            break;
        }
        assert!(Instant::now() < deadline, "expected at least {started}, found {counted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_login_succeeds(&portal).await;
    portal.assert_memory_is_bounded();
}

/// Each login has its own name and address, so none is locked.
fn begin_login(portal: &Portal, index: usize) -> TcpStream {
    let address = portal.url.strip_prefix("http://").unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let body = format!(r#"{{"username":"nobody{index}","password":"wrong wrong wrong"}}"#);
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         x-forwarded-for: 198.51.{}.{}\r\ncontent-length: {}\r\n\r\n",
        100 + index / 250,
        index % 250,
        body.len(),
    );
    client.write_all(format!("{head}{body}").as_bytes()).unwrap();
    client
}

fn is_rejected(client: &mut TcpStream) -> bool {
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut status = [0; "HTTP/1.1 503".len()];
    client.read_exact(&mut status).unwrap();
    &status == b"HTTP/1.1 503"
}

/// Asserts that a login succeeds after the earlier ones have finished.
async fn assert_login_succeeds(portal: &Portal) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match code(portal.log_in("alice", PASSWORD, "192.0.2.1").await).await.as_str() {
            "ok" => return,
            code => assert_eq!(code, "busy"),
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
