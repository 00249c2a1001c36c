//! Clients that disconnect at random times: every attempt is counted, settled and released.

use std::pin::pin;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::poll_immediate;
use kleidia_tower::account::LoginRequest;
use kleidia_tower::audit::EventKind;
use kleidia_tower::lockout::{Evidence, LockoutPolicy, LoginAttempt, LoginSource, Reservation};

use super::{NOW, PASSWORD, PERMITS, Service, at, code};

const THRESHOLD: usize = 5;

/// Polls a login a number of times, and drops it. Returns whether it started.
async fn start_and_drop(service: &Service, name: &str, password: &str, polls: u32) -> bool {
    let (user_name, password) = (name.to_owned(), password.into());
    let request = LoginRequest { user_name, password, client: at("192.0.2.1"), device_token: None };
    let mut attempt = pin!(service.accounts.log_in(request));
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

/// Returns how many further attempts are granted.
async fn count_free_attempts(service: &Service, name: &str) -> usize {
    let source = LoginSource::new("192.0.2.1".parse().ok());
    let attempt = LoginAttempt { name: name.parse().unwrap(), source, evidence: Evidence::None };
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
            let has_started = start_and_drop(&service, &name, "wrong", polls).await;
            failures.push((name, usize::from(has_started)));
        } else {
            successes += usize::from(start_and_drop(&service, "alice", PASSWORD, polls).await);
            // More pending attempts than the threshold would be `busy`.
            wait_for(&service, EventKind::LoginSuccess, successes).await;
        }
    }
    let started = failures.iter().map(|(_, failures)| failures).sum();
    wait_for(&service, EventKind::LoginFailure, started).await;
    assert_eq!(service.count(EventKind::LoginFailure).await, started);
    assert_eq!(service.count(EventKind::LoginSuccess).await, successes);
    assert!(started > 50 && successes > 50, "{started} and {successes}");
    for (name, failures) in failures {
        assert_eq!(count_free_attempts(&service, &name).await, THRESHOLD - failures, "{name}");
    }
    assert_eq!(count_free_attempts(&service, "alice").await, THRESHOLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_disconnect_returns_permits() {
    let service = Service::new().await;
    for index in 0..100 {
        start_and_drop(&service, &format!("guest-{index}"), "wrong", 1).await;
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
    // The failures lock password changes in this session, and not the login.
    let (current, new) = (PASSWORD.into(), "a password that is new".into());
    let locked = service.accounts.change_password(&view, current, new, at("192.0.2.1")).await;
    assert_eq!(code(locked), "current_password_wrong");
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
}
