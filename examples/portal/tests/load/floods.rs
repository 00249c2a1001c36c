//! A thousand logins at once, and clients that hang up.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::portal::{PASSWORD, PERMITS, Portal, code};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_logins_cost_bounded_memory_and_keep_nobody_else_waiting() {
    let portal = Arc::new(Portal::start());
    let idle = portal.peak_memory_kib();
    let is_over = Arc::new(AtomicBool::new(false));
    let health = tokio::spawn(ask_for_health(Arc::clone(&portal), Arc::clone(&is_over)));
    for name in ["alice", "nobody"] {
        let logins = (0..1000).map(|index| {
            let portal = Arc::clone(&portal);
            let name = if name == "alice" { name.to_owned() } else { format!("{name}{index}") };
            tokio::spawn(
                async move { code(portal.log_in(&name, PASSWORD, "192.0.2.1").await).await },
            )
        });
        let (mut answered, expected) =
            (0, if name == "alice" { "ok" } else { "invalid_credentials" });
        for login in logins.collect::<Vec<_>>() {
            let code = login.await.unwrap();
            assert!(code == expected || code == "busy", "{name}: {code}");
            answered += usize::from(code == expected);
        }
        assert!(answered > 0, "{name}");
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(health.await.unwrap() > 0);
    match (idle, portal.peak_memory_kib()) {
        (Some(idle), Some(peak)) => {
            let most = idle + (PERMITS * 64 + 64) * 1024;
            println!("idle {idle} KiB, at most {peak} KiB, bound {most} KiB");
            assert!(peak <= most, "{peak} KiB, and {most} KiB at most");
        }
        _ => println!("memory is not measured: this system does not tell it"),
    }
}

/// Counts the answers that come while others log in.
async fn ask_for_health(portal: Arc<Portal>, is_over: Arc<AtomicBool>) -> usize {
    let mut answers = 0;
    while !is_over.load(Ordering::Relaxed) {
        let health = portal.client.get(format!("{}/api/health", portal.origin));
        assert!(health.send().await.unwrap().status().is_success());
        answers += 1;
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_free_nothing_early() {
    let portal = Portal::start();
    let idle = portal.peak_memory_kib();
    let address = portal.origin.strip_prefix("http://").unwrap();
    let body = r#"{"username":"nobody","password":"wrong wrong wrong"}"#;
    for index in 0..500 {
        let mut client = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             x-forwarded-for: 198.51.100.{}\r\ncontent-length: {}\r\n\r\n",
            index % 250,
            body.len(),
        );
        client.write_all(format!("{head}{body}").as_bytes()).unwrap();
    }
    // All permits come back, whatever was begun.
    let deadline = Instant::now() + Duration::from_mins(1);
    while code(portal.log_in("alice", PASSWORD, "192.0.2.1").await).await != "ok" {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(portal.count("login.failure").await > 0);
    if let (Some(idle), Some(peak)) = (idle, portal.peak_memory_kib()) {
        assert!(peak <= idle + (PERMITS * 64 + 64) * 1024, "{idle} KiB, then {peak} KiB");
    }
}
