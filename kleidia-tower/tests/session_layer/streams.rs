//! Streams end with their session, and not with the access token.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_guard::stream::{Reconnection, StreamEnd, StreamSettings, StreamWatch};
use kleidia_tower::account::TokenSet;
use kleidia_tower::rbac::{Policy, RbacLayer, Requirement, RoleName};
use kleidia_tower::session::{CredentialPolicy, JwtSessionLayer, SessionEvent};
use kleidia_tower::{ClientInfo, UserId};
use tower::layer::util::Stack;
use tower::{Layer, Service, ServiceExt as _, service_fn};

use crate::support::http::request;
use crate::support::{Fixture, bearer};
use crate::workloads::Workloads;

/// The least lease, so that callers are checked each second.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// A fixture whose streams are checked each second, and a session.
pub(crate) async fn fixture() -> (Fixture, TokenSet) {
    let mut fixture = Fixture::new().await;
    let settings = StreamSettings::default().with_lease(LEASE).unwrap();
    fixture.accounts = fixture.accounts.clone().with_stream_settings(settings);
    let alice = fixture.log_in("alice").await;
    (fixture, alice)
}

/// Returns the layer of the accounts.
pub(crate) fn layer(fixture: &Fixture) -> JwtSessionLayer {
    fixture.accounts.session_layer()
}

/// An open stream, whose first event was read.
pub(crate) struct Subscription {
    body: Body,
    watch: StreamWatch,
}

/// Opens a stream of events.
pub(crate) async fn respond<L, B>(layer: L, tokens: &TokenSet) -> Response<Body>
where
    L: Layer<EventService>,
    L::Service: Service<Request<String>, Response = Response<B>, Error = Infallible>,
    B: http_body_util::BodyExt<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let service = layer.layer(service_fn(send_events as SendEvents));
    let response = service.oneshot(request(&[&bearer(tokens)])).await.unwrap();
    response.map(Body::new)
}

pub(crate) type EventService = tower::util::ServiceFn<SendEvents>;
pub(crate) type SendEvents =
    fn(Request<String>) -> std::future::Ready<Result<Response<Body>, Infallible>>;

fn send_events(request: Request<String>) -> std::future::Ready<Result<Response<Body>, Infallible>> {
    let events = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
    let body = Body::from_stream(events.chain(stream::pending()));
    let response = Response::builder().header("content-type", "text/event-stream");
    let mut response = response.body(body).unwrap();
    *response.extensions_mut() = request.into_parts().0.extensions;
    std::future::ready(Ok(response))
}

impl Subscription {
    pub(crate) async fn new(fixture: &Fixture, tokens: &TokenSet) -> Self {
        Self::from_response(respond(layer(fixture), tokens).await).await
    }

    pub(crate) async fn from_response(response: Response<Body>) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        let watch = response.extensions().get::<StreamWatch>().unwrap().clone();
        let mut stream = Self { body: response.into_body(), watch };
        assert_eq!(stream.next().await, "data: 1\n\n");
        stream
    }

    async fn next(&mut self) -> Bytes {
        self.body.frame().await.unwrap().unwrap().into_data().unwrap()
    }

    /// Waits for the last event, and returns the end.
    pub(crate) async fn end(mut self) -> (&'static str, Reconnection) {
        let last = self.next().await;
        let end = self.watch.try_ended().unwrap();
        let data = format!("\ndata: {}\n\n", end.code());
        assert!(last.starts_with(b"event: session-ended\n") && last.ends_with(data.as_bytes()));
        assert!(self.body.frame().await.is_none());
        (end.code(), end.reconnection())
    }

    /// Returns whether the stream is open after this time.
    async fn is_open_after(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.next()).await.is_err()
    }
}

const ENDED: (&str, Reconnection) = ("session_ended", Reconnection::Never);

fn here() -> ClientInfo {
    ClientInfo::default()
}

#[tokio::test]
async fn ends_at_once_with_its_session_only() {
    let (fixture, alice) = fixture().await;
    let other = fixture.log_in("alice").await;
    let streams =
        [Subscription::new(&fixture, &alice).await, Subscription::new(&fixture, &alice).await];
    let mut kept = Subscription::new(&fixture, &other).await;
    fixture.accounts.log_out(&alice.session, here()).await.unwrap();
    for stream in streams {
        assert_eq!(stream.end().await, ENDED);
    }
    assert!(kept.is_open_after(LEASE * 2).await);
    fixture.accounts.log_out_everywhere(&other.session, here()).await.unwrap();
    assert_eq!(kept.end().await, ENDED);
}

