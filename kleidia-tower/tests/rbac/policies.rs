//! Policy providers that fail, and `CachedPolicy`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future;
use http::StatusCode;
use kleidia_tower::rbac::{CachedPolicy, Policy, PolicyError, PolicyProvider, RbacLayer};
use tokio::sync::Semaphore;

use crate::support::Fixture;
use crate::support::http::{outcome, request, send};
use crate::{in_session_layer, may, permission};

/// A database of policies that can fail and wait.
#[derive(Clone)]
struct Database(Arc<State>);

struct State {
    is_unavailable: AtomicBool,
    allows_users: AtomicBool,
    loads: AtomicUsize,
    permits: Semaphore,
}

impl Database {
    fn new() -> Self {
        Self(Arc::new(State {
            is_unavailable: AtomicBool::new(false),
            allows_users: AtomicBool::new(false),
            loads: AtomicUsize::new(0),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
        }))
    }

    fn loads(&self) -> usize {
        self.0.loads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PolicyProvider for Database {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        let _permit = self.0.permits.acquire().await.unwrap();
        if self.0.is_unavailable.load(Ordering::SeqCst) {
            return Err(PolicyError::new("connection refused"));
        }
        let granted = self.0.allows_users.load(Ordering::SeqCst);
        let granted = granted.then(|| permission("reports:read"));
        Ok(Policy::empty().with_role("user".parse().unwrap(), granted))
    }
}

async fn outcome_for(fixture: &Fixture, policy: impl PolicyProvider, bearer: &str) -> String {
    let layer = RbacLayer::new(policy, may("reports:read"), fixture.accounts.audit_trail());
    outcome(&send(in_session_layer(fixture, layer), request(&[bearer])).await)
}

#[tokio::test]
async fn unavailable_policy_is_503() {
    let fixture = Fixture::new().await;
    let (alice, root) = (fixture.bearer("alice").await, fixture.bearer("root").await);
    let database = Database::new();
    database.0.is_unavailable.store(true, Ordering::SeqCst);
    for bearer in [&alice, &root] {
        let layer =
            RbacLayer::new(database.clone(), may("users:read"), fixture.accounts.audit_trail());
        let response = send(in_session_layer(&fixture, layer), request(&[bearer])).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(outcome(&response), "unavailable");
        assert_eq!(
            outcome_for(&fixture, CachedPolicy::new(database.clone()), bearer).await,
            "unavailable"
        );
    }
    let loads = database.loads();
    assert_eq!(send_anonymous(&fixture, database.clone()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(database.loads(), loads, "a request without credentials reaches no store");
}

async fn send_anonymous(fixture: &Fixture, policy: impl PolicyProvider) -> StatusCode {
    let layer = RbacLayer::new(policy, may("reports:read"), fixture.accounts.audit_trail());
    send(in_session_layer(fixture, layer), request(&[])).await.status()
}

#[tokio::test]
async fn loads_once_within_the_ttl() {
    let fixture = Fixture::new().await;
    let (alice, database) = (fixture.bearer("alice").await, Database::new());
    let cached = Arc::new(CachedPolicy::new(database.clone()));
    assert!(cached.try_current().is_none());
    for _ in 0..3 {
        assert_eq!(outcome_for(&fixture, Arc::clone(&cached), &alice).await, "permission_denied");
    }
    database.0.allows_users.store(true, Ordering::SeqCst);
    assert_eq!(outcome_for(&fixture, Arc::clone(&cached), &alice).await, "permission_denied");
    database.0.is_unavailable.store(true, Ordering::SeqCst);
    assert_eq!(outcome_for(&fixture, Arc::clone(&cached), &alice).await, "permission_denied");
    assert_eq!(database.loads(), 1);
}

#[tokio::test]
async fn loads_again_after_the_ttl() {
    let fixture = Fixture::new().await;
    let (alice, database) = (fixture.bearer("alice").await, Database::new());
    let cached = Arc::new(CachedPolicy::new(database.clone()).with_ttl(Duration::ZERO).unwrap());
    assert_eq!(outcome_for(&fixture, Arc::clone(&cached), &alice).await, "permission_denied");
    database.0.allows_users.store(true, Ordering::SeqCst);
    assert_eq!(outcome_for(&fixture, Arc::clone(&cached), &alice).await, "alice");
    database.0.is_unavailable.store(true, Ordering::SeqCst);
    assert_eq!(outcome_for(&fixture, Arc::clone(&cached), &alice).await, "unavailable");
    database.0.is_unavailable.store(false, Ordering::SeqCst);
    assert_eq!(outcome_for(&fixture, cached, &alice).await, "alice");
}

#[tokio::test]
async fn concurrent_requests_share_a_load_and_its_error() {
    for is_unavailable in [false, true] {
        let database = Database::new();
        database.0.is_unavailable.store(is_unavailable, Ordering::SeqCst);
        database.0.permits.forget_permits(Semaphore::MAX_PERMITS);
        let cached = CachedPolicy::new(database.clone());
        let all = future::join_all((0..100).map(|_| cached.policy()));
        let open = async {
            while database.loads() == 0 {
                tokio::task::yield_now().await;
            }
            database.0.permits.add_permits(1);
        };
        let both = async { tokio::join!(all, open) };
        let (outcomes, ()) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.is_err() == is_unavailable));
        assert_eq!(database.loads(), 1);
    }
}

#[tokio::test]
async fn cancelled_load_does_not_block_others() {
    let database = Database::new();
    database.0.permits.forget_permits(Semaphore::MAX_PERMITS);
    let cached = CachedPolicy::new(database.clone());
    {
        let mut cancelled = std::pin::pin!(cached.policy());
        assert!(futures_util::poll!(&mut cancelled).is_pending());
    }
    database.0.permits.add_permits(1);
    assert!(cached.policy().await.is_ok());
    assert_eq!(database.loads(), 2);
}

#[tokio::test]
async fn callers_that_wait_for_a_load_are_bounded_in_number_and_time() {
    let database = Database::new();
    database.0.permits.forget_permits(Semaphore::MAX_PERMITS);
    let cached = CachedPolicy::new(database.clone());
    let mut waiting: Vec<_> = (0..1000).map(|_| Box::pin(cached.policy())).collect();
    for call in &mut waiting {
        assert!(futures_util::poll!(call).is_pending());
    }
    let error = cached.policy().await.unwrap_err();
    assert_eq!(error.to_string(), "policy unavailable: 1000 requests wait for the policy");
    for outcome in future::join_all(waiting).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), "policy unavailable: not loaded within 5 s");
    }
    assert_eq!(database.loads(), 1, "those that wait start no further load");
    database.0.permits.add_permits(1);
    assert!(cached.policy().await.is_ok());
}
