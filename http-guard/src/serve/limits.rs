//! Limits the connections that are open at the same time, in total and per client address.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::listener::Peer;
use crate::{AddressLimiter, AddressPermit, ClientAddress, TrustedProxies};

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
    addresses: AddressLimiter,
}

/// The address of a connection, which counts for the address until this is dropped.
#[derive(Debug)]
pub(super) struct CountedAddress {
    pub(super) address: Option<ClientAddress>,
    _permit: Option<AddressPermit>,
}

/// One of the connections that may be open. Dropping it releases the slot.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    pub(super) counted: CountedAddress,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionSlot {
    pub(super) const fn new(counted: CountedAddress, permit: OwnedSemaphorePermit) -> Self {
        Self { counted, _permit: permit }
    }
}

impl ConnectionLimiter {
    pub(super) fn new(limits: Limits) -> Self {
        let total = usize::try_from(limits.total).unwrap_or(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(total.min(Semaphore::MAX_PERMITS)));
        let addresses = AddressLimiter::new(limits.per_address);
        Self { limits, permits, addresses }
    }

    /// Returns a permit if one is available.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Waits for a permit. The semaphore is never closed, so the result is never `None`.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Counts a connection for its address; `None` if the address has too many already, and
    /// `replace` returns `false`.
    ///
    /// `replace` closes another connection of the address. A client can delay its end by a last
    /// request, so an address has few more connections meanwhile.
    pub(super) fn count(
        &self,
        peer: Peer,
        replace: impl FnOnce(ClientAddress) -> bool,
    ) -> Option<CountedAddress> {
        let proxies = &self.limits.exempt_proxies;
        let peer = peer.address().map(|address| address.ip());
        let address = peer.map(|peer| proxies.canonical(peer));
        let is_exempt = peer.is_some_and(|peer| proxies.contains(peer));
        let permit = match address.filter(|_| !is_exempt) {
            None => None,
            Some(counted) => Some(self.address_permit(counted, replace)?),
        };
        Some(CountedAddress { address, _permit: permit })
    }

    fn address_permit(
        &self,
        address: ClientAddress,
        replace: impl FnOnce(ClientAddress) -> bool,
    ) -> Option<AddressPermit> {
        let replacement = || self.addresses.acquire_replacement(address);
        let permit = self.addresses.try_acquire(address);
        permit.or_else(|| replacement().filter(|_| replace(address)))
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