#[tokio::test]
async fn ends_at_once_when_an_admin_ends_it_or_disables_the_account() {
    let (fixture, alice) = fixture().await;
    let (user, root) = (alice.session.account.id, fixture.principal("root").await);
    let stream = Subscription::new(&fixture, &alice).await;
    fixture.accounts.end_user_sessions(Some(&root), user, here()).await.unwrap();
    assert_eq!(stream.end().await, ENDED);
    let stream = Subscription::new(&fixture, &fixture.log_in("alice").await).await;
    fixture.disable(user).await;
    assert_eq!(stream.end().await, ("account_disabled", Reconnection::Never));
}

#[tokio::test]
async fn ends_at_once_with_all_sessions() {
    let (fixture, alice) = fixture().await;
    let stream = Subscription::new(&fixture, &alice).await;
    // More than are published one by one.
    for _ in 0..20 {
        fixture.log_in("alice").await;
    }
    fixture.accounts.log_out_everywhere(&alice.session, here()).await.unwrap();
    let end = tokio::time::timeout(LEASE / 4, stream.end()).await;
    assert_eq!(end.unwrap(), ENDED);
}

#[tokio::test]
async fn outlives_its_access_token_if_a_refresh_extends_the_session() {
    let (fixture, alice) = fixture().await;
    let mut stream = Subscription::new(&fixture, &alice).await;
    fixture.advance_clock(1800);
    assert!(stream.is_open_after(LEASE * 2).await, "the token has expired, and not the session");
    fixture.accounts.refresh(&alice.refresh_token, here()).await.unwrap();
    fixture.advance_clock(3000);
    assert!(stream.is_open_after(LEASE * 2).await, "the session was extended");
    fixture.advance_clock(3600);
    assert_eq!(stream.end().await, ("session_expired", Reconnection::Authenticate));
}

/// The node has cached the session before another node extended it.
#[tokio::test]
async fn outlives_a_cached_session_that_another_node_extends() {
    let mut fixture = Fixture::with_cache().await;
    let settings = StreamSettings::default().with_lease(LEASE).unwrap();
    fixture.accounts = fixture.accounts.clone().with_stream_settings(settings);
    let alice = fixture.log_in("alice").await;
    let mut stream = Subscription::new(&fixture, &alice).await;
    fixture.advance_clock(1800);
    fixture.other_node().refresh(&alice.refresh_token, here()).await.unwrap();
    fixture.advance_clock(3000);
    assert!(stream.is_open_after(LEASE * 2).await, "the session was extended");
    fixture.advance_clock(3600);
    assert_eq!(stream.end().await, ("session_expired", Reconnection::Authenticate));
}

/// Without an event: the session is checked again.
#[tokio::test]
async fn ends_within_the_lease_without_an_event() {
    let (fixture, alice) = fixture().await;
    let stream = Subscription::new(&fixture, &alice).await;
    fixture.keys.replace();
    assert_eq!(stream.end().await, ("token_invalid", Reconnection::Authenticate));
}

#[tokio::test]
async fn withdrawn_key_ends_streams_by_its_event() {
    let (fixture, alice) = fixture().await;
    let mut stream = Subscription::new(&fixture, &alice).await;
    assert!(stream.is_open_after(LEASE / 10).await);
    fixture.keys.replace();
    fixture.accounts.store().session_events().unwrap().publish(SessionEvent::KeysWithdrawn);
    let end = tokio::time::timeout(LEASE / 4, stream.end()).await;
    assert_eq!(end.unwrap().0, "token_invalid");
}

#[tokio::test]
async fn ends_after_the_lease_while_the_store_is_unavailable() {
    let (fixture, alice) = fixture().await;
    let mut stream = Subscription::new(&fixture, &alice).await;
    assert!(stream.is_open_after(LEASE / 10).await);
    fixture.store.set_unavailable(true);
    assert!(stream.is_open_after(LEASE / 4).await);
    assert_eq!(stream.end().await.0, "unavailable");
}

#[tokio::test]
async fn survives_a_short_failure_of_the_store() {
    let (fixture, alice) = fixture().await;
    let mut stream = Subscription::new(&fixture, &alice).await;
    fixture.store.set_unavailable(true);
    tokio::time::sleep(LEASE / 4).await;
    fixture.store.set_unavailable(false);
    assert!(stream.is_open_after(LEASE * 2).await);
}

