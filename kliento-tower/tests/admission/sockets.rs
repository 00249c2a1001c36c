//! A service with a file of rules, over a socket.

use axum::Router;
use axum::routing::get;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderValue, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kliento_core::Token;
use tokio::net::TcpListener;

use crate::fixture::{AUDIENCE, Fixture, RuleFile};

const RULES: &str = "\
[deny]
subjects = ['mallory@example.com']

[[allow]]
organisations = ['example.com']
claims = { role = ['deploy', 'admin'] }

[[quota]]
requests = 1
period = 86400
";

#[tokio::test]
async fn clients_learn_the_decision() {
    let fixture = Fixture::new();
    let token = Token::new(AUDIENCE).with_claim("role", "admin");
    let alice = fixture.member("example.com", "alice", &token);
    let mallory = fixture.member("example.com", "mallory", &token);
    let without_role = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let layer = fixture.layer().with_admission(RuleFile::new(RULES).open().unwrap());
    let routes = Router::new().route("/", get(async || "hello")).route_layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let client = Client::builder(TokioExecutor::new()).build_http::<String>();
    let get = async |credentials: Option<&HeaderValue>| {
        let mut request = Request::get(&uri).body(String::new()).unwrap();
        if let Some(credentials) = credentials {
            request.headers_mut().insert(AUTHORIZATION, credentials.clone());
        }
        let response = client.request(request).await.unwrap();
        (response.status(), response.headers().contains_key(RETRY_AFTER))
    };
    assert_eq!(get(None).await, (StatusCode::UNAUTHORIZED, false));
    assert_eq!(get(Some(&mallory)).await, (StatusCode::FORBIDDEN, false));
    assert_eq!(get(Some(&without_role)).await, (StatusCode::FORBIDDEN, false));
    assert_eq!(get(Some(&alice)).await, (StatusCode::OK, false));
    assert_eq!(get(Some(&alice)).await, (StatusCode::TOO_MANY_REQUESTS, true));
}
