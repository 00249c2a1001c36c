//! A service that keeps session tokens in cookies, on a socket: its streams end with the session.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response, Sse, sse::Event};
use axum::routing::get;
use futures_util::{Stream, StreamExt as _, stream};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request as HttpRequest, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use http_guard::stream::StreamWatch;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kleidia_tower::account::TokenSet;
use kleidia_tower::audit::EventKind;
use kleidia_tower::session::SessionAuthenticator;
use kleidia_tower::{ClientInfo, Rejection};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::streams::{LEASE, fixture};
use crate::support::Fixture;

/// Authenticates the session of a cookie.
async fn authenticate(
    State(authenticator): State<SessionAuthenticator>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let cookie = request.headers().get(COOKIE).and_then(|value| value.to_str().ok());
    let token = cookie.and_then(|cookie| cookie.strip_prefix("session="));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    let status = |rejection: Rejection| rejection.status();
    let session = authenticator.authenticate_session_token(token).await.map_err(status)?;
    authenticator.check_password_age(&session.account).map_err(status)?;
    let watch = authenticator.watch_session(session);
    request.extensions_mut().insert(watch.clone());
    Ok(watch.wrap_response(next.run(request).await).map(Body::new).into_response())
}

async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::iter([Ok(Event::default().data("1"))]);
    Sse::new(events.chain(stream::pending()))
}

/// Responds at once: the layer does not wrap it.
async fn status(watch: StreamWatch) -> &'static str {
    if watch.try_ended().is_some() { "ended" } else { "open" }
}

async fn start(fixture: &Fixture) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let authenticator = fixture.accounts.authenticator();
    let router = Router::new()
        .route("/events", get(events))
        .route("/status", get(status))
        .layer(from_fn_with_state(authenticator, authenticate));
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

async fn send(server: SocketAddr, path: &str, tokens: &TokenSet) -> http::Response<Body> {
    let client: Client<_, Empty<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let token = tokens.session_token.as_ref().unwrap().expose_secret();
    let request = HttpRequest::get(format!("http://{server}{path}"));
    let request = request.header(COOKIE, format!("session={token}")).body(Empty::new()).unwrap();
    client.request(request).await.unwrap().map(Body::new)
}

/// Opens a stream, and reads its first event.
async fn subscribe(server: SocketAddr, tokens: &TokenSet) -> Body {
    let response = send(server, "/events", tokens).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().get(SET_COOKIE).is_none());
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "data: 1\n\n");
    body
}

/// Reads to the end of a stream.
async fn rest(body: Body) -> String {
    let rest = timeout(10 * LEASE, body.collect()).await.unwrap().unwrap();
    String::from_utf8(rest.to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn streams_end_with_the_session_of_the_cookie() {
    let (fixture, alice) = fixture().await;
    let server = start(&fixture).await;
    let other = fixture.log_in("alice").await;
    let (stream, mut kept) = (subscribe(server, &alice).await, subscribe(server, &other).await);
    fixture.accounts.log_out(&alice.session, ClientInfo::default()).await.unwrap();
    let rest = rest(stream).await;
    assert!(rest.starts_with("event: session-ended\n"), "{rest}");
    assert!(rest.ends_with("\ndata: session_ended\n\n"), "{rest}");
    assert_eq!(send(server, "/events", &alice).await.status(), StatusCode::UNAUTHORIZED);
    assert!(timeout(LEASE * 2, kept.frame()).await.is_err());
    let records = fixture.audit_records(EventKind::StreamEnded).await;
    let reasons: Vec<_> = records.iter().filter_map(|record| record.reason.as_deref()).collect();
    assert_eq!(reasons, ["1 stream: session_ended"]);
}

/// No access token, and so no key.
#[tokio::test]
async fn withdrawn_key_does_not_end_streams_of_cookies() {
    let (fixture, alice) = fixture().await;
    let server = start(&fixture).await;
    let mut stream = subscribe(server, &alice).await;
    fixture.keys.replace();
    assert!(timeout(LEASE * 2, stream.frame()).await.is_err());
    fixture.disable(alice.session.account.id).await;
    assert!(rest(stream).await.ends_with("\ndata: account_disabled\n\n"));
}

#[tokio::test]
async fn expired_password_ends_streams_of_cookies() {
    let mut fixture = Fixture::with_daily_password_expiry().await;
    let settings = http_guard::stream::StreamSettings::default().with_lease(LEASE).unwrap();
    fixture.accounts = fixture.accounts.clone().with_stream_settings(settings);
    fixture.advance_clock(24 * 3600 - 60);
    let alice = fixture.log_in("alice").await;
    let server = start(&fixture).await;
    let stream = subscribe(server, &alice).await;
    fixture.advance_clock(60);
    let rest = rest(stream).await;
    assert!(rest.ends_with("\ndata: password_expired\n\n"), "{rest}");
}

#[tokio::test]
async fn other_responses_are_not_wrapped() {
    let (fixture, alice) = fixture().await;
    let response = send(start(&fixture).await, "/status", &alice).await;
    assert_eq!(response.headers().get("content-length").unwrap(), "4");
    assert_eq!(rest(response.into_body()).await, "open");
}
