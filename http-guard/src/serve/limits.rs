//! Limits the connections that are open at the same time: in total, per client address, and per user.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::listener::Peer;
use crate::{AddressLimiter, AddressPermit, SettingError, TrustedProxies};

/// The bounds on connections.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) total: Option<u32>,
    pub(super) per_address: Option<u32>,
    /// Over Unix sockets; `None` for no limit.
    pub(super) per_user: Option<u32>,
    pub(super) exempt_proxies: TrustedProxies,
}

/// Limits the open connections.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    limits: Limits,
    permits: Arc<Semaphore>,
    addresses: AddressLimiter,
    /// By user ids.
    users: Option<AddressLimiter>,
}

/// The client of a connection, whose connections are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// An IPv4 address or an IPv6 network, by the key of its network.
    Network(u128),
    /// A user of this machine.
    #[cfg(unix)]
    User(u32),
}

/// The client of a connection, which counts for the client until this is dropped.
#[derive(Debug)]
pub(super) struct CountedClient {
    pub(super) client: Option<Client>,
    _permit: Option<AddressPermit>,
}

/// One of the connections that may be open. Dropping it releases the slot.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    pub(super) counted: CountedClient,
    _permit: OwnedSemaphorePermit,
}

impl Limits {
    pub(super) const TOTAL: &str = "maximum connections";
    pub(super) const PER_ADDRESS: &str = "maximum connections per address";
    pub(super) const PER_USER: &str = "maximum connections per user";

    /// Rejects limits that contradict each other.
    pub(super) fn check(&self) -> Result<(), SettingError> {
        let (per_address, total) = (self.per_address(), self.total());
        SettingError::check_at_most(Self::PER_ADDRESS, per_address, Self::TOTAL, total)?;
        let per_user = self.per_user.unwrap_or(1);
        SettingError::check_at_most(Self::PER_USER, per_user, Self::TOTAL, total)
    }

    fn total(&self) -> u32 {
        self.total.unwrap_or_else(|| self.per_address.unwrap_or_default().max(4_096))
    }

    fn per_address(&self) -> u32 {
        self.per_address.unwrap_or_else(|| (self.total() / 4).max(1))
    }
}

impl Default for Limits {
    fn default() -> Self {
        let exempt_proxies = TrustedProxies::none();
        Self { total: None, per_address: None, per_user: None, exempt_proxies }
    }
}

impl ConnectionSlot {
    pub(super) const fn new(counted: CountedClient, permit: OwnedSemaphorePermit) -> Self {
        Self { counted, _permit: permit }
    }
}

impl ConnectionLimiter {
    pub(super) fn new(limits: Limits) -> Self {
        let addresses = AddressLimiter::new(permits(limits.per_address()));
        let users = limits.per_user.map(|limit| AddressLimiter::new(permits(limit)));
        let permits = Arc::new(Semaphore::new(permits(limits.total())));
        Self { limits, permits, addresses, users }
    }

    /// Returns a permit if one is available.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Waits for a permit. The semaphore is never closed, so the result is never `None`.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Counts a connection for its client; `None` if the client has too many already, and `replace`
    /// returns `false`.
    ///
    /// `replace` closes another connection of the client. A client can delay its end by a last
    /// request, so it has few more connections meanwhile.
    pub(super) fn count(
        &self,
        peer: Peer,
        replace: impl FnOnce(Client) -> bool,
    ) -> Option<CountedClient> {
        let proxies = &self.limits.exempt_proxies;
        let (client, limiter) = match peer {
            Peer::Ip(address) => {
                let address = address.ip();
                let client = Client::Network(proxies.canonical(address).network_key());
                (Some(client), (!proxies.contains(address)).then_some(&self.addresses))
            }
            #[cfg(unix)]
            Peer::Unix(Some(credentials)) => {
                (Some(Client::User(credentials.uid())), self.users.as_ref())
            }
            _ => (None, None),
        };
        let permit = match client.zip(limiter) {
            None => None,
            Some((client, limiter)) => Some(permit_of(limiter, client, replace)?),
        };
        Some(CountedClient { client, _permit: permit })
    }

    /// Returns the number of open connections, upgraded ones included.
    pub(super) fn open_connections(&self) -> usize {
        permits(self.limits.total()).saturating_sub(self.permits.available_permits())
    }

    /// Waits until no connection is open.
    pub(super) async fn wait_until_empty(&self) {
        let _all = self.permits.acquire_many(self.limits.total()).await;
    }
}

fn permit_of(
    limiter: &AddressLimiter,
    client: Client,
    replace: impl FnOnce(Client) -> bool,
) -> Option<AddressPermit> {
    let key = match client {
        Client::Network(key) => key,
        #[cfg(unix)]
        Client::User(uid) => uid.into(),
    };
    let replacement = || limiter.acquire_replacement(key);
    limiter.try_acquire_key(key).or_else(|| replacement().filter(|_| replace(client)))
}

fn permits(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use crate::serve::Server;

    #[test]
    fn an_address_has_a_quarter_by_default() {
        for (server, expected) in [
            (Server::new(), (1_024, 4_096)),
            (Server::new().with_max_connections(500).unwrap(), (125, 500)),
            (Server::new().with_max_connections(3).unwrap(), (1, 3)),
            (Server::new().with_max_connections_per_address(5_000).unwrap(), (5_000, 5_000)),
        ] {
            assert_eq!((server.limits.per_address(), server.limits.total()), expected);
        }
    }

    #[test]
    fn rejects_more_for_an_address_than_in_all_in_any_order() {
        let all = Server::new().with_max_connections(500).unwrap();
        let rejected = all.with_max_connections_per_address(501).unwrap_err();
        let text = "maximum connections per address of 501 exceeds maximum connections of 500";
        assert_eq!(rejected.to_string(), text);
        let address = Server::new().with_max_connections_per_address(501).unwrap();
        assert_eq!(address.clone().with_max_connections(500).unwrap_err(), rejected);
        assert!(address.with_max_connections(10_000).is_ok());
    }
}
