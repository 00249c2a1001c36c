//! A clock that tests set, and clients of a layer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use kleidia_tower::ResponseBody;
use kleidia_tower::rate_limit::{
    Limit, MemoryLimitStore, PeerAddress, RateLimitLayer, RateLimiter,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// A clock that advances only by [`Self::advance`].
#[derive(Clone, Default)]
pub(crate) struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    /// Creates a limiter with this clock.
    pub(crate) fn limiter(&self, limit: &str) -> RateLimiter {
        self.limiter_with(limit.parse().unwrap())
    }

    pub(crate) fn limiter_with(&self, limit: Limit) -> RateLimiter {
        let clock = self.clone();
        RateLimiter::new(limit).with_clock(move || clock.now())
    }

    /// Creates a store of shared limits with this clock.
    pub(crate) fn store(&self) -> MemoryLimitStore {
        let clock = self.clone();
        MemoryLimitStore::new().with_clock(move || clock.now())
    }
}

/// Sends a request from an address, with the values of the headers `x-tenant` and `x-cost`.
pub(crate) async fn send(
    layer: &RateLimitLayer,
    address: &str,
    tenant: &str,
    cost: u32,
) -> Response<ResponseBody<String>> {
    let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
    layer.layer(inner).oneshot(request(address, tenant, cost)).await.unwrap()
}

pub(crate) fn request(address: &str, tenant: &str, cost: u32) -> Request<()> {
    let peer = PeerAddress((address.parse::<std::net::IpAddr>().unwrap(), 4711).into());
    let request = Request::builder().extension(peer).header("x-tenant", tenant);
    request.header("x-cost", cost).body(()).unwrap()
}
