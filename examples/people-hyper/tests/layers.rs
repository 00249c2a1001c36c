//! The service over a socket: login, sessions, permissions and the rate limit.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic")]

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use http_guard::serve::Server;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::Accounts;
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rate_limit::Limit;
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::MemoryStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const PASSWORD: &str = "correct horse battery staple";

/// Starts a server with a user `alice` and an admin `root`.
async fn start(limit: &str) -> SocketAddr {
    let parameters = Argon2Parameters::default().with_memory_kib(7 * 1024).unwrap();
    let hasher = PasswordHasher::options().with_parameters(parameters).start().unwrap();
    let keys = Arc::new(KeyRing::new([SigningKey::generate().unwrap()]).unwrap());
    let accounts = Accounts::new(Arc::new(MemoryStore::default()), keys, hasher);
    for (name, role) in [("alice", RoleName::user()), ("root", RoleName::admin())] {
        let roles = [role].into();
        let created =
            accounts.create_user(None, name, PASSWORD.into(), roles, ClientInfo::default());
        created.await.unwrap();
    }
    let service = people_hyper::service(&accounts, limit.parse::<Limit>().unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _summary = Server::new().serve(listener, service, pending()).await;
    });
    address
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

async fn send(server: SocketAddr, request: http::request::Builder, body: String) -> Reply {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let path = request.uri_ref().unwrap().path().to_owned();
    let request = request.uri(format!("http://{server}{path}")).body(Full::from(body)).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Reply { status: head.status, headers: head.headers, body }
}

async fn log_in(server: SocketAddr, username: &str, password: &str) -> Reply {
    let request = Request::builder().method(Method::POST).uri("/login");
    let body = json!({ "username": username, "password": password }).to_string();
    send(server, request, body).await
}

async fn get(server: SocketAddr, path: &str, token: Option<&str>) -> Reply {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    send(server, request, String::new()).await
}

async fn token(server: SocketAddr, username: &str) -> String {
    let reply = log_in(server, username, PASSWORD).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    reply.body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn serves_users_with_a_session_and_the_permission() {
    let server = start("100/60").await;
    let (alice, root) = (token(server, "alice").await, token(server, "root").await);
    let me = get(server, "/me", Some(&alice)).await;
    assert_eq!((me.status, me.body), (StatusCode::OK, json!({ "username": "alice" })));
    let reports = get(server, "/reports", Some(&root)).await;
    assert_eq!((reports.status, &reports.body["reader"]), (StatusCode::OK, &json!("root")));
    assert_eq!(get(server, "/nothing", Some(&root)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn rejects_missing_tokens_and_wrong_passwords_with_401() {
    let server = start("100/60").await;
    for token in [None, Some("not.a.token")] {
        let reply = get(server, "/reports", token).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert!(reply.headers[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer "));
        assert_eq!(reply.body["code"], "token_invalid");
    }
    let reply = log_in(server, "alice", "wrong").await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.body["code"], "invalid_credentials");
}

#[tokio::test]
async fn denies_users_without_the_permission_with_403() {
    let server = start("100/60").await;
    let reply = get(server, "/reports", Some(&token(server, "alice").await)).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert_eq!(reply.body["code"], "permission_denied");
}

#[tokio::test]
async fn limits_requests_by_client_address_with_429() {
    let server = start("2/60").await;
    let alice = token(server, "alice").await;
    assert_eq!(get(server, "/me", Some(&alice)).await.status, StatusCode::OK);
    let reply = get(server, "/me", Some(&alice)).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.headers[RETRY_AFTER], "30");
    assert_eq!(reply.body["code"], "rate_limited");
}
