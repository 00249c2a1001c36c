//! Events of sessions and accounts: what caches and streams have to learn.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_guard::Supervisor;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
#[cfg(feature = "postgres")]
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, broadcast};

use super::EndReason;
use crate::{HealthError, SessionId, UserId};

/// How many events a receiver may lag behind.
const CAPACITY: usize = 1024;
/// How many heartbeats a feed sends within the maximum staleness of a subscriber.
const HEARTBEATS: u32 = 4;
const MIN_HEARTBEAT_INTERVAL: Duration = Duration::from_millis(10);
#[cfg(feature = "postgres")]
const MAX_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// The age of the last heartbeat from which on the feed is unhealthy.
#[cfg(feature = "postgres")]
const MAX_HEARTBEAT_AGE: Duration = Duration::from_secs(5);

/// An event of a session or an account, published after the change is committed.
///
/// An event may be delivered more than once, and events of concurrent changes in any order. So it
/// says that something is no longer as it was; what it is now is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A session was ended before it expired.
    SessionEnded {
        /// The session.
        session: SessionId,
        /// Its user.
        user: UserId,
        /// Why it was ended.
        reason: EndReason,
    },
    /// The key of an agent was bound to a session, in place of an earlier one.
    AgentRegistered {
        /// The session.
        session: SessionId,
        /// Its user.
        user: UserId,
    },
    /// The user of a session was authenticated further.
    Authenticated {
        /// The session.
        session: SessionId,
        /// Its user.
        user: UserId,
    },
    /// An account was changed, or many of its sessions were ended.
    AccountChanged {
        /// The user.
        user: UserId,
        /// What was changed.
        change: AccountChange,
    },
    /// The keys of access tokens of a node lost a key, so that node rejects the tokens that it signed
    /// ([`KeyWatch`](super::KeyWatch)). Each node publishes it when its own keys have lost the key.
    KeysWithdrawn,
    /// Events may be missing: the receiver lagged, or the connection to other processes was lost or
    /// is established again. The receiver must look at everything again.
    Missed,
    /// Every change that was committed before an instant has been delivered, also those by other
    /// processes, unless [`Self::Missed`] follows. A store without a feed does not send it.
    UpToDate {
        /// The instant.
        as_of: Instant,
        /// When this was known. The difference is the delay of the feed.
        known_at: Instant,
    },
}

/// What was changed about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountChange {
    /// The account was disabled. Its sessions were ended.
    Disabled,
    /// The account was enabled.
    Enabled,
    /// The roles were replaced.
    Roles,
    /// The password was replaced, or has to be.
    Password,
    /// The account was renamed.
    Name,
    /// More than 16 of its sessions were ended: the store has the reasons.
    SessionsEnded,
    /// It is unknown whether a change was committed. If it was, its own event may follow.
    Uncertain,
}

/// The events of a store. Cheap to clone: clones share the subscribers.
///
/// [`SessionStore::session_events`](super::SessionStore::session_events) returns it. A store of this
/// crate publishes the changes that are made through it; [`PostgresStore`] also those that other
/// processes make.
///
/// ```
/// use kleidia_tower::UserId;
/// use kleidia_tower::session::{AccountChange, SessionEvent, SessionEvents};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let events = SessionEvents::default();
/// let mut receiver = events.subscribe();
/// let event = SessionEvent::AccountChanged { user: UserId::new(7), change: AccountChange::Roles };
/// events.publish(event);
/// assert_eq!(receiver.next().await, Some(event));
/// # }
/// ```
///
/// [`PostgresStore`]: crate::store::PostgresStore
#[derive(Clone)]
pub struct SessionEvents(Arc<Hub>);

struct Hub {
    sender: broadcast::Sender<SessionEvent>,
    feed: Option<Feed>,
}

/// A feed from other processes.
struct Feed {
    supervisor: Supervisor,
    heartbeat_interval_us: AtomicU64,
    /// Notified of a key that was withdrawn, until the other nodes are notified.
    withdrawal: Notify,
}

/// Receives the events of a store that are published after the subscription.
///
/// At most 1,024 events wait for it; if there are more, the oldest are replaced by
/// [`SessionEvent::Missed`].
#[derive(Debug)]
pub struct SessionEventReceiver(broadcast::Receiver<SessionEvent>);

