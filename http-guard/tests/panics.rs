//! Panics of handlers in the log: one event each, and few events in a flood.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;

use http::{Request, Response};
use http_guard::log::{self, LogFormat};
use http_guard::serve::{RequestBody, Server};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

const REQUESTS: usize = 60;

async fn panics(_: Request<RequestBody>) -> Result<Response<String>, Infallible> {
    panic!("requested by the client: {}", "x".repeat(5_000));
}

fn request(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
}

/// The log of a process is its standard error, so the test below runs this one in a process of its
/// own.
#[tokio::test]
#[ignore = "run by the other test"]
async fn flood() {
    let _log = log::init(LogFormat::Text).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = tower::service_fn(panics);
    let serve = async move { Server::new().serve(listener, service, std::future::pending()).await };
    let server = tokio::spawn(serve);
    spawn_blocking(move || (0..REQUESTS).for_each(|_| request(address))).await.unwrap();
    server.abort();
}

#[test]
fn flood_of_panics_is_one_event_each_and_few_events() {
    let start = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["flood", "--exact", "--ignored", "--nocapture"])
        .env("RUST_LOG", "info")
        .output()
        .unwrap();
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.iter().all(|line| line.contains("requested by the client")), "{log}");
    assert!(errors.iter().all(|line| line.len() < 1_000), "{log}");
    assert!((1..=5 * (seconds + 2)).contains(&errors.len()), "{} events: {log}", errors.len());
}
