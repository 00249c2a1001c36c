//! Clients that disconnect at any moment: every attempt is counted, settled and released.

use std::pin::pin;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::poll_immediate;
use kleidia_tower::account::LoginRequest;
use kleidia_tower::audit::EventKind;
use kleidia_tower::lockout::{LockoutPolicy, LoginAttempt, LoginSource, Reservation};

use super::{NOW, PASSWORD, PERMITS, Service, at, code};

const THRESHOLD: usize = 5;

/// Begins a login and gives it up after some polls; tells whether it was begun.
async fn give_up(service: &Service, name: &str, password: &str, polls: u32) -> bool {
    let (user_name, password) = (name.to_owned(), password.into());
    let log_in = LoginRequest { user_name, password, client: at("192.0.2.1") };
    let mut attempt = pin!(service.accounts.log_in(log_in));
    for _ in 0..polls {
        if poll_immediate(&mut attempt).await.is_some() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    polls > 0
}

async fn wait_for(service: &Service, kind: EventKind, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while service.count(kind).await < count {
        assert!(Instant::now() < deadline, "{kind}: {}", service.count(kind).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How many attempts would be granted at once.
async fn free(service: &Service, name: &str) -> usize {
    let source = LoginSource::new("192.0.2.1".parse().ok());
    let attempt = LoginAttempt { name: name.parse().unwrap(), source };
    let (store, policy, mut granted) = (service.accounts.store(), LockoutPolicy::default(), 0);
    while store.reserve_attempt(&attempt, &policy, NOW).await.unwrap() == Reservation::Granted {
        granted += 1;
    }
    granted
}

#[tokio::test(flavor = "multi_thread")]
async fn client_disconnect_settles_every_attempt() {
    let service = Service::new().await;
    let mut random = Rng::with_seed(7);
    let (mut failures, mut successes) = (Vec::new(), 0);
    for index in 0..300 {
        let polls = random.u32(..4);
        if random.bool() {
            let name = format!("guest-{index}");
            let is_begun = give_up(&service, &name, "wrong", polls).await;
            failures.push((name, usize::from(is_begun)));
        } else {
            successes += usize::from(give_up(&service, "alice", PASSWORD, polls).await);
            // More at once than the threshold are told to come back.
            wait_for(&service, EventKind::LoginSuccess, successes).await;
        }
    }
    let begun = failures.iter().map(|(_, failures)| failures).sum();
    wait_for(&service, EventKind::LoginFailure, begun).await;
    assert_eq!(service.count(EventKind::LoginFailure).await, begun);
    assert_eq!(service.count(EventKind::LoginSuccess).await, successes);
    assert!(begun > 50 && successes > 50, "{begun} and {successes}");
    for (name, failures) in failures {
        assert_eq!(free(&service, &name).await, THRESHOLD - failures, "{name}");
    }
    assert_eq!(free(&service, "alice").await, THRESHOLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_disconnect_returns_permits() {
    let service = Service::new().await;
    for index in 0..100 {
        give_up(&service, &format!("guest-{index}"), "wrong", 1).await;
    }
    wait_for(&service, EventKind::LoginFailure, 100).await;
    let mut held = Vec::new();
    for _ in 0..PERMITS {
        held.push(service.hasher.permit().await.unwrap());
    }
    assert!(poll_immediate(pin!(service.hasher.permit())).await.is_none());
    drop(held);
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_disconnect_settles_password_change() {
    let service = Service::new().await;
    let view = service.alice().await.session;
    for failures in 1..=THRESHOLD {
        let change = service.accounts.change_password(
            &view,
            "wrong".into(),
            "a password that is new".into(),
            at("192.0.2.1"),
        );
        poll_immediate(pin!(change)).await;
        wait_for(&service, EventKind::LoginFailure, failures).await;
    }
    let locked = service.log_in("alice", PASSWORD, "192.0.2.1").await;
    assert_eq!(code(locked), "invalid_credentials");
}
