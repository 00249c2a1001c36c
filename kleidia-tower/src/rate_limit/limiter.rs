//! One limit for any number of keys, in bounded memory.

use std::hash::{DefaultHasher, Hash};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Ticks;
use super::debts::{Debts, Fingerprint, Held};
use super::gcra::Gcra;
use super::{Budget, Limit};

/// Keeps each of any number of keys within one [`Limit`], in bounded memory.
///
/// [`RateLimitLayer`](super::RateLimitLayer) has one for each of its limits; it is of use without
/// Tower too. Nothing in it waits for more than a short lock, or allocates.
///
/// # Rules
/// - It is exact: however many threads ask, no more passes than the burst and what came back since.
/// - A refused request costs nothing, so whoever keeps asking is served at the rate of the limit.
/// - It keeps 16.5 octets for each of [100,000 keys](Self::DEFAULT_KEYS), or as many as you
///   [set](Self::with_room_for), from the start and for good. What is kept of a key is a keyed hash
///   alone, so long keys take no more, and a dump of memory does not tell them.
/// - Keys share places by 16. Where more owe something at once, the key that would be the first to
///   owe nothing is forgotten, and may spend its burst anew. So to make it forget a key that owes
///   much, one has to run up debts as great for 15 other keys of the same place, and since nobody
///   knows which these are, on average for as many keys as there is room for. Requests from new
///   addresses, one from each, make it forget nothing but each other.
/// - Restarts forget everything; other nodes are not asked.
///
/// # Examples
/// ```
/// use kleidia_tower::rate_limit::{Limit, RateLimiter};
///
/// let logins = RateLimiter::new("5/60".parse()?);
/// assert_eq!(logins.check("alice", 1)?.units(), 4);
/// assert!(logins.check("alice", 5).is_err());
/// assert_eq!(logins.peek("alice").units(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Room for a million keys, and a clock that a test holds:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
/// use kleidia_tower::rate_limit::{Limit, RateLimiter};
///
/// let now = Arc::new(Mutex::new(Duration::ZERO));
/// let clock = Arc::clone(&now);
/// let limiter = RateLimiter::new(Limit::per(Duration::from_secs(10), 1)?)
///     .with_room_for(1_000_000)
///     .with_clock(move || *clock.lock().unwrap());
/// limiter.check(&["any", "key"], 1)?;
/// assert!(limiter.check(&["any", "key"], 1).is_err());
/// *now.lock().unwrap() += Duration::from_secs(10);
/// limiter.check(&["any", "key"], 1)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RateLimiter {
    limit: Limit,
    gcra: Gcra,
    debts: Debts,
    ticks: Ticks,
}

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateLimitError {
    /// The key has spent its budget.
    #[error("the budget is spent; there is enough in {retry_after:?}")]
    Exceeded {
        /// When there is enough for this cost, if nothing else is charged meanwhile.
        retry_after: Duration,
    },
    /// It costs more than the burst, and never passes.
    #[error("the cost of {cost} is more than the burst of {burst}")]
    CostExceedsBurst {
        /// The cost.
        cost: u32,
        /// The most that passes at once.
        burst: u32,
    },
}

/// A key's request to be charged, which others of the same key wait for.
pub(crate) struct Claim<'a> {
    limiter: &'a RateLimiter,
    held: Held<'a>,
    now: u64,
    /// What is owed before the charge.
    debt: u64,
    /// What is owed after it.
    charged: Result<u64, RateLimitError>,
}

impl RateLimiter {
    /// How many keys there is room for, unless you say otherwise.
    pub const DEFAULT_KEYS: usize = 100_000;

    /// A limiter that has seen nothing yet.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        let debts = Debts::with_room_for(Self::DEFAULT_KEYS);
        Self { gcra: Gcra::new(&limit), limit, debts, ticks: Ticks::default() }
    }

    /// Sets how many keys there is room for, at 16.5 octets each, rounded up to a multiple of 16;
    /// forgets all keys.
    ///
    /// As many may owe something at once. Half as much again is a good choice, since chance does
    /// not spread keys evenly.
    #[must_use]
    pub fn with_room_for(self, keys: usize) -> Self {
        Self { debts: Debts::with_room_for(keys), ..self }
    }

    /// Sets the clock: it tells how much time has passed since some moment, and never goes back.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { ticks: Ticks::Yours(Arc::new(clock)), ..self }
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> &Limit {
        &self.limit
    }

    /// Charges a key, and tells what it has left; a cost of 0 always passes.
    ///
    /// # Errors
    /// If the key has not enough budget, or the cost is more than the burst: then nothing is
    /// charged.
    pub fn check<K: Hash + ?Sized>(&self, key: &K, cost: u32) -> Result<Budget, RateLimitError> {
        let mut claim = self.claim(self.debts.fingerprint(key), cost);
        let debt = claim.charged.clone()?;
        claim.charge();
        Ok(Budget::new(&self.limit, debt))
    }

    /// Tells what a key has left, and charges nothing.
    #[must_use]
    pub fn peek<K: Hash + ?Sized>(&self, key: &K) -> Budget {
        self.claim(self.debts.fingerprint(key), 0).budget(false)
    }

    /// How many keys owe something, each of which takes a place; it looks at all places.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.debts.count(self.ticks.now())
    }

    /// Of the key that hashes so.
    pub(crate) fn fingerprint_by<E>(
        &self,
        hash: impl FnOnce(&mut DefaultHasher) -> Result<(), E>,
    ) -> Result<Fingerprint, E> {
        self.debts.fingerprint_by(hash)
    }

    /// Decides, and charges nothing yet; the key's place stays locked meanwhile.
    pub(crate) fn claim(&self, fingerprint: Fingerprint, cost: u32) -> Claim<'_> {
        let now = self.ticks.now();
        let held = self.debts.hold(fingerprint);
        let debt = held.paid_at().saturating_sub(now);
        Claim { limiter: self, held, now, debt, charged: self.charged(debt, cost) }
    }

    fn charged(&self, debt: u64, cost: u32) -> Result<u64, RateLimitError> {
        let Some(nonzero) = NonZeroU32::new(cost) else { return Ok(debt) };
        let burst = self.limit.burst();
        if cost > burst {
            return Err(RateLimitError::CostExceedsBurst { cost, burst });
        }
        let charged = self.gcra.charge(debt, nonzero);
        charged.map_err(|retry_after| RateLimitError::Exceeded { retry_after })
    }
}

impl Claim<'_> {
    /// How long to wait until it can be charged; `None` if it can.
    ///
    /// What costs more than the burst never can. It waits for as long as a whole burst takes.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self.charged {
            Ok(_) => None,
            Err(RateLimitError::Exceeded { retry_after }) => Some(retry_after),
            Err(RateLimitError::CostExceedsBurst { .. }) => {
                Some(self.limiter.limit.replenished_in())
            }
        }
    }

    /// What the key has left, before the charge or after it.
    pub(crate) fn budget(&self, is_charged: bool) -> Budget {
        let debt = match self.charged {
            Ok(debt) if is_charged => debt,
            _ => self.debt,
        };
        Budget::new(&self.limiter.limit, debt)
    }

    /// Charges the key, if it has enough.
    pub(crate) fn charge(&mut self) {
        match self.charged {
            Ok(debt) if debt > self.debt => self.held.owe_until(self.now.saturating_add(debt)),
            _ => {}
        }
    }
}

impl From<Limit> for RateLimiter {
    fn from(limit: Limit) -> Self {
        Self::new(limit)
    }
}
