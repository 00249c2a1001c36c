//! Requests that are cancelled while they wait: others continue, and all slots are released.

use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use kliento_tower::{Rejection, TrustAnchorError, TrustAnchorStore, TrustAnchors};
use tokio::sync::Semaphore;

use crate::fixture::{Fixture, call, poll};
use crate::occupied::Occupied;

#[test]
fn waiter_takes_over_from_cancelled_leader() {
    let occupied = Occupied::with_queue_limit(3);
    let bundle = occupied.fixture.credentials(1);
    let mut requests: Vec<_> = (0..3).map(|_| call(&occupied.layer, &bundle)).collect();
    for request in &mut requests {
        assert!(poll(request).is_pending());
    }
    // The leader waits in the queue, the others wait for the leader.
    drop(requests.remove(0));
    // The next one takes over and waits in the queue, where it is cancelled, too.
    assert!(poll(&mut requests[0]).is_pending());
    drop(requests.remove(0));
    assert!(poll(&mut requests[0]).is_pending());
    occupied.release(requests);
}

#[test]
fn leader_continues_after_waiters_are_cancelled() {
    let occupied = Occupied::with_queue_limit(2);
    let bundle = occupied.fixture.credentials(1);
    let [mut leader, mut follower] = [(); 2].map(|()| call(&occupied.layer, &bundle));
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    drop(follower);
    occupied.release([leader]);
}

#[test]
fn cancelled_request_releases_its_queue_slot() {
    let occupied = Occupied::new();
    for number in 1..10 {
        // There is one slot, so each of them would be rejected if the last one had kept it.
        drop(occupied.call(number));
        // One that waits for the verification of another request occupies a slot as well.
        let mut joined = call(&occupied.layer, &occupied.bundle);
        assert!(poll(&mut joined).is_pending());
    }
    let last = occupied.call(10);
    occupied.release([last]);
}

/// Anchors that are available when the test permits it.
struct Slow(TrustAnchors, Arc<Semaphore>);

#[async_trait]
impl TrustAnchorStore for Slow {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        let permit = self.1.acquire().await.map_err(TrustAnchorError::new)?;
        permit.forget();
        Ok(self.0.clone())
    }
}

#[test]
fn cancellation_while_awaiting_anchors_leaves_nothing() {
    let (fixture, permits) = (Fixture::new(), Arc::new(Semaphore::new(0)));
    let store = Slow(fixture.trust_anchors(), Arc::clone(&permits));
    let layer = fixture.layer().with_queue_limit(1).unwrap().with_trust_anchors(store);
    let bundle = fixture.credentials(0);
    let [mut cancelled, mut other, mut excess] = [(); 3].map(|()| call(&layer, &bundle));
    assert!(poll(&mut cancelled).is_pending() && poll(&mut other).is_pending());
    // Those that wait for anchors count, too.
    assert!(matches!(poll(&mut excess), Poll::Ready(Err(Rejection::Busy))));
    drop(cancelled);
    // The anchors are queried before and after the verification.
    permits.add_permits(2);
    assert!(matches!(poll(&mut other), Poll::Ready(Ok(_))));
}
