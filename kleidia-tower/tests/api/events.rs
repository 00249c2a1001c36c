//! The events of a session: the policy, the limit of streams, and records that are detached.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_guard::stream::StreamSettings;
use kleidia_tower::account::LoginRequest;
use kleidia_tower::api::{Api, ApiRoutes};
use kleidia_tower::audit::{AuditEvent, EventKind, Outcome};
use kleidia_tower::rbac::{Policy, PolicyError, PolicyProvider, RoleName};
use kleidia_tower::{ClientInfo, UserId};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::Fixture;

/// A policy that a test replaces, or makes unavailable.
#[derive(Clone, Default)]
struct ReplaceablePolicy {
    policy: Arc<RwLock<Policy>>,
    is_unavailable: Arc<AtomicBool>,
}

#[async_trait]
impl PolicyProvider for ReplaceablePolicy {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        if self.is_unavailable.load(Ordering::SeqCst) {
            return Err(PolicyError::new(std::io::Error::other("a fault")));
        }
        Ok(self.policy.read().unwrap().clone())
    }
}

/// An open stream of events.
struct Events(Response<Body>);

impl Fixture {
    async fn open(&self, api: Api, bearer: &str, query: &str) -> Response<Body> {
        self.open_on(api.into_router(), bearer, query).await
    }

    async fn open_on(&self, router: Router, bearer: &str, query: &str) -> Response<Body> {
        let request = Request::get(format!("/session/events{query}")).header(AUTHORIZATION, bearer);
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn events(&self, bearer: &str, query: &str) -> Events {
        let response = self.open(self.api(), bearer, query).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        Events(response)
    }

    /// Replaces the roles of a user.
    async fn set_roles(&self, user: UserId, roles: &[&str]) {
        let path = format!("/api/admin/users/{user}");
        let roles = json!({ "roles": roles }).to_string();
        let response = self.send(self.api(), Method::PATCH, &path, &roles).await;
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    }

    /// Adds a record to the log.
    async fn record_failure(&self) {
        let client = ClientInfo::new("192.0.2.2".parse().unwrap());
        let (user_name, password) = ("alice".to_owned(), "wrong".into());
        let attempt = LoginRequest { user_name, password, client, device_token: None };
        assert!(self.accounts.log_in(attempt).await.is_err());
    }

    /// Returns the number of records that are sealed.
    async fn log_size(&self) -> u64 {
        self.accounts.store().checkpoint().await.unwrap().map_or(0, |checkpoint| checkpoint.size())
    }

    /// Waits until this many records are sealed.
    async fn wait_for_log_size(&self, size: u64) {
        while self.log_size().await < size {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn log_out(&self, bearer: &str) {
        let response = self.send_as(bearer, self.api(), Method::POST, "/api/auth/logout", "").await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{response:?}");
    }
}

impl Events {
    /// Waits for the next record of the audit log; returns the `id` of its event.
    async fn next_id(&mut self) -> u64 {
        self.id_of("event: audit\n").await
    }

    /// Waits for the `id` without an event, which tells the position in the audit log.
    async fn position(&mut self) -> u64 {
        self.id_of("id: ").await
    }

    /// Waits for an event whose text begins like this; returns its `id`.
    async fn id_of(&mut self, start: &str) -> u64 {
        loop {
            let frame = self.0.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
            let text = String::from_utf8(frame.to_vec()).unwrap();
            if text.starts_with(start) {
                let id = text.lines().find_map(|line| line.strip_prefix("id: "));
                return id.unwrap().parse().unwrap();
            }
        }
    }

    /// Waits for the next event; returns its name and data.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let frame = self.0.body_mut().frame().await?.unwrap().into_data().unwrap();
            let text = String::from_utf8(frame.to_vec()).unwrap();
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            if let Some(data) = field("data: ") {
                let name = field("event: ").unwrap().to_owned();
                return Some((name, serde_json::from_str(data).unwrap_or_else(|_| json!(data))));
            }
        }
    }
}

#[tokio::test]
async fn further_streams_than_allowed_are_rejected() {
    let mut fixture = Fixture::new().await;
    let settings = StreamSettings::default().with_max_per_principal(2).unwrap();
    fixture.accounts = fixture.accounts.clone().with_stream_settings(settings);
    let (_, alice) = fixture.user("alice", &["user"]).await;
    let first = fixture.events(&alice, "").await;
    let _second = fixture.events(&alice, "").await;
    let third = fixture.open(fixture.api(), &alice, "").await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    let problem = third.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["code"], "too_many_streams");
    fixture.events(&fixture.admin, "").await;
    drop(first);
    fixture.events(&alice, "").await;
}