impl SessionEvents {
    /// Creates the events of a store whose changes all processes can see.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_feed() -> Self {
        let supervisor = Supervisor::new("session-feed").with_max_age(MAX_HEARTBEAT_AGE);
        let heartbeat_interval_us = AtomicU64::new(micros(MAX_HEARTBEAT_INTERVAL));
        let withdrawal = Notify::new();
        Self::new(Some(Feed { supervisor, heartbeat_interval_us, withdrawal }))
    }

    fn new(feed: Option<Feed>) -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        Self(Arc::new(Hub { sender, feed }))
    }

    /// Subscribes to the events from now on.
    #[must_use]
    pub fn subscribe(&self) -> SessionEventReceiver {
        SessionEventReceiver(self.0.sender.subscribe())
    }

    /// Publishes an event in this process. Call it after the change is committed.
    pub fn publish(&self, event: SessionEvent) {
        // Without a subscriber there is no receiver.
        drop(self.0.sender.send(event));
    }

    /// Publishes [`SessionEvent::KeysWithdrawn`], with a feed also in the other processes: as soon as
    /// it is connected.
    pub fn publish_withdrawal(&self) {
        self.publish(SessionEvent::KeysWithdrawn);
        self.notify_of_withdrawal();
    }

    /// Makes the feed notify other processes of a key that was withdrawn.
    pub(crate) fn notify_of_withdrawal(&self) {
        if let Some(feed) = &self.0.feed {
            feed.withdrawal.notify_one();
        }
    }

    /// Returns whether changes by other processes are published, too.
    #[must_use]
    pub fn has_feed(&self) -> bool {
        self.0.feed.is_some()
    }

    /// Checks that the feed is connected and delivers, for a health route. Without a feed there is
    /// nothing to fail.
    ///
    /// # Errors
    /// [`HealthError`] if the connection is lost, or no heartbeat was received for 5 seconds.
    pub fn health(&self) -> Result<(), HealthError> {
        self.0.feed.as_ref().map_or(Ok(()), |feed| feed.supervisor.health())
    }

    /// Makes the feed send [`SessionEvent::UpToDate`] several times within this period.
    pub(crate) fn require_heartbeats(&self, max_staleness: Duration) {
        let Some(feed) = &self.0.feed else { return };
        let interval = (max_staleness / HEARTBEATS).max(MIN_HEARTBEAT_INTERVAL);
        feed.heartbeat_interval_us.fetch_min(micros(interval), Ordering::Relaxed);
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn heartbeat_interval(&self) -> Duration {
        let feed = self.0.feed.as_ref();
        feed.map_or(MAX_HEARTBEAT_INTERVAL, |feed| {
            Duration::from_micros(feed.heartbeat_interval_us.load(Ordering::Relaxed))
        })
    }

    /// Waits until other processes have to be notified of a key that was withdrawn.
    #[cfg(feature = "postgres")]
    pub(crate) fn withdrawal(&self) -> Option<Notified<'_>> {
        self.0.feed.as_ref().map(|feed| feed.withdrawal.notified())
    }

    /// Returns the supervisor of the feed.
    #[cfg(feature = "postgres")]
    pub(crate) fn feed_supervisor(&self) -> Option<&Supervisor> {
        self.0.feed.as_ref().map(|feed| &feed.supervisor)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Default for SessionEvents {
    /// Creates the events of a store without a feed from other processes.
    fn default() -> Self {
        Self::new(None)
    }
}

impl SessionEventReceiver {
    /// Waits for the next event. Returns `None` after the store is dropped.
    ///
    /// No event is lost if the caller drops the future.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(_)) => Some(SessionEvent::Missed),
            Err(RecvError::Closed) => None,
        }
    }

    /// Returns the next event if there is one.
    pub fn try_next(&mut self) -> Option<SessionEvent> {
        match self.0.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Lagged(_)) => Some(SessionEvent::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

impl AccountChange {
    const ALL: [Self; 7] = [
        Self::Disabled,
        Self::Enabled,
        Self::Roles,
        Self::Password,
        Self::Name,
        Self::SessionsEnded,
        Self::Uncertain,
    ];

    /// Returns the name, which is stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Roles => "roles",
            Self::Password => "password",
            Self::Name => "name",
            Self::SessionsEnded => "sessions-ended",
            Self::Uncertain => "uncertain",
        }
    }

    /// Returns the change with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == name)
    }
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEvents")
            .field("subscribers", &self.0.sender.receiver_count())
            .field("has_feed", &self.has_feed())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lagging_receiver_gets_missed() {
        let events = SessionEvents::default();
        let mut receiver = events.subscribe();
        let event = |number| SessionEvent::AgentRegistered {
            session: SessionId::new(number),
            user: UserId::new(1),
        };
        let count = i64::try_from(CAPACITY).unwrap() + 1;
        (0..count).for_each(|number| events.publish(event(number)));
        assert_eq!(receiver.try_next(), Some(SessionEvent::Missed));
        // The latest are still there.
        for number in 1..count {
            assert_eq!(receiver.try_next(), Some(event(number)));
        }
        assert_eq!(receiver.try_next(), None);
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn strictest_subscriber_sets_the_interval_of_heartbeats() {
        let events = SessionEvents::with_feed();
        assert_eq!(events.heartbeat_interval(), MAX_HEARTBEAT_INTERVAL);
        events.require_heartbeats(Duration::from_secs(1));
        events.require_heartbeats(Duration::from_secs(60));
        assert_eq!(events.heartbeat_interval(), Duration::from_millis(250));
        events.require_heartbeats(Duration::ZERO);
        assert_eq!(events.heartbeat_interval(), MIN_HEARTBEAT_INTERVAL);
    }
}
