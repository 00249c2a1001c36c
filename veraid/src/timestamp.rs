//! An instant in UTC, to the millisecond.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::temporal::Pieces;

/// An instant in UTC, to the millisecond, between the years 0000 and 9999.
///
/// Milliseconds are the finest step that any part of a bundle has (the signature metadata of
/// deployed producers); DNSSEC and certificates count whole seconds.
///
/// ```
/// use veraid::Timestamp;
///
/// let instant: Timestamp = "2026-11-22T18:03:00.250Z".parse()?;
/// assert_eq!(instant.as_millisecond(), 1_795_370_580_250);
/// assert_eq!(instant.to_string(), "2026-11-22T18:03:00.25Z");
/// # Ok::<(), veraid::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why something is no [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// The text is no RFC 3339 date and time.
    #[error("{0:?} is not an RFC 3339 date and time")]
    Rfc3339(String),
    /// The instant lies outside the years 0000 to 9999.
    #[error("an instant outside the years 0000 to 9999")]
    OutOfRange,
}

impl Timestamp {
    pub(crate) const MIN: Self = Self(Self::MIN_MILLISECOND);
    pub(crate) const MAX: Self = Self(Self::MAX_MILLISECOND);

    /// All arithmetic is civil: `jiff::Timestamp` ends a day before the year 9999 does, and the
    /// last second of it is how certificates say that they do not expire (RFC 5280, 4.1.2.5).
    const EPOCH: jiff::civil::DateTime = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    /// The first instant of the year 0000.
    const MIN_MILLISECOND: i64 = -62_167_219_200_000;
    /// The last millisecond of the year 9999.
    const MAX_MILLISECOND: i64 = 253_402_300_799_999;

    /// The instant so many milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] outside the years 0000 to 9999.
    pub fn from_millisecond(millisecond: i64) -> Result<Self, TimestampError> {
        if (Self::MIN_MILLISECOND..=Self::MAX_MILLISECOND).contains(&millisecond) {
            Ok(Self(millisecond))
        } else {
            Err(TimestampError::OutOfRange)
        }
    }

    /// The instant so many seconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] outside the years 0000 to 9999.
    pub fn from_second(second: i64) -> Result<Self, TimestampError> {
        let millisecond = second.checked_mul(1000).ok_or(TimestampError::OutOfRange)?;
        Self::from_millisecond(millisecond)
    }

    /// The instant of a calendar date and a time of day, or `None` if there is no such one.
    pub(crate) fn from_civil(
        date: (i16, i8, i8),
        time: (i8, i8, i8),
        millisecond: i32,
    ) -> Option<Self> {
        let (year, month, day) = date;
        let (hour, minute, second) = time;
        let nanosecond = millisecond.checked_mul(1_000_000)?;
        let civil =
            jiff::civil::DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()?;
        let since_epoch = civil.duration_since(Self::EPOCH).as_millis();
        Self::from_millisecond(i64::try_from(since_epoch).ok()?).ok()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, negative before it.
    #[must_use]
    pub const fn as_millisecond(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub const fn as_second(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved later, or the last one that can be told.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millisecond = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millisecond).min(Self::MAX_MILLISECOND))
    }

    /// This instant moved earlier, or the first one that can be told.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millisecond = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millisecond).max(Self::MIN_MILLISECOND))
    }

    /// The calendar date and time of day, for the encoders.
    pub(crate) fn to_civil(self) -> jiff::civil::DateTime {
        let since_epoch = jiff::SignedDuration::from_millis(self.0);
        Self::EPOCH.checked_add(since_epoch).unwrap_or(jiff::civil::DateTime::MAX)
    }
}

/// Rounds down to the millisecond.
impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampError;

    fn try_from(time: SystemTime) -> Result<Self, TimestampError> {
        let millisecond = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()),
            Err(before) => {
                let nanoseconds = before.duration().as_nanos();
                i64::try_from(nanoseconds.div_ceil(1_000_000)).map(|milliseconds| -milliseconds)
            }
        };
        Self::from_millisecond(millisecond.map_err(|_| TimestampError::OutOfRange)?)
    }
}

/// Reads RFC 3339 with any offset; digits past the millisecond are dropped.
impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        // jiff reads more than RFC 3339 (weekly dates, an offset of hours alone).
        let is_shaped = text.is_ascii()
            && text.get(10..11).is_some_and(|separator| "Tt ".contains(separator))
            && (text.ends_with(['Z', 'z'])
                || text
                    .get(text.len().saturating_sub(3)..)
                    .is_some_and(|end| end.starts_with(':')));
        let instant = Pieces::parse(text).ok().filter(|_| is_shaped);
        let instant = instant.and_then(|pieces| from_pieces(&pieces));
        instant.ok_or_else(|| TimestampError::Rfc3339(text.to_owned()))
    }
}

fn from_pieces(pieces: &Pieces<'_>) -> Option<Timestamp> {
    let civil = pieces.date().to_datetime(pieces.time()?);
    let offset = i64::from(pieces.to_numeric_offset()?.seconds());
    let since_epoch = civil.duration_since(Timestamp::EPOCH).as_nanos();
    let since_epoch = i64::try_from(since_epoch.div_euclid(1_000_000)).ok()?;
    Timestamp::from_millisecond(since_epoch - offset * 1000).ok()
}

/// Writes RFC 3339 in UTC, with a fraction only where there is one.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.to_civil();
        write!(f, "{civil}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        for (text, written) in [
            ("2026-11-22T18:03:00Z", "2026-11-22T18:03:00Z"),
            ("2026-11-22T18:03:00.4619Z", "2026-11-22T18:03:00.461Z"),
            ("2026-11-22t19:03:00+01:00", "2026-11-22T18:03:00Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            let instant: Timestamp = text.parse().unwrap();
            assert_eq!(instant.to_string(), written);
        }
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T18:03:00",
            "2026-02-30T00:00:00Z",
            "2026-11-22T18Z+01",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn rounds_system_time_down() {
        let before = UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(Timestamp::try_from(before).unwrap().as_millisecond(), -1);
        let after = UNIX_EPOCH + Duration::from_nanos(1_999_999);
        assert_eq!(Timestamp::try_from(after).unwrap().as_millisecond(), 1);
    }
}