#[tokio::test]
async fn policy_decides_about_the_audit_log() {
    let policy = ReplaceablePolicy::default();
    let mut fixture = Fixture::new().await;
    fixture.accounts = fixture.accounts.clone().with_policy(policy.clone());
    let (alice, bearer) = fixture.user("alice", &["admin"]).await;
    let mut events = fixture.events(&bearer, "?after=0").await;
    let (name, access) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &access["roles"]), ("roles", &json!(["admin"])));
    let (name, record) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &record["user"]), ("audit", &json!("root")));
    // The last one so far.
    while events.next().await.unwrap().1["user"] != "alice" {}
    for kind in ["login.success", "session.created"] {
        assert_eq!(events.next().await.unwrap().1["event"], kind);
    }

    // While it is unavailable, nothing is sent, and nothing is lost.
    policy.is_unavailable.store(true, Ordering::SeqCst);
    let rejected = fixture.open(fixture.api(), &bearer, "").await;
    assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
    fixture.record_failure().await;
    assert!(timeout(Duration::from_secs(2), events.next()).await.is_err());
    policy.is_unavailable.store(false, Ordering::SeqCst);
    fixture.set_roles(alice, &["admin", "user"]).await;
    assert_eq!(events.next().await.unwrap().0, "roles-changed");
    assert_eq!(events.next().await.unwrap().1["event"], "login.failure");

    // What a change of the policy withdraws is not sent.
    let readers = [RoleName::admin(), RoleName::user()];
    let weak = readers.into_iter().fold(Policy::empty(), |policy, role| {
        policy.with_role(role, ["users:read".parse().unwrap()])
    });
    *policy.policy.write().unwrap() = weak;
    fixture.record_failure().await;
    let (name, access) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &access["permissions"]), ("roles-changed", &json!(["users:read"])));
    fixture.record_failure().await;
    fixture.log_out(&bearer).await;
    assert_eq!(events.next().await, Some(("session-ended".to_owned(), json!("session_ended"))));
    assert_eq!(events.next().await, None);
}

/// It reads one record, and the next ones later.
#[tokio::test]
async fn policy_decides_about_records_that_a_slow_client_has_not_read() {
    let policy = ReplaceablePolicy::default();
    let mut fixture = Fixture::new().await;
    fixture.accounts = fixture.accounts.clone().with_policy(policy.clone());
    let (_, bearer) = fixture.user("alice", &["admin"]).await;
    fixture.wait_for_log_size(4).await;
    let mut events = fixture.events(&bearer, "?after=0").await;
    assert_eq!(events.next().await.unwrap().0, "roles");
    assert_eq!(events.next().await.unwrap().0, "audit");
    *policy.policy.write().unwrap() = Policy::empty();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(events.next().await.unwrap().0, "roles-changed");
    assert!(timeout(Duration::from_secs(60), events.next()).await.is_err());
}

#[tokio::test]
async fn corrupt_record_stops_no_client_that_is_behind_it() {
    let fixture = Fixture::new().await;
    // They share what the node reads.
    let router = fixture.api().into_router();
    let open = async |query| Events(fixture.open_on(router.clone(), &fixture.admin, query).await);
    fixture.wait_for_log_size(3).await;
    let size = fixture.log_size().await;
    let mut before = open("?after=0").await;
    while before.next_id().await < size {}
    fixture.store.set_corrupt_leaf(Some(size));
    fixture.record_failure().await;
    assert!(timeout(Duration::from_secs(2), before.next_id()).await.is_err());
    let mut behind = open("").await;
    assert_eq!(behind.position().await, size + 1);
    fixture.record_failure().await;
    let next = timeout(Duration::from_secs(30), behind.next_id()).await;
    assert_eq!(next.expect("a record"), size + 2);
    fixture.store.set_corrupt_leaf(None);
    assert_eq!(before.next_id().await, size + 1);
}

#[tokio::test]
async fn api_without_the_audit_log_has_none_in_its_events() {
    let fixture = Fixture::new().await;
    let api = fixture.api().with_routes([ApiRoutes::Sessions]);
    let mut events = Events(fixture.open(api, &fixture.admin, "?after=0").await);
    assert_eq!(events.next().await.unwrap().0, "roles");
    assert!(timeout(Duration::from_secs(2), events.next()).await.is_err());
    fixture.log_out(&fixture.admin).await;
    assert_eq!(events.next().await.unwrap().0, "session-ended");
}

/// More records than a node keeps in memory, in batches that end within and beyond them.
#[tokio::test]
async fn client_that_reads_slowly_gets_all_records() {
    let fixture = Fixture::new().await;
    let mut slow = fixture.events(&fixture.admin, "?after=0").await;
    assert_eq!(slow.next_id().await, 1);
    let event = AuditEvent {
        at: "2026-11-29T12:00:00Z".parse().unwrap(),
        kind: EventKind::Logout,
        outcome: Outcome::Success,
        user: None,
        actor: None,
        session: None,
        client: ClientInfo::default(),
        request: None,
        reason: None,
    };
    for count in [1, 255, 257, 900] {
        fixture.accounts.store().append(vec![event.clone(); count]).await.unwrap();
        // Meanwhile the node reads them.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let size = fixture.log_size().await;
    assert!(size > 1_400, "{size}");
    for id in 2..=size {
        assert_eq!(slow.next_id().await, id);
    }
}

#[tokio::test]
async fn nothing_reads_the_log_for_nobody() {
    let fixture = Fixture::new().await;
    let (_, alice) = fixture.user("alice", &["user"]).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let wait_for_tasks = async |expected: usize| {
        let deadline = Instant::now() + Duration::from_secs(30);
        while tasks() != expected {
            assert!(Instant::now() < deadline, "{} tasks, expected {expected}", tasks());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut other = fixture.events(&alice, "").await;
    assert_eq!(other.next().await.unwrap().0, "roles");
    assert!(timeout(Duration::from_secs(1), other.next()).await.is_err());
    let before = tasks();
    let router = fixture.api().into_router();
    for _ in 0..2 {
        let mut readers = Vec::new();
        for _ in 0..3 {
            let response = fixture.open_on(router.clone(), &fixture.admin, "").await;
            let mut events = Events(response);
            assert_eq!(events.next().await.unwrap().0, "roles");
            // It waits for records now.
            assert!(timeout(Duration::from_millis(100), events.next()).await.is_err());
            readers.push(events);
        }
        // One for all of them.
        wait_for_tasks(before + 1).await;
        drop(readers);
        wait_for_tasks(before).await;
    }
}
