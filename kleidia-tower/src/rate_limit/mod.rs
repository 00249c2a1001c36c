//! Rate limits: limits, their keys, and the client's address.

mod bucket_table;
mod circuit_breaker;
mod clock;
mod gcra;
mod guard;
mod headers;
mod key;
mod key_digest;
mod layer;
mod limit;
mod limit_store;
mod limiter;
mod memory_store;
#[cfg(feature = "redis")]
mod redis;
mod remaining;
mod shared_limits;
mod shared_rules;

pub use guard::RateLimitGuard;
pub use http_guard::{
    ClientAddress, ForwardingHeader, Nat64Prefix, NetworkError, PeerAddress, ProxyNetwork,
    TrustedProxies,
};
pub use key::{Key, RequestHead};
pub use layer::RateLimitLayer;
pub use limit::{Limit, LimitError};
pub use limit_store::{LimitDecision, LimitKey, LimitStore, LimitStoreError};
pub use limiter::{RateLimitError, RateLimiter};
pub use memory_store::MemoryLimitStore;
#[cfg(feature = "redis")]
pub use redis::RedisLimitStore;
pub use remaining::Remaining;
pub use shared_limits::{LimitFallback, SharedLimits};
