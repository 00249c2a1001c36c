//! Requests that are given up, wherever they wait: others go on, and no place stays taken.

use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use kliento_tower::{KlientoAuthLayer, TrustAnchorError, TrustAnchorStore, TrustAnchors};
use tokio::sync::Semaphore;

use crate::mock::exchange::Outcome;
use crate::stage::{Hold, Pending, Stage, call, finish, poll};

/// A layer with one place in the queue, whose turn is taken by bundle 0 until it is released.
struct Occupied {
    stage: Stage,
    layer: KlientoAuthLayer,
    hold: Hold,
    occupant: JoinHandle<Outcome>,
}

impl Occupied {
    fn new() -> Self {
        let (stage, hold) = (Stage::new(), Hold::default());
        let clock = hold.clone();
        let layer = stage.layer().with_queue(1).with_clock(move || Some(clock.read()));
        let first = call(&layer, &stage.credentials(0));
        let occupant = thread::spawn(|| finish(first));
        hold.reached();
        Self { stage, layer, hold, occupant }
    }

    fn call(&self, number: usize) -> Pending {
        let mut pending = call(&self.layer, &self.stage.credentials(number));
        let polled = poll(&mut pending);
        assert!(polled.is_pending(), "{polled:?}");
        pending
    }

    /// Lets the occupant go, and then those who wait.
    fn release(self, waiting: impl IntoIterator<Item = Pending>) {
        self.hold.release();
        self.occupant.join().unwrap().unwrap();
        for pending in waiting {
            finish(pending).unwrap();
        }
    }
}

#[test]
fn a_follower_takes_over_from_a_leader_that_is_given_up() {
    let occupied = Occupied::new();
    let bundle = occupied.stage.credentials(1);
    let mut requests: Vec<_> = (0..3).map(|_| call(&occupied.layer, &bundle)).collect();
    for request in &mut requests {
        assert!(poll(request).is_pending());
    }
    // The leader waits in the queue, the others for the leader.
    drop(requests.remove(0));
    // The next one takes the leader's place in the queue; it is given up there too.
    assert!(poll(&mut requests[0]).is_pending());
    drop(requests.remove(0));
    assert!(poll(&mut requests[0]).is_pending());
    occupied.release(requests);
}

#[test]
fn a_leader_goes_on_without_followers() {
    let occupied = Occupied::new();
    let bundle = occupied.stage.credentials(1);
    let [mut leader, mut follower] = [(); 2].map(|()| call(&occupied.layer, &bundle));
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    drop(follower);
    occupied.release([leader]);
}

#[test]
fn who_is_given_up_leaves_the_queue() {
    let occupied = Occupied::new();
    for number in 1..10 {
        // There is one place, so each of them would be refused if the last one had kept it.
        drop(occupied.call(number));
    }
    let last = occupied.call(10);
    occupied.release([last]);
}

/// Anchors that come when the test lets them.
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
fn who_is_given_up_while_anchors_are_awaited_leaves_nothing() {
    let (stage, permits) = (Stage::new(), Arc::new(Semaphore::new(0)));
    let store = Slow(stage.trust_anchors(), Arc::clone(&permits));
    let layer = stage.layer().with_queue(0).with_trust_anchors(store);
    let bundle = stage.credentials(0);
    let [mut given_up, mut other] = [(); 2].map(|()| call(&layer, &bundle));
    assert!(poll(&mut given_up).is_pending() && poll(&mut other).is_pending());
    drop(given_up);
    permits.add_permits(1);
    assert!(matches!(poll(&mut other), Poll::Ready(Ok(_))));
}
