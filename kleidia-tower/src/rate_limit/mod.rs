//! Rate limits: limits, their keys, and the client's address.

mod bucket_table;
mod clock;
mod gcra;
mod guard;
mod headers;
mod key;
mod layer;
mod limit;
mod limiter;
mod remaining;

pub use guard::RateLimitGuard;
pub use http_guard::{
    ClientAddress, ForwardingHeader, Nat64Prefix, NetworkError, PeerAddress, ProxyNetwork,
    TrustedProxies,
};
pub use key::{Key, RequestHead};
pub use layer::RateLimitLayer;
pub use limit::{Limit, LimitError};
pub use limiter::{RateLimitError, RateLimiter};
pub use remaining::Remaining;
