//! Time in whole seconds, as stores, tokens and rules count it.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::{Clock, SettingError, Timestamp};

/// Reads the clock, in whole seconds.
pub(crate) fn now(clock: &dyn Clock) -> Option<Timestamp> {
    clock.now().map(whole_seconds)
}

/// Drops the fraction of a second.
pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    saturating(at.as_second())
}

/// Returns the whole seconds of a setting if they are within its bounds.
pub(crate) fn check_seconds(
    setting: &'static str,
    value: Duration,
    bounds: RangeInclusive<Duration>,
) -> Result<Duration, SettingError> {
    SettingError::check(setting, Duration::from_secs(value.as_secs()), bounds)
}

/// Returns the whole second that is `span` after `at`, or the last valid one.
pub(crate) fn add(at: Timestamp, span: Duration) -> Timestamp {
    saturating(at.as_second().saturating_add_unsigned(span.as_secs()))
}

/// Returns the whole second that is `span` before `at`, or the first valid one.
pub(crate) fn sub(at: Timestamp, span: Duration) -> Timestamp {
    saturating(at.as_second().saturating_sub_unsigned(span.as_secs()))
}

/// Returns the time from `since` to `now`, or zero if the clock was set back.
pub(crate) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}

fn saturating(second: i64) -> Timestamp {
    let bound = if second < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(second)
        .or_else(|_| Timestamp::from_second(bound.as_second()))
        .unwrap_or(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_whole_seconds() {
        let at = Timestamp::constant(7, 900_000_000);
        assert_eq!(add(at, Duration::from_millis(1900)), Timestamp::constant(8, 0));
        assert_eq!(sub(at, Duration::from_millis(1900)), Timestamp::constant(6, 0));
        let (first, last) = (sub(at, Duration::MAX), add(at, Duration::MAX));
        assert_eq!(first.as_second(), Timestamp::MIN.as_second());
        assert_eq!((last.as_second(), last.subsec_nanosecond()), (Timestamp::MAX.as_second(), 0));
    }

    #[test]
    fn elapsed_is_zero_after_the_clock_was_set_back() {
        let (early, late) = (Timestamp::constant(7, 0), Timestamp::constant(10, 0));
        assert_eq!(elapsed(early, late), Duration::from_secs(3));
        assert_eq!(elapsed(late, early), Duration::ZERO);
    }
}
