//! A second attempt after a 401, over sockets and with scripted sources.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::any;
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kliento_core::{Period, Timestamp, Token, TokenBundle};
use kliento_tower::client::{ExpiringBundle, KlientoClient, KlientoClientLayer, RetryOnce};
use kliento_tower::{FixedClock, KlientoAuthLayer, TrustAnchors};
use tokio::sync::Semaphore;
use tower::{Layer as _, ServiceExt as _, service_fn};
use veraid::testing::{MockEnvironment, MockMember};

use crate::scripted_source::{
    ManualClock, Outcome, START, ScriptedSource, failing, request, valid_for, value,
};
use crate::server::serve;

const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Kliento realm="a""#);

/// A server that refuses some bundles, and counts requests.
#[derive(Clone, Default)]
struct Refusing(Arc<Refusals>);

#[derive(Default)]
struct Refusals {
    accepted: Mutex<HashSet<HeaderValue>>,
    bodies: Mutex<Vec<Bytes>>,
    requests: AtomicUsize,
}

impl Refusing {
    fn accepting(values: impl IntoIterator<Item = Option<HeaderValue>>) -> Self {
        let server = Self::default();
        server.0.accepted.lock().unwrap().extend(values.into_iter().flatten());
        server
    }

    fn requests(&self) -> usize {
        self.0.requests.load(Ordering::SeqCst)
    }

    fn status(&self, value: Option<&HeaderValue>) -> StatusCode {
        self.0.requests.fetch_add(1, Ordering::SeqCst);
        let accepted = self.0.accepted.lock().unwrap();
        if value.is_some_and(|value| accepted.contains(value)) {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        }
    }

    async fn serve(&self) -> SocketAddr {
        let respond = async |State(server): State<Self>, request: Request<Body>| {
            let status = server.status(request.headers().get(AUTHORIZATION));
            let body = request.into_body().collect().await.unwrap().to_bytes();
            server.0.bodies.lock().unwrap().push(body);
            (status, [(WWW_AUTHENTICATE, CHALLENGE)])
        };
        serve(Router::new().route("/", any(respond)).with_state(self.clone())).await
    }
}

type HttpClient = KlientoClient<Client<HttpConnector, Full<Bytes>>, RetryOnce>;

fn layer(source: &Arc<ScriptedSource>, clock: &ManualClock) -> KlientoClientLayer<RetryOnce> {
    KlientoClientLayer::new(Arc::clone(source)).with_clock(clock.clone()).with_retry()
}

fn client(layer: &KlientoClientLayer<RetryOnce>) -> HttpClient {
    layer.layer(Client::builder(TokioExecutor::new()).build_http())
}

async fn post(client: &HttpClient, server: SocketAddr, body: &'static str) -> StatusCode {
    let request = Request::post(format!("http://{server}/")).body(Full::from(body)).unwrap();
    client.clone().oneshot(request).await.unwrap().status()
}

/// A source whose bundles the server accepts or refuses, a clock, and a client that has one cached.
struct Fixture {
    source: Arc<ScriptedSource>,
    clock: ManualClock,
    server: Refusing,
    address: SocketAddr,
    client: HttpClient,
}

impl Fixture {
    /// The first bundle is accepted once, and cached then; a second later the server accepts these.
    async fn new(outcomes: impl IntoIterator<Item = Outcome>, accepted: &[u8]) -> Self {
        let outcomes = [valid_for(1, 300)].into_iter().chain(outcomes);
        let (source, clock) = (ScriptedSource::new(outcomes), ManualClock::new());
        let server = Refusing::accepting([value(1)]);
        let address = server.serve().await;
        let client = client(&layer(&source, &clock));
        assert_eq!(post(&client, address, "").await, StatusCode::OK);
        *server.0.accepted.lock().unwrap() =
            accepted.iter().filter_map(|number| value(*number)).collect();
        clock.set(1);
        Self { source, clock, server, address, client }
    }

    async fn post(&self) -> StatusCode {
        post(&self.client, self.address, "body").await
    }
}

