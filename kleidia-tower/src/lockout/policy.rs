//! When login locks, and for how long.

use std::time::Duration;

/// When login locks, and for how long.
///
/// Failures of one name from one source lock that name for that source. The account as a whole is
/// throttled more softly, and only for sources from which nobody has signed in to it, so that a
/// stranger can't keep its owner out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// How many failures in a row lock a name for a source; 5 by default, 1 at least.
    pub threshold: u32,
    /// How long the first lock holds, from which on it doubles; a minute by default.
    pub base: Duration,
    /// How long a lock holds at most; 15 minutes by default.
    pub longest: Duration,
    /// How long without failures until locks are short again; 12 hours by default.
    pub quiet: Duration,
}

impl LockoutPolicy {
    /// How many failures in a row, from all sources, are evaluated at most (NIST SP 800-63B, 5.2.2):
    /// then an admin has to unlock the account.
    pub const MOST_FAILURES: u32 = 100;
    /// How many of them strangers can cause: the rest is for sources that the owner has used.
    pub const MOST_FAILURES_OF_STRANGERS: u32 = 50;
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            threshold: 5,
            base: Duration::from_secs(60),
            longest: Duration::from_secs(15 * 60),
            quiet: Duration::from_secs(12 * 3600),
        }
    }
}
