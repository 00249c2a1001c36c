//! How often something may be asked for: limits, what they count by, and whose address that is.

mod budget;
mod client_address;
mod clock;
mod debts;
mod fields;
mod forwarded;
mod gcra;
mod guard;
mod key;
mod layer;
mod limit;
mod limiter;
mod proxies;

pub use budget::Budget;
pub use client_address::{ClientAddress, PeerAddress};
pub use guard::RateLimitGuard;
pub use key::{Key, RequestHead};
pub use layer::RateLimitLayer;
pub use limit::{Limit, LimitError};
pub use limiter::{RateLimitError, RateLimiter};
pub use proxies::{ForwardingHeader, TrustedProxies};
