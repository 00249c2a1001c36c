//! The service as its operator sees it: demo, keys, log, health, the end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Place, Portal};
use crate::tokens::Tokens;

#[tokio::test]
async fn the_demo_prints_a_password_once() {
    let portal = Place::new().start(&["--demo"]);
    let printed = portal.printed.clone();
    let (_, password) = printed.trim().rsplit_once(' ').unwrap();
    assert!(printed.contains("\"admin\"") && password.len() >= 16, "{printed}");
    let admin = Tokens::of(&portal.log_in("admin", password).send().await);
    portal.get("/api/admin/users").by(&admin).send().await.gives();
    assert!(!portal.log().contains(password));

    let portal = portal.restart(&["--demo"]);
    assert!(!portal.printed.contains(password), "{}", portal.printed);
    assert!(portal.printed.contains("already"), "{}", portal.printed);
    Tokens::of(&portal.log_in("admin", password).send().await);
}

#[tokio::test]
async fn nobody_is_there_at_first() {
    let portal = Place::new().start(&[]);
    assert_eq!(portal.printed, "");
    for name in ["admin", "root"] {
        for password in ["", "admin", "password"] {
            let answer = portal.log_in(name, password).send().await;
            answer.refuses(401, "invalid_credentials");
        }
    }
}

#[tokio::test]
async fn health_is_for_everybody_and_says_little() {
    let portal = Place::new().start(&[]);
    let answer = portal.get("/api/health").send().await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "ok\n"));
    let answer = portal.get("/api/health").bearer("nonsense").send().await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    for path in ["/api/nothing", "/api/session/1/2", "/api/admin", "/api/auth"] {
        portal.get(path).send().await.refuses(404, "not_found");
        portal.get(path).by(&admin).send().await.refuses(404, "not_found");
    }
    assert_eq!(portal.get("/api/auth/login").send().await.status, 405);
}

#[tokio::test]
async fn keys_are_their_owners_alone() {
    let portal = Portal::start(&[]);
    for name in ["portal.db.keys", "portal.db"] {
        let file = portal.place.file(name);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name} is {mode:o}");
    }
    let keys = std::fs::read(portal.place.file("portal.db.keys")).unwrap();
    let portal = portal.restart(&[]);
    assert_eq!(std::fs::read(portal.place.file("portal.db.keys")).unwrap(), keys);
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to() {
    for signal in ["-TERM", "-INT"] {
        let portal = Place::new().start(&[]);
        let (status, printed, _) = portal.stop_by(signal);
        assert_eq!((status.code(), printed.as_str()), (Some(0), ""), "{signal}");
    }
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
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
    // It says so once it waits for the body (RFC 9110, 10.1.1).
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    portal.signal("-TERM");
    crate::tokens::until(async || portal.log().contains("stopping").then_some(())).await;
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(portal.end().0.success());
}

#[tokio::test]
async fn the_log_is_json_on_request_and_tells_no_secrets() {
    let portal = Portal::start(&["--log", "json"]);
    let admin = portal.admin().await;
    portal.log_in(ADMIN, "not this one").send().await.refuses(401, "invalid_credentials");
    portal.get("/api/session").by(&admin).send().await.gives();
    let next = Tokens::of(&portal.refresh(&admin.refresh).await);
    let log = portal.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["fields"]["status"] == 401), "{log}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    for secret in [PASSWORD, "not this one", &admin.access, &admin.refresh, &next.refresh] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn the_page_is_at_the_root() {
    let portal = Place::new().start(&[]);
    let page = portal.get("/").send().await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(page.header("content-security-policy").is_some());
}
