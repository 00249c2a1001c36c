//! Clients that don't wait for the answer to their login.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::portal::{PASSWORD, PERMITS, Portal, code};

const CLIENTS: usize = 500;
/// How many logins wait for a permit at most, by default.
const QUEUE: usize = 64;
/// Nothing takes so long unless it hangs.
const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_at_once_keeps_no_permit() {
    let portal = Portal::start().await;
    for index in 0..CLIENTS {
        drop(begin_login(&portal, index));
    }
    assert_gets_in(&portal).await;
    portal.assert_memory_is_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_in_the_queue_is_counted_nevertheless() {
    let portal = Portal::start().await;
    let mut clients: Vec<_> = (0..CLIENTS).map(|index| begin_login(&portal, index)).collect();
    // Where one found no place, all places were taken, by others of them.
    assert!(clients.iter_mut().rev().any(is_sent_away));
    drop(clients);

    let begun = usize::try_from(PERMITS).unwrap() + QUEUE;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let counted = portal.count("login.failure").await;
        if counted >= begun {
            break;
        }
        assert!(Instant::now() < deadline, "{counted} of {begun} at least");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_gets_in(&portal).await;
    portal.assert_memory_is_bounded();
}

/// Each has another name and comes from another address, so that none is locked.
fn begin_login(portal: &Portal, index: usize) -> TcpStream {
    let address = portal.origin.strip_prefix("http://").unwrap();
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

fn is_sent_away(client: &mut TcpStream) -> bool {
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut status = [0; "HTTP/1.1 503".len()];
    client.read_exact(&mut status).unwrap();
    &status == b"HTTP/1.1 503"
}

/// Whoever has the right password gets in, when those who were first are done.
async fn assert_gets_in(portal: &Portal) {
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