#[tokio::test]
async fn refused_request_is_sent_again_with_another_bundle() {
    let fixture = Fixture::new([valid_for(2, 300)], &[2]).await;
    assert_eq!(fixture.post().await, StatusCode::OK);
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 3));
    assert_eq!(*fixture.server.0.bodies.lock().unwrap(), ["", "body", "body"]);
    // The refused bundle is not used again.
    assert_eq!(fixture.post().await, StatusCode::OK);
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 4));
}

#[tokio::test]
async fn request_is_never_sent_a_third_time() {
    let fixture = Fixture::new([valid_for(2, 300), valid_for(3, 300)], &[3]).await;
    assert_eq!(fixture.post().await, StatusCode::UNAUTHORIZED);
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 3));
    // Within a second, the source is not queried for the next request either.
    for _ in 0..10 {
        assert_eq!(fixture.post().await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 13));
    fixture.clock.set(2);
    assert_eq!(fixture.post().await, StatusCode::OK);
    assert_eq!(fixture.source.queries(), 3);
}

#[tokio::test]
async fn bundle_that_the_request_waited_for_is_not_replaced() {
    let (source, clock) =
        (ScriptedSource::new([valid_for(1, 300), valid_for(2, 300)]), ManualClock::new());
    let server = Refusing::accepting([value(2)]);
    let address = server.serve().await;
    assert_eq!(post(&client(&layer(&source, &clock)), address, "").await, StatusCode::UNAUTHORIZED);
    assert_eq!((source.queries(), server.requests()), (1, 1));
}

#[tokio::test]
async fn caller_gets_the_first_response_if_there_is_no_other_bundle() {
    let fixture = Fixture::new([valid_for(1, 300)], &[2]).await;
    assert_eq!(fixture.post().await, StatusCode::UNAUTHORIZED);
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 2));

    let fixture = Fixture::new([failing("unavailable"), valid_for(2, 300)], &[2]).await;
    assert_eq!(fixture.post().await, StatusCode::UNAUTHORIZED);
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 2));
    // The refused bundle stays, and the source is not queried again at once.
    assert_eq!(fixture.post().await, StatusCode::UNAUTHORIZED);
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 3));
    fixture.clock.set(2);
    assert_eq!(fixture.post().await, StatusCode::OK);
}

/// A refusal does not discard a bundle while the source fails: another server, or this one a moment
/// later, may accept it.
#[tokio::test]
async fn refused_bundle_stays_until_there_is_another() {
    let fixture = Fixture::new([failing("unavailable")], &[]).await;
    assert_eq!(fixture.post().await, StatusCode::UNAUTHORIZED);
    fixture.server.0.accepted.lock().unwrap().extend(value(1));
    assert_eq!(fixture.post().await, StatusCode::OK);
    assert_eq!((fixture.source.queries(), fixture.server.requests()), (2, 3));
}

