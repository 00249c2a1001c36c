//! A mock VeraId Authority on a socket, with scripted responses, which records the requests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use http::{HeaderMap, StatusCode};
use kliento_core::{SERVICE, Token};
use kliento_tower::client::{AuthorityExchange, JwtSource};
use secrecy::SecretString;

use crate::fixture::{AUDIENCE, FIXTURE};
use crate::server::serve;

pub(crate) const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl";
pub(crate) const BASE64: &str = "application/vnd.veraid.signature-bundle+base64";
pub(crate) const BINARY: &str = "application/vnd.veraid.signature-bundle";

pub(crate) struct MockAuthority {
    pub(crate) address: SocketAddr,
    script: Arc<ScriptedResponses>,
}

struct ScriptedResponses {
    responses: Mutex<VecDeque<Response>>,
    requests: Mutex<Vec<HeaderMap>>,
}

impl MockAuthority {
    pub(crate) async fn new(responses: impl IntoIterator<Item = Response>) -> Self {
        let responses = Mutex::new(responses.into_iter().collect());
        let script = Arc::new(ScriptedResponses { responses, requests: Mutex::default() });
        let router = Router::new().fallback(respond).with_state(Arc::clone(&script));
        Self { address: serve(router).await, script }
    }

    /// Returns the header fields of the requests so far.
    pub(crate) fn requests(&self) -> Vec<HeaderMap> {
        self.script.requests.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/credentials/signatureBundles/123", self.address)
    }

    /// Returns an exchange with a short retry delay.
    pub(crate) fn exchange(&self) -> AuthorityExchange {
        self.exchange_with(SecretString::from(JWT))
    }

    pub(crate) fn exchange_with(&self, jwt: impl JwtSource) -> AuthorityExchange {
        let exchange = AuthorityExchange::new(&self.url(), jwt).unwrap();
        exchange.with_retry_delay(Duration::from_millis(1)).unwrap()
    }
}

async fn respond(State(script): State<Arc<ScriptedResponses>>, headers: HeaderMap) -> Response {
    script.requests.lock().unwrap().push(headers);
    let response = script.responses.lock().unwrap().pop_front();
    match response {
        Some(response) => response,
        // Without a further response the request stays pending.
        None => std::future::pending().await,
    }
}

pub(crate) fn status(status: u16) -> Response {
    let response = Response::builder().status(status);
    response.body(Body::from(r#"{"type":"problem"}"#)).unwrap()
}

pub(crate) fn busy(status: u16, retry_after: &str) -> Response {
    let response = Response::builder().status(status).header("retry-after", retry_after);
    response.body(Body::empty()).unwrap()
}

pub(crate) fn ok(content_type: &str, body: impl Into<Body>) -> Response {
    let response = Response::builder().status(StatusCode::OK).header("content-type", content_type);
    response.body(body.into()).unwrap()
}

/// A response with a bundle, as deployed authorities send it.
pub(crate) fn granted() -> Response {
    ok(BASE64, base64::engine::general_purpose::STANDARD.encode(octets()))
}

/// Returns a bundle by the organisation on behalf of alice, valid for 5 minutes from the start.
pub(crate) fn octets() -> Vec<u8> {
    // Signatures are salted, so signing again would produce a different bundle.
    static OCTETS: LazyLock<Vec<u8>> = LazyLock::new(sign);
    OCTETS.clone()
}

fn sign() -> Vec<u8> {
    let start: kliento_core::Timestamp = crate::scripted_source::START.parse().unwrap();
    let end = start + Duration::from_secs(300);
    let period = kliento_core::Period::new(start, end).unwrap();
    let (token, service) = (Token::new(AUDIENCE).to_json(), SERVICE.parse().unwrap());
    let organisation = FIXTURE.alice.organisation();
    organisation.sign(token.as_bytes(), FIXTURE.alice.member(), &service, period).unwrap()
}
