//! Closed periods of time, which only narrow.

use std::fmt;
use std::time::Duration;

use crate::Timestamp;

/// A closed period of time: it includes both ends.
///
/// A period cannot be widened: what is valid in it is valid in every part of it.
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
    /// The longest period.
    pub(crate) const UNBOUNDED: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// Returns the period from `start` to `end`, or `None` if it ends before it starts.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    /// Returns the period of one instant.
    #[must_use]
    pub const fn at(instant: Timestamp) -> Self {
        Self { start: instant, end: instant }
    }

    /// Returns the first instant.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// Returns the last instant.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// Returns the time from the first instant to the last.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.start.duration_until(self.end).unsigned_abs()
    }

    /// Returns whether the period contains the instant.
    #[must_use]
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant <= self.end
    }

    /// Returns the intersection, or `None` if it is empty.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

/// Writes both ends in RFC 3339, `2026-11-22T18:00:00Z to 2026-11-22T19:00:00Z`, or the instant if
/// both are equal.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start == self.end {
            return self.start.fmt(f);
        }
        write!(f, "{} to {}", self.start, self.end)
    }
}

/// The requested period of a verification, and the validity of what was verified. Both only narrow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidityTracker {
    /// How much earlier than stated a validity starts.
    clock_skew: Duration,
    /// The remaining part of the requested period.
    pub(crate) requested: Period,
    /// The period in which everything verified so far is valid.
    pub(crate) valid: Period,
}

impl ValidityTracker {
    pub(crate) const fn new(requested: Period) -> Self {
        Self { clock_skew: Duration::ZERO, requested, valid: Period::UNBOUNDED }
    }

    pub(crate) const fn with_clock_skew(self, clock_skew: Duration) -> Self {
        Self { clock_skew, ..self }
    }

    /// Narrows both periods by the validity of a signature or certificate, which starts earlier by
    /// the clock skew, and must overlap the requested period.
    pub(crate) fn narrow(&mut self, validity: Period) -> Result<(), NoOverlap> {
        let no_overlap = NoOverlap { requested: self.requested, validity };
        let period = Period { start: before(validity.start, self.clock_skew), ..validity };
        let both = self.requested.intersection(period).zip(self.valid.intersection(period));
        (self.requested, self.valid) = both.ok_or(no_overlap)?;
        Ok(())
    }
}

/// Returns the instant that is earlier by a duration, or the first one that there is.
pub(crate) fn before(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.saturating_sub(duration).unwrap_or(Timestamp::MIN)
}

/// A period that does not overlap the requested one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoOverlap {
    pub(crate) requested: Period,
    pub(crate) validity: Period,
}