#[tokio::test]
async fn expired_password_ends_streams() {
    let mut fixture = Fixture::with_daily_password_expiry().await;
    let settings = StreamSettings::default().with_lease(LEASE).unwrap();
    fixture.accounts = fixture.accounts.clone().with_stream_settings(settings);
    fixture.advance_clock(24 * 3600 - 1800);
    let alice = fixture.log_in("alice").await;
    let stream = Subscription::new(&fixture, &alice).await;
    let lenient = layer(&fixture).with_expired_passwords_allowed();
    let mut kept = Subscription::from_response(respond(lenient, &alice).await).await;
    fixture.advance_clock(1800);
    assert_eq!(stream.end().await, ("password_expired", Reconnection::Never));
    assert!(kept.is_open_after(Duration::ZERO).await);
}

/// A stream that the layer `RbacLayer` has permitted.
pub(crate) async fn permitted(fixture: &Fixture, tokens: &TokenSet, role: &str) -> Subscription {
    let policy = Policy::default().with_role(role.parse().unwrap(), []);
    let role: RoleName = role.parse().unwrap();
    let require = RbacLayer::new(policy, Requirement::role(role), fixture.accounts.audit_trail());
    let layers = Stack::new(require, layer(fixture));
    Subscription::from_response(respond(layers, tokens).await).await
}

#[tokio::test]
async fn withdrawn_permission_ends_streams_at_once() {
    let (fixture, alice) = fixture().await;
    let user: UserId = alice.session.account.id;
    fixture.set_roles(user, &["auditor", "reader"]).await;
    let auditing = permitted(&fixture, &alice, "auditor").await;
    let mut reading = permitted(&fixture, &alice, "reader").await;
    fixture.set_roles(user, &["reader"]).await;
    let end = tokio::time::timeout(LEASE / 4, auditing.end()).await;
    assert_eq!(end.unwrap(), ("permission_denied", Reconnection::Never));
    assert!(reading.is_open_after(LEASE * 2).await);
}

#[tokio::test]
async fn streams_of_a_user_are_bounded_over_its_sessions() {
    let (mut fixture, alice) = fixture().await;
    let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
    fixture.accounts = fixture.accounts.clone().with_stream_settings(settings);
    let open = Subscription::new(&fixture, &alice).await;
    let other = fixture.log_in("alice").await;
    let rejected = respond(layer(&fixture), &other).await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rejected.extensions().get(), Some(&StreamEnd::TOO_MANY_STREAMS));
    Subscription::new(&fixture, &fixture.log_in("root").await).await;
    drop(open);
    Subscription::new(&fixture, &other).await;
}

#[tokio::test]
async fn shutdown_ends_streams_of_all_layers() {
    let (fixture, alice) = fixture().await;
    let stream = Subscription::new(&fixture, &alice).await;
    assert_eq!(fixture.accounts.shut_down_streams(), 1);
    assert_eq!(stream.end().await, ("server_shutdown", Reconnection::Later));
    let response = respond(layer(&fixture), &alice).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn service_may_watch_its_streams_itself() {
    let (fixture, alice) = fixture().await;
    let response = respond(layer(&fixture).without_streams(), &alice).await;
    assert!(response.extensions().get::<StreamWatch>().is_none());
    // That of an outer layer stays.
    let layers = Stack::new(layer(&fixture).without_streams(), layer(&fixture));
    Subscription::from_response(respond(layers, &alice).await).await;
}

/// Sends a request, and returns its watch, which has opened no stream.
pub(crate) async fn watch(fixture: &Fixture, tokens: &TokenSet) -> StreamWatch {
    let service = layer(fixture).layer(service_fn(async |request: Request<String>| {
        let mut response = Response::new(String::new());
        *response.extensions_mut() = request.into_parts().0.extensions;
        Ok::<_, Infallible>(response)
    }));
    let response = service.oneshot(request(&[&bearer(tokens)])).await.unwrap();
    response.extensions().get::<StreamWatch>().unwrap().clone()
}

/// The session ends between the check of the request and the start of the stream.
#[tokio::test]
async fn end_before_the_stream_was_opened_is_not_lost() {
    let (fixture, alice) = fixture().await;
    let watch = watch(&fixture, &alice).await;
    fixture.accounts.log_out(&alice.session, here()).await.unwrap();
    let end = tokio::time::timeout(LEASE / 4, watch.ended()).await;
    assert_eq!(end.unwrap().code(), "session_ended");
}

/// An outer layer watches a workload, and this layer lets its request pass without a user.
#[tokio::test]
async fn watch_of_a_workload_stays_without_a_user() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let backup = workloads.member("backup", "example.com");
    let lenient = layer(&fixture).with_policy(CredentialPolicy::AllowMissingOrInvalid);
    let layers = Stack::new(lenient, workloads.layer());
    let service = layers.layer(service_fn(send_events as SendEvents));
    let response = service.oneshot(request(&[&backup])).await.unwrap();
    assert!(response.extensions().get::<StreamWatch>().is_some());
}
