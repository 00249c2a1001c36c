//! When login locks, and for how long.

use crate::UnixTime;

/// When login locks, and for how long.
///
/// Failures of one name from one source lock that name for that source. The account as a whole is
/// throttled more softly, and only for sources from which nobody has signed in to it, so that a
/// stranger can't keep its owner out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// How many failures in a row lock a name for a source; 5 by default, 1 at least.
    pub threshold: u32,
    /// For how many seconds the first lock holds, from which on it doubles; 60 by default.
    pub base: UnixTime,
    /// For how many seconds a lock holds at most; 900 by default.
    pub longest: UnixTime,
    /// After how many seconds without failures locks are short again; 12 hours by default.
    pub quiet: UnixTime,
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
        Self { threshold: 5, base: 60, longest: 900, quiet: 12 * 3600 }
    }
}
