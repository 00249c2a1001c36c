//! The feed of a node behind a proxy, and what it delivers.

use std::collections::HashSet;
use std::time::Duration;

use kleidia_tower::UserId;
use kleidia_tower::session::{SessionEvent, SessionEventReceiver};
use tokio::time::timeout;

use crate::TEST_TIMEOUT;
use crate::node::Node;
use crate::proxy::{Mode, Proxy};

/// Less than the time after which a node misses a heartbeat.
const BEFORE_LOSS: Duration = Duration::from_secs(1);

/// The feed of a node.
pub(crate) struct Feed {
    proxy: Proxy,
    events: SessionEventReceiver,
}

impl Feed {
    pub(crate) fn new(proxy: Proxy, node: &Node) -> Self {
        Self { proxy, events: node.accounts.store().session_events().unwrap().subscribe() }
    }

    /// Sets the mode, and forgets the events before.
    pub(crate) fn set_mode(&mut self, mode: Mode) {
        self.proxy.set_feed(mode);
        self.changed_users();
    }

    /// Returns the users whose changes were delivered since the last call.
    fn changed_users(&mut self) -> HashSet<UserId> {
        let mut users = HashSet::new();
        while let Some(event) = self.events.try_next() {
            match event {
                SessionEvent::SessionEnded { user, .. }
                | SessionEvent::AccountChanged { user, .. } => drop(users.insert(user)),
                _ => {}
            }
        }
        users
    }

    /// Checks that the mode had its effect while the streams of these users ended, this long after the
    /// changes.
    pub(crate) fn assert_effect(&mut self, mode: Mode, users: usize, ends: &[Duration]) {
        let changed = self.changed_users().len();
        match mode {
            Mode::Forward => assert_eq!(changed, users),
            // The checks that end streams follow the loss of the connection, and no event.
            Mode::Stall => {
                assert_eq!(changed, 0);
                let after_loss = ends.iter().filter(|end| **end > BEFORE_LOSS).count();
                assert!(2 * after_loss >= ends.len(), "{after_loss} of {}", ends.len());
            }
            // A new connection may deliver for a few milliseconds before it is cut.
            Mode::Cut => assert!(changed < users, "{changed} of {users}"),
            Mode::Delay(_) => panic!("{mode:?}"),
        }
    }

    /// Waits until all changes are delivered again.
    pub(crate) async fn recover(&mut self) {
        self.set_mode(Mode::Forward);
        let recovering = async {
            while !matches!(self.events.next().await, Some(SessionEvent::UpToDate { .. })) {}
        };
        timeout(TEST_TIMEOUT, recovering).await.expect("a heartbeat");
    }
}
