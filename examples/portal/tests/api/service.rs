//! The service as the operator sees it: demo, keys, log, health, shutdown.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command};
use crate::tokens::Tokens;

#[tokio::test]
async fn demo_prints_password_once() {
    let portal = TempDatabase::new().start(&["--demo"]);
    let output = portal.startup_output.clone();
    let (_, password) = output.trim().rsplit_once(' ').unwrap();
    assert!(output.contains("\"admin\"") && password.len() >= 16, "{output}");
    let admin = Tokens::from_response(&portal.login_request("admin", password).send().await);
    portal.get("/api/admin/users").auth(&admin).send().await.expect_json();
    assert!(!portal.log().contains(password));

    let portal = portal.restart(&["--demo"]);
    assert!(!portal.startup_output.contains(password), "{}", portal.startup_output);
    assert!(portal.startup_output.contains("already"), "{}", portal.startup_output);
    Tokens::from_response(&portal.login_request("admin", password).send().await);
}

/// Standard output fails as one whose reader is gone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn demo_starts_without_the_account_if_its_password_is_not_printed() {
    let (database, full) = (TempDatabase::new(), || File::create("/dev/full").unwrap());
    let log = File::create(database.file("log")).unwrap();
    let mut portal = command(&database.path(), &["--demo", "--listen", "127.0.0.1:0"]);
    let mut portal = portal.stdout(full()).stderr(log).spawn().unwrap();
    crate::tokens::wait_for(async || {
        let log = std::fs::read_to_string(database.file("log")).unwrap();
        log.contains("not created").then_some(())
    })
    .await;
    let stopped = std::process::Command::new("kill").arg(portal.id().to_string()).status();
    assert!(stopped.unwrap().success());
    let status = portal.wait().unwrap();
    assert!(status.success(), "{status}");
    // The name is free.
    let created = database.create_admin("admin", PASSWORD);
    assert!(created.status.success(), "{created:?}");
}

#[tokio::test]
async fn new_database_has_no_accounts() {
    let portal = TempDatabase::new().start(&[]);
    assert_eq!(portal.startup_output, "");
    for name in ["admin", "root"] {
        for password in ["", "admin", "password"] {
            let response = portal.login_request(name, password).send().await;
            response.expect_problem(401, "invalid_credentials");
        }
    }
}

#[tokio::test]
async fn health_is_public() {
    let portal = TempDatabase::new().start(&[]);
    let response = portal.get("/api/health").send().await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "ok\n"));
    let response = portal.get("/api/health").bearer_auth("nonsense").send().await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn unknown_routes_are_404() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    for path in ["/api/nothing", "/api/session/1/2", "/api/admin", "/api/auth"] {
        portal.get(path).send().await.expect_problem(404, "not_found");
        portal.get(path).auth(&admin).send().await.expect_problem(404, "not_found");
    }
    assert_eq!(portal.get("/api/auth/login").send().await.status, 405);
}

#[tokio::test]
async fn keys_and_database_are_private() {
    let portal = Portal::start(&[]);
    for name in ["portal.db.keys", "portal.db.audit-key", "portal.db"] {
        let file = portal.database.file(name);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name} is {mode:o}");
    }
    let keys = std::fs::read(portal.database.file("portal.db.keys")).unwrap();
    let portal = portal.restart(&[]);
    assert_eq!(std::fs::read(portal.database.file("portal.db.keys")).unwrap(), keys);
}

#[tokio::test]
async fn stops_on_signals() {
    for signal in ["-TERM", "-INT"] {
        let portal = TempDatabase::new().start(&[]);
        let (status, output, _) = portal.stop_with(signal);
        assert_eq!((status.code(), output.as_str()), (Some(0), ""), "{signal}");
    }
}

#[tokio::test]
async fn answers_open_request_before_it_stops() {
    let portal = Portal::start(&[]);
    let mut stream = TcpStream::connect(portal.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let body = json!({"username": ADMIN, "password": PASSWORD}).to_string();
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: portal\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The portal sends this when it waits for the body (RFC 9110, 10.1.1).
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    portal.signal("-TERM");
    crate::tokens::wait_for(async || portal.log().contains("stopping").then_some(())).await;
    stream.write_all(body.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(portal.wait().0.success());
}

#[tokio::test]
async fn json_log_contains_no_secrets() {
    let portal = Portal::start(&["--log", "json"]);
    let admin = portal.log_in_admin().await;
    portal
        .login_request(ADMIN, "not this one")
        .send()
        .await
        .expect_problem(401, "invalid_credentials");
    portal.get("/api/session").auth(&admin).send().await.expect_json();
    let next = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    let log = portal.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["fields"]["status"] == 401), "{log}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    for secret in [PASSWORD, "not this one", &admin.access, &admin.refresh, &next.refresh] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn serves_page_at_root() {
    let portal = TempDatabase::new().start(&[]);
    let page = portal.get("/").send().await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(page.header("content-security-policy").is_some());
}
