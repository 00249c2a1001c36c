//! `AgentSource`, against a service on a Unix socket and on loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use kliento_core::{Member, Token, TokenBundle};
use kliento_tower::client::{AgentError, AgentSource, LocalSigner, SourceError, TokenBundleSource};
use tokio::net::{TcpListener, UnixListener};

use crate::clock::ManualClock;
use crate::fixture::{AUDIENCE, START, ScriptedFetcher, chain, key, name, source};

/// A service that records the queries, and responds with what it is given.
fn service(response: (StatusCode, String), queries: Arc<Mutex<Vec<String>>>) -> Router {
    let respond = move |request: Request| {
        let no_cache = request.headers().get("cache-control").map(|value| value.to_str().unwrap());
        let query = format!("{} {}", request.uri(), no_cache.unwrap_or_default());
        queries.lock().unwrap().push(query.trim_end().to_owned());
        let response = response.clone();
        async move {
            let mut response: Response = response.into_response();
            response.headers_mut().insert("retry-after", "7".parse().unwrap());
            response
        }
    };
    Router::new().route("/token", get(respond))
}

async fn bundle() -> TokenBundle {
    let clock = ManualClock::new(START);
    let fetcher = ScriptedFetcher::new([Ok(chain(START, "2026-11-23T18:00:00Z"))]);
    let source = source(&fetcher, &clock);
    source.refresh().await.unwrap();
    let signer =
        LocalSigner::self_certified(name(), source, Member::Bot, key(), Token::new(AUDIENCE));
    signer.with_clock(clock).token_bundle(None).await.unwrap().into_bundle()
}

fn response(bundle: &TokenBundle) -> String {
    let header = bundle.to_authorization();
    let token = header.strip_prefix("Kliento ").unwrap();
    format!(r#"{{"token":"{token}","expires_at":"2026-11-22T18:05:00Z"}}"#)
}

/// Serves on a Unix socket, and returns the client's source with the folder and the queries.
fn serve(
    response: (StatusCode, String),
) -> (AgentSource, tempfile::TempDir, Arc<Mutex<Vec<String>>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let queries = Arc::default();
    let service = service(response, Arc::clone(&queries));
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    (AgentSource::unix(path), folder, queries)
}

fn cause(error: &SourceError) -> &AgentError {
    std::error::Error::source(error).unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn fetches_bundles_over_a_unix_socket_and_loopback() {
    let bundle = bundle().await;
    let (unix, _folder, queries) = serve((StatusCode::OK, response(&bundle)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = service((StatusCode::OK, response(&bundle)), Arc::clone(&queries));
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    for source in [unix, AgentSource::loopback(&url).unwrap()] {
        let source = source.with_claim("permission", "a b&c");
        let fetched = source.token_bundle(Some(AUDIENCE)).await.unwrap();
        assert_eq!(fetched.valid_until().to_string(), "2026-11-22T18:05:00Z");
        assert_eq!(fetched.bundle(), &bundle);
        let expected = "/token?audience=https%3A%2F%2Fapi.example.com&claim=permission%3Da+b%26c";
        assert_eq!(queries.lock().unwrap().pop().unwrap(), expected);
        let fresh = source.fresh_token_bundle(Some(AUDIENCE)).await.unwrap();
        assert_eq!(fresh.bundle(), &bundle);
        assert_eq!(queries.lock().unwrap().pop().unwrap(), format!("{expected} no-cache"));
    }
}

#[tokio::test]
async fn reports_failures_of_the_agent() {
    let (denied, _folder, _) = serve((StatusCode::FORBIDDEN, String::new()));
    let error = denied.token_bundle(Some(AUDIENCE)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    let status = StatusCode::FORBIDDEN;
    assert!(matches!(cause(&error), AgentError::Status { status: found, .. } if *found == status));
    let error = denied.token_bundle(None).await.unwrap_err();
    assert!(matches!(cause(&error), AgentError::MissingAudience));
    let away = AgentSource::unix("/nowhere/agent.sock");
    let error = away.token_bundle(Some(AUDIENCE)).await.unwrap_err();
    assert!(matches!(cause(&error), AgentError::Connect(_)));
    for body in
        ["", "{}", r#"{"token":"?","expires_at":"2026-11-22T18:05:00Z"}"#, &"x".repeat(70_000)]
    {
        let (malformed, _folder, _) = serve((StatusCode::OK, body.to_owned()));
        let error = malformed.token_bundle(Some(AUDIENCE)).await.unwrap_err();
        assert!(
            matches!(cause(&error), AgentError::Response(_) | AgentError::Connection(_)),
            "{error}"
        );
    }
}
