//! A layer all of whose permits are in use.

use std::thread::{self, JoinHandle};

use http::HeaderValue;
use kliento_tower::{KlientoAuthLayer, clock_fn};

use crate::fixture::{BlockingClock, Fixture, Pending, call, finish, poll};
use crate::mock::exchange::Outcome;

/// A layer whose only permit is held by bundle 0 until it is released.
pub(crate) struct Occupied {
    pub(crate) fixture: Fixture,
    pub(crate) layer: KlientoAuthLayer,
    /// The bundle that is being verified.
    pub(crate) bundle: HeaderValue,
    blocking_clock: BlockingClock,
    occupant: JoinHandle<Outcome>,
}

impl Occupied {
    /// With a queue limit of 1.
    pub(crate) fn new() -> Self {
        Self::with_queue_limit(1)
    }

    pub(crate) fn with_queue_limit(limit: usize) -> Self {
        let (fixture, blocking_clock) = (Fixture::new(), BlockingClock::default());
        let clock = blocking_clock.clone();
        let layer = fixture
            .layer()
            .with_queue_limit(limit)
            .unwrap()
            .with_clock(clock_fn(move || Some(clock.read())));
        let bundle = fixture.credentials(0);
        let first = call(&layer, &bundle);
        let occupant = thread::spawn(|| finish(first));
        blocking_clock.wait_until_blocked();
        Self { fixture, layer, bundle, blocking_clock, occupant }
    }

    pub(crate) fn call(&self, number: usize) -> Pending {
        let mut pending = call(&self.layer, &self.fixture.credentials(number));
        let polled = poll(&mut pending);
        assert!(polled.is_pending(), "{polled:?}");
        pending
    }

    /// Releases the permit, and completes the waiting requests.
    pub(crate) fn release(self, waiting: impl IntoIterator<Item = Pending>) {
        self.release_permit();
        for pending in waiting {
            finish(pending).unwrap();
        }
    }

    /// Releases the permit, and completes the request that holds it.
    pub(crate) fn release_permit(self) {
        self.blocking_clock.release();
        self.occupant.join().unwrap().unwrap();
    }
}
