//! Layers with shared limits, and requests.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use http::{HeaderName, Request, Response, StatusCode};
use kleidia_tower::ResponseBody;
use kleidia_tower::rate_limit::{
    Key, Limit, LimitKey, LimitStore, PeerAddress, RateLimitLayer, RedisLimitStore, SharedLimits,
};
use test_servers::RedisServer;
use tower::{Layer as _, ServiceExt as _, service_fn};

pub(crate) const SECRET: [u8; 32] = [7; 32];

pub(crate) fn store(server: &RedisServer) -> RedisLimitStore {
    RedisLimitStore::new(&server.url()).unwrap()
}

/// Limits with a timeout that a loaded machine keeps.
pub(crate) fn limits(store: impl LimitStore) -> SharedLimits {
    let limits = SharedLimits::new(store, &SECRET.to_vec().into()).unwrap();
    let limits = limits.with_retry_interval(Duration::from_secs(10)).unwrap();
    limits.with_timeout(Duration::from_secs(10)).unwrap()
}

/// A limit of 10 an hour by address.
pub(crate) fn by_address(limits: &SharedLimits) -> RateLimitLayer {
    let layer =
        RateLimitLayer::new().with_limit(Key::address(), "10/36000".parse::<Limit>().unwrap());
    layer.with_shared_limits("requests", limits.clone())
}

/// A limit of 10 an hour by address, and one of 15 by tenant.
pub(crate) fn by_address_and_tenant(limits: &SharedLimits) -> RateLimitLayer {
    let tenant = Key::header(HeaderName::from_static("x-tenant"));
    by_address(limits).with_limit(tenant, "15/54000".parse::<Limit>().unwrap())
}

pub(crate) async fn send(
    layer: &RateLimitLayer,
    address: &str,
    tenant: &str,
) -> Response<ResponseBody<String>> {
    let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
    layer.layer(inner).oneshot(request(address, tenant)).await.unwrap()
}

pub(crate) async fn status(layer: &RateLimitLayer, address: &str) -> StatusCode {
    send(layer, address, "").await.status()
}

pub(crate) fn request(address: &str, tenant: &str) -> Request<()> {
    let peer = PeerAddress((address.parse::<std::net::IpAddr>().unwrap(), 4711).into());
    Request::builder().extension(peer).header("x-tenant", tenant).body(()).unwrap()
}

/// Returns what remains of each limit.
pub(crate) async fn remaining(layer: &RateLimitLayer, address: &str, tenant: &str) -> Vec<u32> {
    let remaining = layer.peek(&request(address, tenant)).await.unwrap();
    remaining.iter().map(|(_, remaining)| remaining.count()).collect()
}

/// A key of a limit, for calls of a store without a layer.
pub(crate) fn key(digest: u8, limit: &str) -> LimitKey {
    LimitKey::new([digest; LimitKey::DIGEST_OCTETS], 1, &limit.parse().unwrap())
}

pub(crate) async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
