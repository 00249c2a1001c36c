//! Closed intervals of time that only narrow.

use std::fmt;
use std::time::Duration;

use crate::Timestamp;

/// A closed interval of time: both ends belong to it.
///
/// There is no way to widen a period: what is known to hold in it holds in every part of it.
///
/// ```
/// use veraid::{Period, Timestamp};
///
/// let start: Timestamp = "2026-11-22T18:00:00Z".parse()?;
/// let end: Timestamp = "2026-11-22T19:00:00Z".parse()?;
/// let period = Period::new(start, end).expect("starts before it ends");
/// assert!(period.contains(end));
/// assert_eq!(Period::new(end, start), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    start: Timestamp,
    end: Timestamp,
}

impl Period {
    /// All the time that can be told.
    pub(crate) const UNBOUNDED: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// The period from `start` to `end`, or `None` if it ends before it starts.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    /// The period of one instant.
    #[must_use]
    pub const fn at(instant: Timestamp) -> Self {
        Self { start: instant, end: instant }
    }

    /// The first instant.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// The last instant.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// The time from the first instant to the last.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.start.duration_until(self.end).unsigned_abs()
    }

    /// Whether the instant lies in the period.
    #[must_use]
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant <= self.end
    }

    /// What both periods share, or `None` if they share nothing.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

/// Writes both ends in RFC 3339, `2026-11-22T18:00:00Z to 2026-11-22T19:00:00Z`, or the one instant
/// that it is.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start == self.end {
            return self.start.fmt(f);
        }
        write!(f, "{} to {}", self.start, self.end)
    }
}

/// When a verification is asked about, and when what it found so far holds; both only narrow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidityTracker {
    /// What is left of the period that was asked for.
    pub(crate) requested: Period,
    /// When everything that was found holds, around what was asked for.
    pub(crate) valid: Period,
}

impl ValidityTracker {
    pub(crate) const fn new(requested: Period) -> Self {
        Self { requested, valid: Period::UNBOUNDED }
    }

    /// Takes a further period into account, or says that it misses what was asked for.
    pub(crate) fn narrow(&mut self, period: Period) -> Result<(), NoOverlap> {
        let no_overlap = NoOverlap { requested: self.requested, validity: period };
        let both = self.requested.intersection(period).zip(self.valid.intersection(period));
        (self.requested, self.valid) = both.ok_or(no_overlap)?;
        Ok(())
    }
}

/// A period that misses what was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoOverlap {
    pub(crate) requested: Period,
    pub(crate) validity: Period,
}
