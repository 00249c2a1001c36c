//! The bodies that are being read, of which a further one replaces the oldest.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_guard::ClientAddress;
use tokio::sync::oneshot;

/// The maximum number of bodies that are read at the same time, which bounds their memory.
const MAX_BODIES: usize = 4_096;
/// How many of them may be those of one client address, so that slow bodies of one client do not
/// replace those of others.
const MAX_BODIES_PER_ADDRESS: usize = 1_024;

#[derive(Clone, Default)]
pub(super) struct OpenBodies(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    next_id: u64,
    /// In the order in which they began.
    bodies: BTreeMap<u64, Entry>,
}

struct Entry {
    address: Option<u128>,
    /// Dropped when the body is replaced.
    _kept: oneshot::Sender<Infallible>,
}

/// A body that is being read, which counts until this is dropped or it is replaced.
pub(super) struct OpenBody {
    bodies: OpenBodies,
    id: u64,
    kept: oneshot::Receiver<Infallible>,
}

impl OpenBodies {
    /// Adds a body. If its address has too many, it replaces the oldest one of the address, and if
    /// there are too many in all, the oldest one.
    pub(super) fn add(&self, client: Option<ClientAddress>) -> OpenBody {
        let address = client.map(ClientAddress::network_key);
        let (sender, kept) = oneshot::channel();
        let mut entries = self.lock();
        if address.is_some() {
            let mut of_address = entries.bodies.iter().filter(|(_, body)| body.address == address);
            let oldest = of_address.next().map(|(id, _)| *id);
            if let Some(oldest) =
                oldest.filter(|_| 1 + of_address.count() >= MAX_BODIES_PER_ADDRESS)
            {
                entries.bodies.remove(&oldest);
            }
        }
        if entries.bodies.len() >= MAX_BODIES {
            entries.bodies.pop_first();
        }
        let id = entries.next_id;
        entries.next_id += 1;
        entries.bodies.insert(id, Entry { address, _kept: sender });
        drop(entries);
        OpenBody { bodies: self.clone(), id, kept }
    }

    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenBody {
    /// Completes when another body replaces this one.
    pub(super) async fn replaced(&mut self) {
        // Nothing is ever sent.
        let _closed = (&mut self.kept).await;
    }
}

impl Drop for OpenBody {
    fn drop(&mut self) {
        self.bodies.lock().bodies.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(bodies: &OpenBodies, host: u8, count: usize) -> Vec<OpenBody> {
        let client = ClientAddress::new([192, 0, 2, host].into());
        (0..count).map(|_| bodies.add(Some(client))).collect()
    }

    /// Returns the positions of the bodies that were replaced.
    fn replaced(open: &mut [OpenBody]) -> Vec<usize> {
        let ended = open.iter_mut().map(|body| body.kept.try_recv());
        let closed = Err(oneshot::error::TryRecvError::Closed);
        ended.enumerate().filter(|(_, kept)| *kept == closed).map(|(index, _)| index).collect()
    }

    #[test]
    fn further_body_replaces_the_oldest_of_its_address() {
        let bodies = OpenBodies::default();
        let mut open = add(&bodies, 1, 1);
        open.extend(add(&bodies, 2, MAX_BODIES_PER_ADDRESS));
        assert_eq!(replaced(&mut open), [0; 0]);
        open.extend(add(&bodies, 2, 2));
        assert_eq!(replaced(&mut open), [1, 2]);
    }

    #[test]
    fn further_body_replaces_the_oldest_of_all() {
        let bodies = OpenBodies::default();
        let mut open = Vec::new();
        for host in 0..4 {
            open.extend(add(&bodies, host, MAX_BODIES_PER_ADDRESS));
        }
        assert_eq!(replaced(&mut open), [0; 0]);
        open.extend(add(&bodies, 4, 1));
        assert_eq!(replaced(&mut open), [0]);
        // A body that has ended makes room.
        open.remove(2);
        open.extend(add(&bodies, 4, 1));
        assert_eq!(replaced(&mut open), [0]);
        drop(open);
        assert!(bodies.lock().bodies.is_empty());
    }
}