/// Requests that are refused at the same time share the query, and those that follow use its bundle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_refusals_query_the_source_once() {
    let fixture = Fixture::new([valid_for(2, 300), valid_for(3, 300)], &[2]).await;
    let posts = (0..100).map(|_| {
        let (client, address) = (fixture.client.clone(), fixture.address);
        tokio::spawn(async move { post(&client, address, "").await })
    });
    for post in posts.collect::<Vec<_>>() {
        assert_eq!(post.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(fixture.source.queries(), 2);
}

/// Responds with this status and challenge, and counts requests.
async fn sends_with_response(
    change: impl FnOnce(&mut Request<String>),
    status: StatusCode,
    challenge: Option<&'static str>,
) -> usize {
    let (source, clock) =
        (ScriptedSource::new([valid_for(1, 300), valid_for(2, 300)]), ManualClock::new());
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let service = layer(&source, &clock).layer(service_fn(move |_: Request<String>| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(String::new());
        *response.status_mut() = status;
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    service.clone().oneshot(request("https://api.example.com/")).await.unwrap();
    clock.set(1);
    let mut second = request("https://api.example.com/");
    change(&mut second);
    assert_eq!(service.oneshot(second).await.unwrap().status(), status);
    sent.load(Ordering::SeqCst) - 1
}

#[tokio::test]
async fn only_refusals_of_the_attached_bundle_are_sent_again() {
    let kliento = Some(r#"Bearer realm="a", Kliento realm="b""#);
    let unchanged = |_: &mut Request<String>| {};
    assert_eq!(sends_with_response(unchanged, StatusCode::UNAUTHORIZED, kliento).await, 2);
    for (status, challenge) in [
        (StatusCode::OK, kliento),
        (StatusCode::FORBIDDEN, kliento),
        (StatusCode::SERVICE_UNAVAILABLE, kliento),
        (StatusCode::UNAUTHORIZED, Some(r#"Bearer realm="Kliento""#)),
        (StatusCode::UNAUTHORIZED, None),
    ] {
        assert_eq!(sends_with_response(unchanged, status, challenge).await, 1, "{status}");
    }
    let own = |request: &mut Request<String>| {
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    };
    assert_eq!(sends_with_response(own, StatusCode::UNAUTHORIZED, kliento).await, 1);
}

/// The clone of the inner service waits until that is ready.
#[tokio::test]
async fn second_attempt_waits_for_readiness() {
    let (source, clock) =
        (ScriptedSource::new([valid_for(1, 300), valid_for(2, 300)]), ManualClock::new());
    let server = Refusing::accepting([value(1)]);
    let inner = server.clone();
    let respond = service_fn(move |request: Request<String>| {
        let status = inner.status(request.headers().get(AUTHORIZATION));
        let response = Response::builder().status(status).header(WWW_AUTHENTICATE, CHALLENGE);
        std::future::ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
    });
    let permits = Arc::new(Semaphore::new(1));
    let limited = tower::limit::ConcurrencyLimit::with_semaphore(respond, Arc::clone(&permits));
    let service = layer(&source, &clock).layer(limited);
    let send = || service.clone().oneshot(request("https://api.example.com/"));
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
    *server.0.accepted.lock().unwrap() = value(2).into_iter().collect();
    clock.set(1);
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(permits.available_permits(), 1);
}

/// A real service that withdraws the trust anchors of the first bundle, and requires others.
#[tokio::test]
async fn withdrawn_trust_anchors_are_a_case_for_it() {
    let start: Timestamp = START.parse().unwrap();
    let environment = || {
        let period = (start, start + std::time::Duration::from_secs(3600));
        MockEnvironment::new(Period::new(period.0, period.1).unwrap()).unwrap()
    };
    let (before, after) = (environment(), environment());
    let bundle = |environment: &MockEnvironment| -> Outcome {
        let member: MockMember =
            environment.organisation("example.com").unwrap().member("a").unwrap();
        let (token, service) =
            (Token::new("https://api.example.com"), kliento_core::SERVICE.parse().unwrap());
        let period = Period::new(start, start + std::time::Duration::from_secs(600)).unwrap();
        let octets = member.sign(token.to_json().as_bytes(), &service, period).unwrap();
        Ok(ExpiringBundle::from_claimed_period(TokenBundle::from_bytes(octets).unwrap()).unwrap())
    };
    let anchors =
        Arc::new(std::sync::RwLock::new(TrustAnchors::new(before.trust_anchors().unwrap())));
    let layer_of_server = KlientoAuthLayer::new("https://api.example.com")
        .with_trust_anchors(SharedAnchors(Arc::clone(&anchors)))
        .with_clock(FixedClock(start));
    let address =
        serve(Router::new().route("/", any(async || "hello")).layer(layer_of_server)).await;
    let clock = ManualClock::new();
    let source = ScriptedSource::new([bundle(&before), bundle(&after)]);
    let client = client(&layer(&source, &clock));
    assert_eq!(post(&client, address, "").await, StatusCode::OK);
    *anchors.write().unwrap() = TrustAnchors::new(after.trust_anchors().unwrap());
    clock.set(2);
    assert_eq!(post(&client, address, "").await, StatusCode::OK);
    assert_eq!(source.queries(), 2);
}

struct SharedAnchors(Arc<std::sync::RwLock<TrustAnchors>>);

#[async_trait::async_trait]
impl kliento_tower::TrustAnchorStore for SharedAnchors {
    async fn snapshot(&self) -> Result<TrustAnchors, kliento_tower::TrustAnchorError> {
        Ok(self.0.read().unwrap().clone())
    }
}
