//! Limits what one client address may occupy at the same time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ClientAddress;

/// Limits what one client address may occupy at the same time, such as connections or buffers.
///
/// An address is an IPv4 address or an IPv6 network of 64 bits, as in
/// [`ClientAddress::network_key`]. Clones share the counts. Memory is needed only for addresses
/// that occupy something.
///
/// ```
/// use http_guard::{AddressLimiter, ClientAddress};
///
/// let limiter = AddressLimiter::new(1);
/// let alice = ClientAddress::new("192.0.2.1".parse()?);
/// let bob = ClientAddress::new("192.0.2.2".parse()?);
///
/// let permit = limiter.try_acquire(alice);
/// assert!(permit.is_some());
/// assert!(limiter.try_acquire(alice).is_none());
/// assert!(limiter.try_acquire(bob).is_some());
/// drop(permit);
/// assert!(limiter.try_acquire(alice).is_some());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AddressLimiter {
    limit: usize,
    counts: Arc<Counts>,
}

/// A permit of an [`AddressLimiter`], which is released when it is dropped.
#[derive(Debug)]
pub struct AddressPermit {
    counts: Arc<Counts>,
    key: NetworkKey,
}

type NetworkKey = u128;

/// How many permits of an address may be about to be released at the same time.
#[cfg(feature = "serve")]
const MAX_REPLACED: usize = 16;

#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<NetworkKey, usize>>);

impl AddressLimiter {
    /// Creates a limiter that allows this many permits per address.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, counts: Arc::default() }
    }

    /// Returns a permit, or `None` if the address has as many as allowed.
    #[must_use]
    pub fn try_acquire(&self, address: ClientAddress) -> Option<AddressPermit> {
        self.acquire(address.network_key(), self.limit)
    }

    /// Returns a permit in place of another one that is about to be released. The address has at
    /// most [`MAX_REPLACED`] permits more than allowed meanwhile.
    #[cfg(feature = "serve")]
    pub(crate) fn acquire_replacement(&self, key: u128) -> Option<AddressPermit> {
        self.acquire(key, self.limit.saturating_add(MAX_REPLACED))
    }

    /// Returns a permit for a key, which is that of an address unless no key of this limiter is.
    #[cfg(feature = "serve")]
    pub(crate) fn try_acquire_key(&self, key: u128) -> Option<AddressPermit> {
        self.acquire(key, self.limit)
    }

    fn acquire(&self, key: u128, limit: usize) -> Option<AddressPermit> {
        let mut counts = self.counts.lock();
        let count = counts.get(&key).copied().unwrap_or_default();
        if count >= limit {
            return None;
        }
        counts.insert(key, count + 1);
        Some(AddressPermit { counts: Arc::clone(&self.counts), key })
    }
}

impl Counts {
    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn lock(&self) -> MutexGuard<'_, HashMap<NetworkKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.counts.lock().entry(self.key) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "serve")]
    #[test]
    fn replacements_are_bounded() {
        let limiter = AddressLimiter::new(2);
        let address = ClientAddress::new("192.0.2.1".parse().unwrap());
        let permits: Vec<_> =
            (0..100).map_while(|_| limiter.acquire_replacement(address.network_key())).collect();
        assert_eq!(permits.len(), 2 + MAX_REPLACED);
    }

    #[test]
    fn forgets_addresses_without_permits() {
        let limiter = AddressLimiter::new(2);
        let [address, neighbour] =
            ["2001:db8::1", "2001:db8::2"].map(|text| ClientAddress::new(text.parse().unwrap()));
        let permits = [limiter.try_acquire(address), limiter.try_acquire(address)];
        // Another address of the same network.
        assert!(limiter.clone().try_acquire(neighbour).is_none());
        assert_eq!(limiter.counts.lock().len(), 1);
        drop(permits);
        assert!(limiter.counts.lock().is_empty());
        assert!(AddressLimiter::new(0).try_acquire(address).is_none());
    }
}
