//! Rate limits: limits, their keys, and the client's address.

mod bucket_table;
mod client_address;
mod clock;
mod forwarded;
mod gcra;
mod guard;
mod headers;
mod key;
mod layer;
mod limit;
mod limiter;
mod proxies;
mod remaining;

pub use client_address::{ClientAddress, PeerAddress};
pub use guard::RateLimitGuard;
pub use key::{Key, RequestHead};
pub use layer::RateLimitLayer;
pub use limit::{Limit, LimitError};
pub use limiter::{RateLimitError, RateLimiter};
pub use proxies::{ForwardingHeader, TrustedProxies};
pub use remaining::Remaining;
