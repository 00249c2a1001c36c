//! Follows the events of a store for a cache, and knows whether they are complete.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cache::Invalidation;
use super::{SessionEvent, SessionEventReceiver, SessionEvents};

/// Follows the events of a store for a cache, and knows whether they are complete.
///
/// Each lookup in the cache catches up first. So no task is needed, and an event that was published
/// before the lookup is never missed by it.
pub(super) struct EventFollower {
    state: Mutex<State>,
    max_staleness: Duration,
    has_feed: bool,
}

struct State {
    receiver: Option<SessionEventReceiver>,
    /// Every change before this instant has been applied. `None` after a gap, until a heartbeat is
    /// received. Without a feed it is not used.
    up_to_date: Option<Instant>,
}

impl EventFollower {
    pub(super) fn new(events: Option<&SessionEvents>, max_staleness: Duration) -> Self {
        if let Some(events) = events {
            events.require_heartbeats(max_staleness);
        }
        let has_feed = events.is_some_and(SessionEvents::has_feed);
        let receiver = events.map(SessionEvents::subscribe);
        let state = Mutex::new(State { receiver, up_to_date: None });
        Self { state, max_staleness, has_feed }
    }

    pub(super) const fn has_feed(&self) -> bool {
        self.has_feed
    }

    /// Applies the events since the last call. Returns whether every change that is older than the
    /// maximum staleness has been applied: while it has not, the cache must not be used.
    ///
    /// Without a feed, the age of the entries bounds the staleness.
    pub(super) fn catch_up(&self, invalidate: impl Fn(Invalidation)) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(event) = state.receiver.as_mut().and_then(SessionEventReceiver::try_next) {
            self.apply(event, &mut state.up_to_date, &invalidate);
        }
        if !self.has_feed {
            return true;
        }
        let is_current = state.up_to_date.is_some_and(|at| at.elapsed() <= self.max_staleness);
        if !is_current && state.up_to_date.take().is_some() {
            invalidate(Invalidation::All);
        }
        is_current
    }

    fn apply(
        &self,
        event: SessionEvent,
        up_to_date: &mut Option<Instant>,
        invalidate: impl Fn(Invalidation),
    ) {
        match event {
            SessionEvent::SessionEnded { session, .. }
            | SessionEvent::AgentRegistered { session, .. }
            | SessionEvent::Authenticated { session, .. } => {
                invalidate(Invalidation::Session(session));
            }
            SessionEvent::AccountChanged { user, .. } => invalidate(Invalidation::User(user)),
            // Each request verifies its token with the current keys.
            SessionEvent::KeysWithdrawn => {}
            SessionEvent::Missed => {
                *up_to_date = None;
                invalidate(Invalidation::All);
            }
            SessionEvent::UpToDate { as_of, known_at } => {
                let last = up_to_date.replace(as_of);
                // No lookup ran during the gap, and no entry from before it may be used.
                let is_gap = |last| known_at.saturating_duration_since(last) > self.max_staleness;
                if last.is_some_and(is_gap) {
                    invalidate(Invalidation::All);
                }
            }
        }
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::session::{AccountChange, EndReason};
    use crate::{SessionId, UserId};

    const BOUND: Duration = Duration::from_secs(60);

    struct Fixture {
        events: SessionEvents,
        follower: EventFollower,
        applied: RefCell<Vec<Invalidation>>,
    }

    impl Fixture {
        fn new(events: SessionEvents) -> Self {
            let follower = EventFollower::new(Some(&events), BOUND);
            Self { events, follower, applied: RefCell::default() }
        }

        /// Publishes a heartbeat that was sent and received so many seconds ago.
        fn heartbeat(&self, sent: u64, received: u64) {
            let now = Instant::now();
            let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap_or(now);
            let (as_of, known_at) = (ago(sent), ago(received));
            self.events.publish(SessionEvent::UpToDate { as_of, known_at });
        }

        /// Catches up, and returns whether the cache may be used, and what was invalidated.
        fn catch_up(&self) -> (bool, Vec<Invalidation>) {
            let is_current = self.follower.catch_up(|it| self.applied.borrow_mut().push(it));
            (is_current, self.applied.take())
        }
    }

    #[test]
    fn cache_is_unused_until_a_heartbeat_is_received() {
        let fixture = Fixture::new(SessionEvents::with_feed());
        assert_eq!(fixture.catch_up(), (false, vec![]));
        fixture.heartbeat(2, 1);
        assert_eq!(fixture.catch_up(), (true, vec![]));
        fixture.events.publish(SessionEvent::Missed);
        assert_eq!(fixture.catch_up(), (false, vec![Invalidation::All]));
        assert_eq!(fixture.catch_up(), (false, vec![]));
        fixture.heartbeat(0, 0);
        assert_eq!(fixture.catch_up(), (true, vec![]));
    }

    /// When it was received does not matter: what was committed since it was sent may be unknown.
    #[test]
    fn old_heartbeat_that_is_heard_now_is_too_late() {
        let fixture = Fixture::new(SessionEvents::with_feed());
        fixture.heartbeat(61, 0);
        assert_eq!(fixture.catch_up(), (false, vec![Invalidation::All]));
        fixture.heartbeat(30, 0);
        assert_eq!(fixture.catch_up(), (true, vec![]));
    }

    #[test]
    fn entries_from_before_a_gap_are_not_used_after_it() {
        let fixture = Fixture::new(SessionEvents::with_feed());
        fixture.heartbeat(100, 100);
        fixture.heartbeat(41, 41);
        fixture.heartbeat(0, 0);
        assert_eq!(fixture.catch_up(), (true, vec![]));
        fixture.heartbeat(200, 200);
        fixture.heartbeat(139, 139);
        fixture.heartbeat(0, 0);
        assert_eq!(fixture.catch_up(), (true, vec![Invalidation::All; 2]));
    }

    #[test]
    fn events_invalidate_what_they_are_about() {
        for events in [SessionEvents::with_feed(), SessionEvents::default()] {
            let fixture = Fixture::new(events);
            fixture.heartbeat(0, 0);
            let (session, user) = (SessionId::new(7), UserId::new(8));
            let reason = EndReason::Logout;
            fixture.events.publish(SessionEvent::SessionEnded { session, user, reason });
            fixture.events.publish(SessionEvent::AgentRegistered { session, user });
            let change = AccountChange::Roles;
            fixture.events.publish(SessionEvent::AccountChanged { user, change });
            let applied = [Invalidation::Session(session), Invalidation::Session(session)];
            let applied = [&applied[..], &[Invalidation::User(user)]].concat();
            assert_eq!(fixture.catch_up(), (true, applied));
        }
    }
}
