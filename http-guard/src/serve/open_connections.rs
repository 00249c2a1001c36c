//! The open connections, of which a full server closes those that have waited longest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;
use super::limits::Client;

/// How long a connection must have waited for its client before another may take its place. It
/// protects clients between two requests, and short bodies.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// The connections of a server.
#[derive(Debug, Default)]
pub(super) struct OpenConnections(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next_id: u64,
    connections: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    client: Option<Client>,
    activity: Arc<Activity>,
}

/// An entry, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    connections: Arc<OpenConnections>,
    id: u64,
}

impl OpenConnections {
    /// Adds a connection.
    pub(super) fn register(
        self: &Arc<Self>,
        client: Option<Client>,
        activity: Arc<Activity>,
    ) -> Registration {
        let mut entries = self.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.connections.insert(id, Entry { client, activity });
        Registration { connections: Arc::clone(self), id }
    }

    /// Closes up to `count` connections, those that have waited longest; only those of a client,
    /// if one is given. Returns how many.
    ///
    /// These are connections without an open request; if there is none, connections whose open
    /// requests only wait for their bodies.
    pub(super) fn close_longest_waiting(&self, count: usize, client: Option<Client>) -> usize {
        match self.close_oldest(count, client, Activity::waiting_since) {
            0 => self.close_oldest(count, client, Activity::waiting_for_bodies_since),
            closed => closed,
        }
    }

    fn close_oldest(
        &self,
        count: usize,
        client: Option<Client>,
        waiting_since: impl Fn(&Activity) -> Option<Instant>,
    ) -> usize {
        let entries = self.lock();
        let candidates = entries.connections.values();
        let candidates = candidates.filter(|entry| client.is_none() || entry.client == client);
        let mut waiting: Vec<_> = candidates
            .filter_map(|entry| Some((waiting_since(&entry.activity)?, &entry.activity)))
            .filter(|(since, _)| since.elapsed() >= MIN_WAIT)
            .collect();
        waiting.sort_unstable_by_key(|(since, _)| *since);
        waiting.truncate(count);
        for (_, activity) in &waiting {
            activity.request_close();
        }
        waiting.len()
    }

    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.lock().connections.remove(&self.id);
    }
}
