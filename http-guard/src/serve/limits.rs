//! How many connections are open at the same time, in all and per client address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::listener::Peer;
use crate::{ClientAddress, TrustedProxies};

/// How often the log mentions that a limit was reached.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The bounds on connections.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) total: u32,
    pub(super) per_address: usize,
    pub(super) exempt_proxies: TrustedProxies,
}

/// The connections that are open now.
#[derive(Debug)]
pub(super) struct Places {
    limits: Limits,
    permits: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// One place among the connections, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _address: Option<AddressPlace>,
}

type NetworkKey = u128;

/// Open connections by client address.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<NetworkKey, usize>>);

#[derive(Debug)]
struct AddressPlace {
    addresses: Arc<Addresses>,
    key: NetworkKey,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        let total = usize::try_from(limits.total).unwrap_or(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(total.min(Semaphore::MAX_PERMITS)));
        Self { limits, permits, addresses: Arc::default() }
    }

    /// Returns a permit if there is one now.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Waits for a connection to end; `None` never comes, since the semaphore stays open.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Takes a place for a connection; `None` if its address has too many already.
    pub(super) fn take(&self, permit: OwnedSemaphorePermit, peer: Peer) -> Option<Place> {
        let ip = peer.address().map(|address| ClientAddress::new(address.ip()));
        let counted = ip.filter(|ip| !self.limits.exempt_proxies.contains(ip.ip()));
        let address = match counted {
            Some(ip) => Some(self.addresses.take(ip.network_key(), self.limits.per_address)?),
            None => None,
        };
        Some(Place { _permit: permit, _address: address })
    }

    /// Returns the number of open connections, upgraded ones included.
    pub(super) fn open(&self) -> usize {
        let total = usize::try_from(self.limits.total).unwrap_or(Semaphore::MAX_PERMITS);
        total.saturating_sub(self.permits.available_permits())
    }

    /// Waits until no connection is open.
    pub(super) async fn all_free(&self) {
        let _all = self.permits.acquire_many(self.limits.total).await;
    }
}

impl Addresses {
    fn counts(&self) -> MutexGuard<'_, HashMap<NetworkKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, key: NetworkKey, limit: usize) -> Option<AddressPlace> {
        let mut counts = self.counts();
        let count = counts.entry(key).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(AddressPlace { addresses: Arc::clone(self), key })
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.addresses.counts().entry(self.key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Logs an event once per interval, with how often it happened.
#[derive(Debug, Default)]
pub(super) struct LogThrottle {
    count: u64,
    last: Option<Instant>,
}

impl LogThrottle {
    /// Counts an event. Returns the count if it is time to log it.
    pub(super) fn record(&mut self) -> Option<u64> {
        self.count += 1;
        if self.last.is_some_and(|last| last.elapsed() < LOG_INTERVAL) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.count))
    }
}
