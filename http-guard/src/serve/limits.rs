//! Limits the connections that are open at the same time, in total and per client address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::listener::Peer;
use crate::TrustedProxies;

/// The bounds on connections.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) total: u32,
    pub(super) per_address: usize,
    pub(super) exempt_proxies: TrustedProxies,
}

/// Limits the open connections.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    limits: Limits,
    permits: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// One of the connections that may be open. Dropping it releases the slot.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    _permit: OwnedSemaphorePermit,
    _address: Option<AddressSlot>,
}

type NetworkKey = u128;

/// Open connections by client address.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<NetworkKey, usize>>);

#[derive(Debug)]
struct AddressSlot {
    addresses: Arc<Addresses>,
    key: NetworkKey,
}

impl ConnectionLimiter {
    pub(super) fn new(limits: Limits) -> Self {
        let total = usize::try_from(limits.total).unwrap_or(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(total.min(Semaphore::MAX_PERMITS)));
        Self { limits, permits, addresses: Arc::default() }
    }

    /// Returns a permit if one is available.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Waits for a permit. The semaphore is never closed, so the result is never `None`.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Reserves a slot for a connection; `None` if its address has too many already.
    pub(super) fn reserve(
        &self,
        permit: OwnedSemaphorePermit,
        peer: Peer,
    ) -> Option<ConnectionSlot> {
        let proxies = &self.limits.exempt_proxies;
        let ip = peer.address().map(|address| proxies.canonical(address.ip()));
        let counted = ip.filter(|ip| !proxies.contains(ip.ip()));
        let address = match counted {
            Some(ip) => Some(self.addresses.reserve(ip.network_key(), self.limits.per_address)?),
            None => None,
        };
        Some(ConnectionSlot { _permit: permit, _address: address })
    }

    /// Returns the number of open connections, upgraded ones included.
    pub(super) fn open_connections(&self) -> usize {
        let total = usize::try_from(self.limits.total).unwrap_or(Semaphore::MAX_PERMITS);
        total.saturating_sub(self.permits.available_permits())
    }

    /// Waits until no connection is open.
    pub(super) async fn wait_until_empty(&self) {
        let _all = self.permits.acquire_many(self.limits.total).await;
    }
}

impl Addresses {
    fn counts(&self) -> MutexGuard<'_, HashMap<NetworkKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(self: &Arc<Self>, key: NetworkKey, limit: usize) -> Option<AddressSlot> {
        let mut counts = self.counts();
        let count = counts.entry(key).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(AddressSlot { addresses: Arc::clone(self), key })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.addresses.counts().entry(self.key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}
